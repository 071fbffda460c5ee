"""Bytes on disk that are neither entry, nor content, nor nonce; the indexes apart.

    journal + tiles − entries − contents − nonces = the log's overhead
    marks · de-duplication · head                 = indexes, which can be made again

The graph stands in its own area; its bytes depend on what records say, not on their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.place import Place, records
from bench.report import Row
from wherefrom.app import open_recorder
from wherefrom.formats.entry import NONCE_BYTES


def measure(place: Place) -> Iterator[Row]:
    """One log for each batch size, closed as a server closes it."""
    for batch, count in place.sizes.overhead:
        folder = place.fresh(f"overhead-{batch}")
        with open_recorder(folder) as recorder:
            own = recorder.writer.record(0)
            content = len(own.content or b"") + NONCE_BYTES
            entries = len(own.entry)
            for start in range(0, count, batch):
                part = records(f"overhead {batch}", start, min(start + batch, count))
                entries += sum(len(r.entry) for r in recorder.writer.commit(part))
                content += sum(len(v.content) + NONCE_BYTES for v in part)
        held = count + 1
        over = _bytes(folder.path, "journal/*.wfj") + _bytes(folder.path, "tile/**/*")
        yield Row(
            area="bytes an entry",
            what=f"the log's overhead, batches of {batch}, {count:,} entries",
            value=(over - entries - content) / held,
            unit="B",
            goal=40.0,
            beside={
                "entry B": entries / held,
                "tiles B": _bytes(folder.path, "tile/**/*") / held,
                "beside, indexes: marks B": _bytes(folder.path, "journal/*.idx") / held,
                "de-duplication B": _bytes(folder.path, "dedup/*") / held,
                "head, once, B": _bytes(folder.path, "head"),
            },
        )


def _bytes(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file())
