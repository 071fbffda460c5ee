"""What an inventory lists against what the log holds, with every difference named.

    registry  image X@sha256:… is tagged; no record names it   ·  recorded, and no tag leads to it
    ci        run 123 of main ended well; no provenance names it   ·  a provenance of a run not listed
    cluster   a container runs what no record names, or nobody declared   ·  declared, and not run
    cloud     a resource that no record names                  ·  recorded, and the cloud has it not

An index and its platforms are one thing. What only the log holds is looked for only where the
inventory lists all there is (``covers``).

Sizes:  HELD_MAX things of the log are compared with one inventory; then it says that there are more
"""  # noqa: E501 - the picture

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from wherefrom.formats import names
from wherefrom.formats.descriptors import image_repository
from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.inventory import Inventory, Listed
from wherefrom.formats.states import DECLARED, Scope
from wherefrom.query.answers import LogPosition
from wherefrom.query.catalog.in_force import InForce
from wherefrom.query.one_thing import OneThing
from wherefrom.views.estate import FOR_EVER, EstateSnapshot, Held, sources_heard
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.spelling import fold_text, tag_key

HELD_MAX: Final = 20_000
_MENTIONS_MAX: Final = 50


class Apart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One difference. ``says`` names it; ``entry``: the record that holds it, if one does."""

    what: str
    id: str
    where: str
    says: str
    owner: str | None = None
    entry: int | None = None


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """One inventory against the log.

    listed     how many things it lists; ``held``: how many of them the log holds as it should
    only_listed, only_held  what is in one of them and not in the other
    left_out   what the inventory has that is compared with nothing, by why
    truncated  whether there is more in the log than was looked at
    """

    kind: str
    source: str
    taken: str
    log: LogPosition
    as_of: int
    listed: int
    held: int
    only_listed: list[Apart]
    only_held: list[Apart]
    left_out: dict[str, int]
    truncated: bool


class Reconciling:
    """One inventory, over one snapshot of each view; ``at`` in microseconds."""

    def __init__(
        self, estate: EstateSnapshot, graph: Snapshot, lens: Lens, *, at: int, known: InForce
    ) -> None:
        self._estate = estate
        self._graph = graph
        self._lens = lens
        self._at = at
        self._known = known
        self._same = OneThing(graph, lens)
        self._owners = _owners(known)
        self.truncated = False

    def differences(self, inventory: Inventory) -> tuple[list[Apart], list[Apart]]:
        """What only the inventory lists, and what only the log holds."""
        listed: Mapping[str, Callable[[Inventory], Iterator[Apart]]] = {
            "registry": self._images_listed, "ci": self._runs_listed,
            "cluster": self._containers_listed, "cloud": self._things_listed,
            "list": self._things_listed,
        }  # fmt: skip
        held: Mapping[str, Callable[[Inventory], Iterator[Apart]]] = {
            "registry": self._images_held, "ci": self._runs_held,
            "cluster": self._containers_held, "cloud": self._resources_held,
            "list": lambda _: iter(()),
        }  # fmt: skip
        return list(listed[inventory.kind](inventory)), list(held[inventory.kind](inventory))

    # -- a registry

    def _images_listed(self, inventory: Inventory) -> Iterator[Apart]:
        seen = self._seen(id for one in inventory.listed for id in (one.id, *one.parts))
        for one in inventory.listed:
            if one.id in seen or any(part in seen for part in one.parts):
                continue
            tagged = {tag for tag in one.names if self._graph.tagged(tag_key(tag), self._lens)}
            says = f"{one.says or one.where}@{one.id} is in the registry; no record names it"
            if tagged:
                says += ", though one names another image by this tag"
            yield self._apart(one, says)

    def _images_held(self, inventory: Inventory) -> Iterator[Apart]:
        listed = {id for one in inventory.listed for id in (one.id, *one.parts)}
        found: dict[int, str] = {}
        for repository in inventory.covers:
            called = [
                (tag, number)
                for tag, number in self._graph.tags_from(
                    tag_key(f"{repository}:"), self._lens, HELD_MAX
                )
            ] + self._graph.named(
                fold_text(repository), self._lens, prefix=False, rows_max=HELD_MAX
            )
            self.truncated |= len(called) >= HELD_MAX
            for _, number in called:
                found.setdefault(number, repository)
        ids = self._graph.ids(list(found))
        seen = self._graph.visible(list(found), self._lens)
        for number, repository in sorted(found.items(), key=lambda pair: ids[pair[0]]):
            id = ids[number]
            if number not in seen or not _is_digest(id) or id in listed:
                continue
            if not listed.isdisjoint({*self._same.names(id), *self._same.wholes(id)}):
                continue
            yield Apart(
                what="image", id=id, where=repository,
                says=f"{repository}@{id} is recorded; no tag of the registry leads to it",
                owner=self._owners.get(f"image:{repository}"), entry=self._entry(number),
            )  # fmt: skip

    # -- a CI

    def _runs_listed(self, inventory: Inventory) -> Iterator[Apart]:
        builders = self._builders()
        for one in inventory.listed:
            called = (one.id, *one.names)
            builds = [
                f"build:{builder}:{names.encode(name)}" for builder in builders for name in called
            ]
            if self._seen(builds):
                continue
            seen = [id for id in called if "://" in id and self._seen([id])]
            told = "records name it, and none of them is a provenance" if seen else (
                "no provenance names it"
            )  # fmt: skip
            entry = self._entry(self._graph.numbers(seen)[seen[0]]) if seen else None
            yield self._apart(one, f"{one.says} ended well; {told}", entry=entry)

    def _runs_held(self, inventory: Inventory) -> Iterator[Apart]:
        """Builds of provenances that are said to be runs of a CI that does not list them.

        Of those that are newer or older than all that it lists nobody can tell.
        """
        listed = {name for one in inventory.listed for name in (one.id, *one.names)}
        times = sorted(number for one in inventory.listed if (number := _number(one.id)))
        for repository in inventory.covers if times else ():
            page = repository.removeprefix("git+")
            for builder in self._builders():
                prefix = f"build:{builder}:{names.encode(f'{page}/actions/runs/')}"
                rows = self._graph.ids_from(prefix, HELD_MAX)
                self.truncated |= len(rows) >= HELD_MAX
                seen = self._graph.visible([number for _, number in rows], self._lens)
                for id, number in rows:
                    run = id.rpartition(":")[2].replace("%3A", ":").replace("%25", "%")
                    bare = run.partition("/attempts/")[0]
                    within = times[0] <= (_number(bare) or 0) <= times[-1]
                    if number in seen and within and not listed & {run, bare}:
                        yield Apart(
                            what="run", id=bare, where=repository,
                            says="a provenance is of a run that the CI does not list as well ended",
                            owner=self._owners.get(f"repository:{repository}"),
                            entry=self._entry(number),
                        )  # fmt: skip

    def _builders(self) -> list[str]:
        """Who is said to have built anything, by provenances."""
        return sources_heard(self._estate, "provenance", at=FOR_EVER - 1, as_of=self._lens.as_of)

    # -- a cluster

    def _containers_listed(self, inventory: Inventory) -> Iterator[Apart]:
        seen = self._seen(one.id for one in inventory.listed)
        declared = self._declared(inventory.environment)
        values = {one.value for one in declared}
        said = {text for one in declared for text in (one.says, one.value) if text}
        for one in inventory.listed:
            # A name that was declared is what was pulled by it.
            if one.id in values or said.intersection(one.names):
                continue
            if one.id not in seen:
                yield self._apart(one, f"{one.where} runs {one.says}; no record names {one.id}")
            elif not any(self._same(one.id, value) for value in values):
                entry = self._entry(self._graph.numbers([one.id])[one.id])
                says = f"{one.where} runs {one.says}; nobody declared {one.id}"
                yield self._apart(one, says, entry=entry)

    def _containers_held(self, inventory: Inventory) -> Iterator[Apart]:
        run = {one.id for one in inventory.listed}
        called = {name for one in inventory.listed for name in one.names}
        for held in self._declared(inventory.environment):
            if held.value in run or called.intersection(filter(None, (held.value, held.says))):
                continue
            if any(self._same(held.value, id) for id in run):
                continue
            place = "/".join(filter(None, held.scope[:2]))
            value = held.says or held.value
            yield Apart(
                what="container", id=held.value, where=place,
                says=f"{value} is declared in {place}; no pod runs it",
                owner=self._known.owner_of(held.scope.service), entry=held.seen_entry,
            )  # fmt: skip

    def _declared(self, environment: str) -> list[Held]:
        return self._estate.held(
            Scope(environment), at=self._at, as_of=self._lens.as_of, slots=("artifact",),
            modes=(DECLARED,),
        )  # fmt: skip

    # -- a cloud, a list

    def _things_listed(self, inventory: Inventory) -> Iterator[Apart]:
        everything = [id for one in inventory.listed for id in (one.id, *one.names, *one.parts)]
        seen = self._seen(everything)
        placed = {one.name.lower() for one in self._resources()}
        for one in inventory.listed:
            called = (one.id, *one.names, *one.parts)
            if not seen.isdisjoint(called) or placed.intersection(map(str.lower, called)):
                continue
            if any(self._is_called(name) for name in called):
                continue
            kind = f"{one.says} " if one.what == "resource" and one.says else ""
            where = {"cloud": "in the cloud", "list": "listed"}[inventory.kind]
            yield self._apart(one, f"{kind}{one.id} is {where}; no record names it")

    def _is_called(self, name: str) -> bool:
        """Whether something is called so, besides its id; nothing is called as a digest is."""
        if _is_digest(name):
            return False
        if self._graph.tagged(tag_key(name), self._lens):
            return True
        return bool(self._graph.named(fold_text(name), self._lens, prefix=False, rows_max=1))

    def _resources_held(self, inventory: Inventory) -> Iterator[Apart]:
        listed = {name.lower() for one in inventory.listed for name in (one.id, *one.names)}
        for one in self._resources():
            name = one.name.lower()
            if name in listed or not any(name.startswith(f"{c}".lower()) for c in inventory.covers):
                continue
            yield Apart(
                what="resource", id=one.name, where="/".join(filter(None, one.scope[:2])),
                says=f"{one.name} is recorded; the cloud does not list it",
                owner=self._known.owner_of(one.scope.service), entry=one.seen_entry,
            )  # fmt: skip

    def _resources(self) -> list[Held]:
        return self._estate.held(Scope(), at=self._at, as_of=self._lens.as_of, slots=("resource",))

    # -- what they share

    def _seen(self, ids: Iterable[str]) -> set[str]:
        """Those of these ids that a record speaks of."""
        numbers = self._graph.numbers(ids)
        visible = self._graph.visible(list(numbers.values()), self._lens)
        return {id for id, number in numbers.items() if number in visible}

    def _entry(self, number: int) -> int | None:
        found = self._graph.entries_of(number, self._lens, _MENTIONS_MAX)
        return found[-1] if found else None

    def _apart(self, one: Listed, says: str, *, entry: int | None = None) -> Apart:
        owner = self._known.owner_of(one.service) if one.service else None
        for about in (f"image:{one.where}", f"repository:{one.where}"):
            owner = owner or self._owners.get(about)
        if owner is None and (image := image_repository(one.says)) is not None:
            owner = self._owners.get(f"image:{image}")
        return Apart(what=one.what, id=one.id, where=one.where, says=says, owner=owner, entry=entry)


def _owners(known: InForce) -> dict[str, str]:
    """What records are kept under → who owns its service."""
    found: dict[str, str] = {}
    for service in known.services.values():
        for about in service.abouts() if service.owner else ():
            found.setdefault(about, service.owner or "")
    return found


def _is_digest(id: str) -> bool:
    return strong_id_in(id) is not None


def _number(page: str) -> int | None:
    """The number of a run of GitHub, which grows."""
    last = page.rpartition("/")[2]
    return int(last) if last.isdecimal() and len(last) < 20 else None
