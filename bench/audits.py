"""The full audit: every entry, content, nonce and tile read again and compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from bench.place import Place, commit, records
from bench.report import Row
from wherefrom.app import DataFolder, log_at_rest, open_recorder
from wherefrom.log.audit import audit

_LARGE_BYTES = 4096


def measure(place: Place) -> Iterator[Row]:
    """A log of small records, and one of 4 KB contents, in turn."""
    small, large = place.filled(), _large(place)
    took: dict[str, list[float]] = {"small": [], "large": []}
    entries = 0
    for _ in range(place.sizes.rounds):
        entries, seconds = _audit(small)
        took["small"].append(seconds)
        took["large"].append(_audit(large)[1])
    yield Row(
        area="audit",
        what=f"{entries:,} entries with 300 B contents",
        value=entries / statistics.median(took["small"]),
        unit="/s",
        goal=300_000.0,
        at_least=True,
        beside={"whole audit s": statistics.median(took["small"]), "pages": "cached"},
    )
    count = place.sizes.audited
    yield Row(
        area="audit",
        what=f"{count:,} contents of {_LARGE_BYTES:,} B: contents read and checked",
        value=count * _LARGE_BYTES / statistics.median(took["large"]) / 1e6,
        unit="MB/s",
        goal=400.0,
        at_least=True,
        beside={"whole audit s": statistics.median(took["large"]), "pages": "cached"},
    )


def _large(place: Place) -> DataFolder:
    folder, count = place.fresh("audited"), place.sizes.audited
    with open_recorder(folder) as recorder:
        for start in range(0, count, 8192):
            limit = min(start + 8192, count)
            commit(recorder, records("audited", start, limit, _LARGE_BYTES))
    return folder


def _audit(folder: DataFolder) -> tuple[int, float]:
    start = time.perf_counter()
    report = audit(log_at_rest(folder), dedup_folder=folder.path / "dedup")
    seconds = time.perf_counter() - start
    assert not report.problems, report.problems[:3]
    return report.entries, seconds
