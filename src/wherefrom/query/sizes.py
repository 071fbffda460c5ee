"""Whether a log was ever of the size that is asked for."""

from __future__ import annotations

from wherefrom.errors import NotFound
from wherefrom.log.reader import LogReader


def need_size(as_of: int | None, *, reached: int, log: LogReader) -> None:
    """Raises NotFound for a size the log never had.

    One that it has and its views, at ``reached``, have not is worth waiting for: they say so.
    """
    if as_of is not None and as_of > max(reached, log.refresh().size):
        raise NotFound(
            "the log was never of this size", expected=f"a size up to {log.size}", got=as_of
        )
