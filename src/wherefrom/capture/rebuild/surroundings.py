"""What a build finds around it: what is pinned, what is not, and what is varied to find a cause.

    recipe + machine ──► Surroundings(clock, folder, host, umask, variables …)
                           pinned ──► the same, twice            each alone ──► one that is another

A pin that the recorded environment sets already is left as it is recorded. The clock stands at the
time of the commit, and a day before it if the recorded run may have seen that very second: what
then has the same bytes does not depend on it.

Source: reproducible-builds.org/specs/source-date-epoch; reprotest(1) for what is varied
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from wherefrom.capture.rebuild.recipe import Recipe

TREE: Final = "/tmp/build"
HOME: Final = "/tmp/home"
# The dates in a ZIP count by two seconds.
TICK_SECONDS: Final = 2
_DAY: Final = 86_400
# Over a year, and another time of the day.
_LATER: Final = 400 * _DAY + 6 * 3600 + 23 * 60 + 17
# Taken over from whoever rebuilds: what says where programs are.
_TAKEN: Final = ("PATH",)
_PINS: Final = MappingProxyType({"TZ": "UTC0", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"})
_NAMES: Final = MappingProxyType(
    {"TZ": "time zone", "LC_ALL": "locale", "PYTHONHASHSEED": "order of hashes in Python",
     "SOURCE_DATE_EPOCH": "SOURCE_DATE_EPOCH"}
)  # fmt: skip
_ALWAYS: Final = ("network", "home", "folder", "host name", "umask")
# disorderfs would vary the first, but is a file system of its own (FUSE).
_NEVER: Final = ("order of names in a folder", "number of processors", "kernel")
CLOCK: Final = "clock"
_FILES: Final = "dates of the source"


class Surroundings(NamedTuple):
    """What a build finds.

    epoch  of SOURCE_DATE_EPOCH; None where the environment is to be as recorded
    clock  where it stands, seconds since 1970; None where it is the machine's
    dates  of the files of the source, seconds since 1970; None where they are of now
    pins   variables that the record does not set
    """

    epoch: int | None = None
    clock: int | None = None
    dates: int | None = None
    folder: str = TREE
    host: str = "build"
    umask: int = 0o022
    pins: Mapping[str, str] = MappingProxyType({})

    def variables(self, recipe: Recipe, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment of a build; ``environ`` is of whoever rebuilds."""
        taken = {name: environ[name] for name in _TAKEN if name in environ}
        dated = {} if self.epoch is None else {"SOURCE_DATE_EPOCH": str(self.epoch)}
        return {**taken, **self.pins, **dated, **recipe.environment, "HOME": HOME}

    def pinned(self) -> list[str]:
        """What is, in words."""
        dated = [] if self.epoch is None else ["SOURCE_DATE_EPOCH"]
        found = [*([CLOCK] if self.clock is not None else []),
                 *([_FILES] if self.dates is not None else []),
                 *dated, *(_NAMES[name] for name in self.pins)]  # fmt: skip
        return [*found, *_ALWAYS]

    def free(self) -> list[str]:
        """What is not."""
        may_be = (CLOCK, _FILES, *_NAMES.values())
        return [*(name for name in may_be if name not in self.pinned()), *_NEVER]


AS_RECORDED: Final = Surroundings()


def pinned(recipe: Recipe, epoch: int) -> Surroundings:
    """Everything pinned; ``epoch`` is when the commit was made."""
    moment = epoch if epoch < recipe.ran[0] - TICK_SECONDS else epoch - _DAY
    return Surroundings(epoch, moment, moment, pins=_PINS)


def variations(around: Surroundings, recipes: Sequence[Recipe]) -> list[tuple[str, Surroundings]]:
    """The same with one thing in each that is another; not what every step sets itself."""
    found: list[tuple[str, Surroundings]] = []
    if around.clock is not None:
        # Both at once: programs that see another clock see the dates of files by it, too.
        later = around.clock + _LATER
        found.append((f"{CLOCK} and dates of files", around._replace(clock=later, dates=later)))
    elif around.dates is not None:
        found.append((_FILES, around._replace(dates=around.dates + _LATER)))
    others = {"TZ": "WFT-5:45", "LC_ALL": "C", "PYTHONHASHSEED": "1"}
    for name, value in others.items():
        if name in around.pins and not all(name in one.environment for one in recipes):
            found.append((_NAMES[name], around._replace(pins={**around.pins, name: value})))
    return [
        *found,
        ("folder", around._replace(folder=f"{TREE}-elsewhere/src")),
        ("host name", around._replace(host="elsewhere")),
        ("umask", around._replace(umask=0o002)),
    ]
