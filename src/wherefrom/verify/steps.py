"""Checks as numbered steps: each says what it proved, and the first that fails is the last.

    "chain" ──► … ──► Step("chain", True, "issued by …") ──► "inclusion" ──► error ──► Report
    its name before it starts     what it showed                              failed, at inclusion

Evidence of Wherefrom's own log and Sigstore's are checked this way, and told alike.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from wherefrom.errors import Error, StorageError


class Step(msgspec.Struct, frozen=True):
    """One check: its name, whether it held, and what that shows."""

    name: str
    ok: bool
    says: str


class Report(msgspec.Struct, frozen=True):
    """``proven`` if every step held, ``failed`` if one did not, ``unproven`` if nothing decided."""

    result: str
    steps: list[Step]


def report(steps: Iterator[str | Step]) -> Report:
    """Run the steps in order; each gives its name before it starts, and a Step once it holds.

    The first that raises is the last, and says why. Raises StorageError: where something cannot
    be read, nothing was shown either way.
    """
    done: list[Step] = []
    name = "read"
    try:
        for step in steps:
            if isinstance(step, Step):
                done.append(step)
            else:
                name = step
    except StorageError:
        raise
    except Error as error:
        return Report("failed", [*done, Step(name, False, str(error))])
    return Report("proven", done)
