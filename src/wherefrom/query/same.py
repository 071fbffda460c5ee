"""What else an artifact is called, and which image index it is a platform of: by trusted words.

    sha256:A ◄─alternate─► pkg:npm/x@1 ◄─alternate─► sha512:A'        one thing
        ╳ sha256:B, which calls itself pkg:npm/x@1 too                 another: other bytes
        └─contains─ sha256:I, an image index                          the whole that it is a part of

Each link counts only by the word of somebody known, whoever said it first. Two digests by one
algorithm are two things, so no name leads from one to the other, or a wheel would have the papers
of the sdist. Of the wholes only an image index lends its papers: who approved an image has not
approved each file in it, nor the image that it was built upon.

Sizes:  NAMES_MAX names · ROWS_MAX links of a node · REPEATS_MAX records that state one link
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
    links: dict[int, tuple[int, ...]] = {start: ()}
    thing = {start: start}  # each name, by the thing that it names
    taken = {start: _by_algorithm(graph.ids([start])[start])}
    fresh, cut = [start], False
    doubted: set[int] = set()
    while fresh and len(links) < NAMES_MAX:
        ways, others, too_many = _ways(graph, lens, fresh)
        cut = cut or too_many
        doubted |= others
        ids = graph.ids(sorted({way.there for way in ways}))
        kinds = summaries(graph, sorted(ids), lens)
        fresh = []
        for way in ways:
            if way.there in links or way.there not in kinds or kinds[way.there].kind not in _SAME:
                continue
            called = _by_algorithm(ids[way.there])
            whole = way.there if way.is_whole else thing[way.here]
            known = taken.setdefault(whole, called)
            # What was asked for by a name may be several things: which, nobody can say.
            if known and any(known.setdefault(key, id) != id for key, id in called.items()):
                continue
            links[way.there] = (*links[way.here], way.entry)
            thing[way.there] = whole
            fresh.append(way.there)
    own = frozenset(number for number, whole in thing.items() if whole == start)
    found = sorted(id for id in graph.ids(sorted(own)).values() if _by_algorithm(id))
    cut = cut or len(links) >= NAMES_MAX
    return Same(links, own, tuple(found), frozenset(doubted), cut)


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


def _ways(graph: Snapshot, lens: Lens, fresh: list[int]) -> tuple[list[_Way], set[int], bool]:
    """Where trusted links lead from ``fresh``, oldest first; the entries that state others; whether
    there are too many."""
    names: list[Step] = []
    for up in (True, False):
        names += graph.steps(fresh, lens, up=up, only=ALTERNATE, rows_max=ROWS_MAX)
    kinds = summaries(graph, fresh, lens)
    images = [n for n in fresh if n in kinds and kinds[n].kind == "image"]
    parts = graph.steps(images, lens, up=False, only=CONTAINS, rows_max=ROWS_MAX)
    ways = set()
    here = set(fresh)
    known = believed(graph, lens, names)
    for step, entry in known.items():
        for one, other in ((step.effect, step.cause), (step.cause, step.effect)):
            if one in here:
                ways.add(_Way(one, other, False, entry))
    wholes = believed(graph, lens, parts)
    indexes = _indexes(graph, lens, wholes, kinds)
    ways |= {
        _Way(step.cause, step.effect, True, entry)
        for step, entry in wholes.items()
        if step in indexes
    }
    cut = len(names) >= ROWS_MAX or len(parts) >= ROWS_MAX
    doubted = {step.first for step in names if step not in known}
    doubted |= {step.first for step in parts if step not in wholes}
    return sorted(ways, key=lambda way: (way.is_whole, way.entry, way.there)), doubted, cut


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
