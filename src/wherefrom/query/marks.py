"""What a reader should know before believing in a thing: few marks, each seen in what records say.

    weak_digest  it has no other name than an MD5 or SHA-1, which two things can share
    reused       one build made things of one name and other content; one run is of several jobs;
                 one BOM-Link names several documents
    went_back    a document came after one of its own that has a higher version
    future       a record dates it after we received the record
    before_cause  a record dates it before what it says it follows from

Nothing is refused for a mark, and none is stored: it follows from the graph, and goes when the
record behind it is erased. A build for several platforms is marked as reused too where each of its
images is called the same, for records cannot tell the two apart.

Sizes:  ROWS_MAX neighbours are looked at, ENTRIES_MAX entries named
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from wherefrom.formats.facts import KINDS
from wherefrom.query.answers import Mark
from wherefrom.query.clocks import BEFORE_CAUSE, FUTURE, happened, is_future, later_causes
from wherefrom.query.summary import summaries
from wherefrom.views.graph import Judgement, Lens, Snapshot
from wherefrom.views.graph.lens import Step
from wherefrom.views.graph.schema import ALTERNATE, RELATION_NUMBERS

ROWS_MAX: Final = 500
ENTRIES_MAX: Final = 20
_WEAK: Final = ("md5:", "sha1:")
_BOM_LINK: Final = "urn:cdx:"
_SHOWN_MAX: Final = 5
_GENERATED_BY: Final = RELATION_NUMBERS["generated_by"]
_SPECIALIZES: Final = RELATION_NUMBERS["specializes"]


def marks_of(
    snapshot: Snapshot, number: int, lens: Lens, *, id: str, kind: str, alternates: Collection[str]
) -> list[Mark]:
    """The marks of one node; ``alternates`` are its other ids."""
    found = [*_weak(id, alternates)]
    if kind in ("build", "run"):
        found += _remade(snapshot, number, lens)
        found += _of_several_jobs(snapshot, number, lens)
    links = [other for other in (id, *alternates) if _is_bom_link(other)]
    for link in links:
        found += _of_several_documents(snapshot, link, lens)
        found += _link_went_back(snapshot, link, lens)
    found += _version_went_back(snapshot, number, lens)
    return found


def marks_of_times(
    snapshot: Snapshot, judged: Mapping[int, Judgement], lens: Lens, *, kind: str
) -> list[Mark]:
    """What is wrong with the times of the records that speak of a thing, of which ``kind``."""
    found = []
    future = sorted(entry for entry, judgement in judged.items() if is_future(judgement))
    if future:
        newest = judged[future[-1]]
        says = f"dated {newest.occurred}, received {newest.received}"
        found.append(Mark(mark=FUTURE, says=says, entries=future[-ENTRIES_MAX:]))
    if KINDS[kind] == "Activity":
        for entry, cause in sorted(later_causes(snapshot, lens, judged).items())[:_SHOWN_MAX]:
            says = f"dated {happened(judged[entry])}; its cause is dated {cause.at}"
            found.append(Mark(mark=BEFORE_CAUSE, says=says, entries=[entry, cause.entry]))
    return found


def _weak(id: str, alternates: Collection[str]) -> Iterator[Mark]:
    if id.startswith(_WEAK) and all(other.startswith(_WEAK) for other in alternates):
        algorithm = id.partition(":")[0]
        yield Mark(
            mark="weak_digest",
            says=f"records name it by its {algorithm} alone, which other content can have too",
            entries=[],
        )


def _remade(snapshot: Snapshot, number: int, lens: Lens) -> Iterator[Mark]:
    """Outputs of one name whose digests differ."""
    made = _near(snapshot, number, lens, up=False, only=_GENERATED_BY)
    ids = snapshot.ids(made)
    by_name: dict[tuple[str, str], list[int]] = {}
    for node, summary in summaries(snapshot, made, lens).items():
        algorithm, colon, _ = ids[node].partition(":")
        if colon and summary.name and summary.kind in ("artifact", "image"):
            by_name.setdefault((summary.name, algorithm), []).append(node)
    for (name, _), nodes in sorted(by_name.items()):
        # One record may well list the platforms of an image under one name.
        if len(nodes) > 1 and len(entries := _entries(made[node] for node in nodes)) > 1:
            which = ", ".join(sorted(ids[node] for node in nodes)[:_SHOWN_MAX])
            says = f"this made {name} more than once, with other content: {which}"
            yield Mark(mark="reused", says=says, entries=entries)


def _of_several_jobs(snapshot: Snapshot, number: int, lens: Lens) -> Iterator[Mark]:
    jobs = _near(snapshot, number, lens, up=True, only=_SPECIALIZES)
    if len(jobs) > 1:
        which = ", ".join(sorted(snapshot.ids(jobs).values())[:_SHOWN_MAX])
        says = f"one run of several jobs: {which}"
        yield Mark(mark="reused", says=says, entries=_entries(jobs.values()))


def _of_several_documents(snapshot: Snapshot, link: str, lens: Lens) -> Iterator[Mark]:
    documents = _documents(snapshot, link, lens)
    if len(documents) > 1:
        yield Mark(
            mark="reused",
            says=f"{link} names several documents",
            entries=_entries(documents.values()),
        )


def _link_went_back(snapshot: Snapshot, link: str, lens: Lens) -> Iterator[Mark]:
    base, _, version = link.rpartition("/")
    own = _documents(snapshot, link, lens)
    if not own:
        return
    first = min(step.first for step in own.values())
    for other, _ in snapshot.ids_from(base + "/", ROWS_MAX):
        its = other.rpartition("/")[2]
        if _is_bom_link(other) and int(its) > int(version):
            before = [
                step for step in _documents(snapshot, other, lens).values() if step.first < first
            ]
            if before:
                yield _went_back(version, its, [*before, *own.values()])
                return


def _version_went_back(snapshot: Snapshot, number: int, lens: Lens) -> Iterator[Mark]:
    """Of a document that is one version of something, under ``version``, as OpenVEX has it."""
    for whole, step in _near(snapshot, number, lens, up=True, only=_SPECIALIZES).items():
        siblings = _near(snapshot, whole, lens, up=False, only=_SPECIALIZES)
        told = summaries(snapshot, siblings, lens)
        versions = {
            node: int(text)
            for node, summary in told.items()
            if summary.kind in ("attestation", "sbom")
            and (text := str(summary.properties.get("version", ""))).isdecimal()
            and len(text) < 10
        }
        if number not in versions:
            continue
        for node, version in sorted(versions.items(), key=lambda item: item[1], reverse=True):
            if version > versions[number] and siblings[node].first < step.first:
                yield _went_back(versions[number], version, [siblings[node], step])
                break


def _went_back(version: object, before: object, steps: Collection[Step]) -> Mark:
    return Mark(
        mark="went_back",
        says=f"version {version} came after version {before}",
        entries=_entries(steps),
    )


def _is_bom_link(id: str) -> bool:
    version = id.rpartition("/")[2]
    return id.startswith(_BOM_LINK) and version.isdecimal() and len(version) < 10


def _documents(snapshot: Snapshot, link: str, lens: Lens) -> dict[int, Step]:
    number = snapshot.numbers([link]).get(link)
    if number is None:
        return {}
    named = _near(snapshot, number, lens, up=False, only=ALTERNATE)
    told = summaries(snapshot, named, lens)
    return {
        node: step for node, step in named.items() if node in told and told[node].kind == "sbom"
    }


def _near(snapshot: Snapshot, number: int, lens: Lens, *, up: bool, only: int) -> dict[int, Step]:
    steps = snapshot.steps([number], lens, up=up, only=only, rows_max=ROWS_MAX)
    return {step.cause if up else step.effect: step for step in steps}


def _entries(steps: Iterable[Step]) -> list[int]:
    return sorted({step.first for step in steps})[:ENTRIES_MAX]
