"""A full audit, ours beside Tessera's; and our export, read by Tessera's fsck and client.

    our log ──► audit                        a log of Tessera's ──► fsck
       └──export──► static tiles ──► fsck · client: checkpoint, proofs, each one verified

Ours also reads contents and nonces, which nobody else has, and the de-duplication index.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Final

from bench import tessera_programs as tessera
from bench.place import BATCH, Place
from bench.report import Row, not_here
from bench.timing import spread
from wherefrom.app import DataFolder, log_at_rest
from wherefrom.log.audit import audit
from wherefrom.log.export import export

_AREA: Final = "logs: a full audit"
_READ: Final = "our export, read by others"
_OWN: Final = "Tessera's fsck on its own log"
_EXPORT: Final = "Tessera's fsck on our export"


def measure(place: Place) -> Iterator[Row]:
    """Each in turn with the others, round after round; medians."""
    ours, rounds = place.filled(), range(place.sizes.rounds)
    missing = tessera.missing()
    if missing is not None:
        yield _audited([_audit(ours) for _ in rounds])
        for area, what in ((_AREA, _OWN), (_READ, _EXPORT), (_READ, "Tessera's client")):
            yield not_here(area, what, missing)
        return
    own, own_vkey = place.folder / "fsck-own", place.folder / "fsck-own.vkey"
    tessera.add(own, own_vkey, count=place.sizes.peer_entries, batch=BATCH, ahead=16)
    exported, vkey = place.folder / "exported", ours.path / "keys" / "log.vkey"
    place.say("exporting, for Tessera to read")
    began = time.perf_counter()
    position = export(log_at_rest(ours), exported)
    exporting = time.perf_counter() - began
    taken = [
        (_audit(ours), tessera.fsck(own, own_vkey), tessera.fsck(exported, vkey)) for _ in rounds
    ]
    yield _audited([one[0] for one in taken])
    yield _checked(_AREA, _OWN, [one[1] for one in taken])
    yield _checked(_READ, _EXPORT, [one[2] for one in taken])
    read = tessera.prove(exported, vkey, count=place.sizes.peer_proofs)
    found = {(one[2].size, one[2].root) for one in taken} | {(read.size, read.root)}
    if found != {(position.size, position.root.hex())}:
        raise RuntimeError(f"Tessera read {found} in an export of {position}")
    yield _proved(read.proof_seconds, exporting)


def _audit(folder: DataFolder) -> tuple[int, float]:
    """How many entries, and seconds."""
    began = time.perf_counter()
    report = audit(log_at_rest(folder), dedup_folder=folder.path / "dedup")
    took = time.perf_counter() - began
    assert not report.problems, report.problems[:3]
    return report.entries, took


def _audited(taken: Sequence[tuple[int, float]]) -> Row:
    took = statistics.median(seconds for _, seconds in taken)
    return Row(
        area=_AREA,
        what=f"wherefrom: {taken[0][0]:,} entries, contents, tiles and indexes",
        value=taken[0][0] / took,
        unit="/s",
        beside={"it took s": took, "pages": "cached"},
    )


def _checked(area: str, what: str, taken: Sequence[tessera.Checked]) -> Row:
    took = statistics.median(one.seconds for one in taken)
    return Row(
        area=area,
        what=f"{what}: {taken[0].size:,} entries, ok",
        value=taken[0].size / took,
        unit="/s",
        beside={"it took s": took, "workers": str(tessera.WORKERS), "pages": "cached"},
    )


def _proved(took: Sequence[float], exporting: float) -> Row:
    times = spread(took)
    return Row(
        area=_READ,
        what=f"Tessera's client: {len(took):,} proofs built and verified, p99",
        value=times.p99,
        unit="ms",
        beside={"p50 ms": times.p50, "worst ms": times.worst, "exporting took s": exporting},
    )
