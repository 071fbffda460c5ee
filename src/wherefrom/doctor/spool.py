"""Do records of ``wherefrom run`` wait on this machine that should have been sent?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wherefrom.capture.recorder.spool import Spool
from wherefrom.doctor.found import Found, Ground, amount, span

WAITS_S_MAX: Final = 3600.0


def spool(ground: Ground) -> Iterator[Found]:
    """Each folder of the spool: how much waits, for how long, and what was refused."""
    folders = sorted(p for p in ground.spool.glob("*") if p.is_dir())
    waits, wrong = 0, False
    for folder in folders:
        waiting = Spool(folder).waiting()
        waits += len(waiting)
        if waiting and (age := ground.file_age_s(waiting[0])) > WAITS_S_MAX:
            wrong = True
            room = amount(sum(path.stat().st_size for path in waiting))
            says = f"{len(waiting):,} records ({room}) wait in {folder}, the first for {span(age)}"
            fix = f"Look whether their place answers, then: wherefrom record {folder}/*.json"
            yield Found(False, says, fix)
        refused = sum(1 for _ in (folder / "refused").glob("*"))
        if refused:
            wrong = True
            says = f"{refused:,} records in {folder / 'refused'} were refused"
            yield Found(None, says, "Mend what wherefrom record says of them, or remove them")
    if not wrong:
        yield Found(True, f"{waits:,} records wait to be sent" if waits else "nothing waits")
