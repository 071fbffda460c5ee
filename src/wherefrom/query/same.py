"""What else an artifact is called, and which image index it is a platform of: by trusted words.

    sha256:A ◄─alternate─► pkg:npm/x@1 ◄─alternate─► sha512:A'        one thing
        ╳ sha256:B, which calls itself pkg:npm/x@1 too                 another: other bytes
        └─contains─ sha256:I, an image index                          the whole that it is a part of

Each link counts only by the word of somebody known, whoever said it first. Two digests by one
algorithm are two things, so no name leads from one to the other, or a wheel would have the papers
of the sdist. Of the wholes only an image index lends its papers: who approved an image has not
approved each file in it, nor the image that it was built upon.

Sizes:  NAMES_MAX names · ROWS_MAX links of a node · REPEATS_MAX records that state one link ·
        TOGETHER_MAX artifacts in one question
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from wherefrom.formats import digests
from wherefrom.query.summary import Summary, summaries
from wherefrom.views.graph import Lens, Snapshot, Step
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS

NAMES_MAX: Final = 200
ROWS_MAX: Final = 20_000
REPEATS_MAX: Final = 1_000
TOGETHER_MAX: Final = 250
TRUSTED: Final = frozenset({"signed", "keyless", "batch", "self"})
_SAME: Final = ("image", "artifact", "package", "model")


class Same(NamedTuple):
    """Names by number, each with the entries that say so.

    links      all of them; ``own`` those of the artifact itself, not of a whole
    digests    the ids among ``own`` that are digests
    doubted    entries that say there are others, and that nobody known signed
    truncated  there are more
    """

    links: dict[int, tuple[int, ...]]
    own: frozenset[int]
    digests: tuple[str, ...]
    doubted: frozenset[int] = frozenset()
    truncated: bool = False


class _Way(NamedTuple):
    here: int
    there: int
    is_whole: bool
    entry: int


def names_of(graph: Snapshot, lens: Lens, start: int) -> Same:
    """The names of the artifact ``start``, and of the image indexes that it is a platform of."""
    return _names(graph, lens, [start])[start]


def names_of_all(graph: Snapshot, lens: Lens, starts: Collection[int]) -> dict[int, Same]:
    """The same of many, with as many questions as of a few."""
    found: dict[int, Same] = {}
    listed = sorted(starts)
    for first in range(0, len(listed), TOGETHER_MAX):
        some = _names(graph, lens, listed[first : first + TOGETHER_MAX])
        if any(one.truncated for one in some.values()):  # by each other's names, perhaps
            some = {start: names_of(graph, lens, start) for start in some}
        found |= some
    return found


class _Naming:
    """The names of one artifact, as they are found."""

    def __init__(self, start: int, called: dict[str, str]) -> None:
        self.start = start
        self.links: dict[int, tuple[int, ...]] = {start: ()}
        self.doubted: set[int] = set()
        self.cut = False
        self.fresh = [start]
        self._thing = {start: start}  # each name, by the thing that it names
        self._taken = {start: called}

    def take(self, ways: Collection[_Way], ids: dict[int, str], kinds: dict[int, Summary]) -> None:
        """Go the ways that lead on, oldest first."""
        self.fresh = []
        for way in ways:
            if way.there in self.links or way.there not in kinds:
                continue
            if kinds[way.there].kind not in _SAME:
                continue
            called = _by_algorithm(ids[way.there])
            whole = way.there if way.is_whole else self._thing[way.here]
            known = self._taken.setdefault(whole, called)
            # What was asked for by a name may be several things: which, nobody can say.
            if known and any(known.setdefault(key, id) != id for key, id in called.items()):
                continue
            self.links[way.there] = (*self.links[way.here], way.entry)
            self._thing[way.there] = whole
            self.fresh.append(way.there)

    def done(self, ids: dict[int, str]) -> Same:
        own = frozenset(n for n, whole in self._thing.items() if whole == self.start)
        found = sorted(ids[n] for n in own if _by_algorithm(ids[n]))
        cut = self.cut or len(self.links) >= NAMES_MAX
        return Same(self.links, own, tuple(found), frozenset(self.doubted), cut)


def _names(graph: Snapshot, lens: Lens, starts: Collection[int]) -> dict[int, Same]:
    ids = graph.ids(starts)
    naming = [_Naming(start, _by_algorithm(ids[start])) for start in starts]
    looking = naming
    while looking:
        fresh = sorted({number for one in looking for number in one.fresh})
        found, too_many = _ways(graph, lens, fresh)
        ids |= graph.ids(sorted({way.there for ways, _ in found.values() for way in ways}))
        kinds = summaries(
            graph, sorted({way.there for ways, _ in found.values() for way in ways}), lens
        )
        for one in looking:
            here = [found[number] for number in one.fresh if number in found]
            one.cut = one.cut or too_many
            one.doubted.update(entry for _, doubted in here for entry in doubted)
            some = [way for ways, _ in here for way in ways]
            one.take(sorted(some, key=lambda w: (w.is_whole, w.entry, w.there)), ids, kinds)
        looking = [one for one in looking if one.fresh and len(one.links) < NAMES_MAX]
    return {one.start: one.done(ids) for one in naming}


def believed(graph: Snapshot, lens: Lens, steps: Collection[Step]) -> dict[Step, int]:
    """Of the edges that somebody known states, the first entry that does."""
    judged = graph.judgements({step.first for step in steps}, lens)
    found = {}
    for step in steps:
        if step.first in judged and judged[step.first].level in TRUSTED:
            found[step] = step.first
            continue
        # A stranger who said it first does not take the word of those who say it after.
        again = graph.judgements(graph.statements(step, lens, REPEATS_MAX), lens)
        known = [entry for entry, one in again.items() if one.level in TRUSTED]
        if known:
            found[step] = min(known)
    return found


def _ways(
    graph: Snapshot, lens: Lens, fresh: list[int]
) -> tuple[dict[int, tuple[set[_Way], set[int]]], bool]:
    """Where trusted links lead from each of ``fresh``, and the entries that state others; whether
    there are too many."""
    names: list[Step] = []
    for up in (True, False):
        names += graph.steps(fresh, lens, up=up, only=ALTERNATE, rows_max=ROWS_MAX)
    kinds = summaries(graph, fresh, lens)
    images = [n for n in fresh if n in kinds and kinds[n].kind == "image"]
    parts = graph.steps(images, lens, up=False, only=CONTAINS, rows_max=ROWS_MAX)
    found: dict[int, tuple[set[_Way], set[int]]] = {number: (set(), set()) for number in fresh}
    known = believed(graph, lens, names)
    for step in names:
        for one, other in ((step.effect, step.cause), (step.cause, step.effect)):
            if one in found:
                ways, doubted = found[one]
                if step in known:
                    ways.add(_Way(one, other, False, known[step]))
                else:
                    doubted.add(step.first)
    wholes = believed(graph, lens, parts)
    indexes = _indexes(graph, lens, wholes, kinds)
    for step in parts:
        ways, doubted = found[step.cause]
        if step in indexes:
            ways.add(_Way(step.cause, step.effect, True, wholes[step]))
        elif step not in wholes:
            doubted.add(step.first)
    return found, len(names) >= ROWS_MAX or len(parts) >= ROWS_MAX


def _indexes(
    graph: Snapshot, lens: Lens, steps: Iterable[Step], parts: dict[int, Summary]
) -> set[Step]:
    """Those of ``steps`` that lead from a platform to its index.

    What an image holds is images only, if it is an index; or else packages and files too, and the
    image that it was built upon, which has another name.
    """
    steps = list(steps)
    wholes = summaries(graph, sorted({step.effect for step in steps}), lens)
    found = set()
    for step in steps:
        whole = wholes.get(step.effect)
        if whole is None or whole.kind != "image":
            continue
        held = graph.steps([step.effect], lens, up=True, only=CONTAINS, rows_max=NAMES_MAX)
        kinds = summaries(graph, sorted({one.cause for one in held}), lens)
        only_images = all(one.kind == "image" for one in kinds.values())
        if only_images or _repository(whole) == _repository(parts[step.cause]) != "":
            found.add(step)
    return found


def _repository(image: Summary) -> str:
    """``shop/till`` of ``shop/till:1.1.0`` and ``shop/till@sha256:…``."""
    name, _, _ = (image.name or "").partition("@")
    place, slash, last = name.rpartition("/")
    return place + slash + last.partition(":")[0]


def _by_algorithm(id: str) -> dict[str, str]:
    """Algorithm → id of a digest; nothing of another id."""
    return {id.partition(":")[0]: id} if digests.strong_id_in(id) == id else {}
