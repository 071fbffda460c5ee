"""What of a scene is drawn: large groups folded to "+N", what was opened unfolded. Pure.

    scene ──breadth first from what was asked──► neighbours of one relation and kind
                                                  ├─ GROUP_MAX at most ──► drawn, and gone on from
                                                  └─ more ──► one group: "+300 packages"
    ?open= ──in the order of the link──► a group's members, or a thing's next hop, are drawn too

What is drawn only grows, token by token, so a drawing grows too (``growing.py``): nothing that a
reader looked at moves. What hangs only on a folded group is not drawn either. What the way from A
to B passes is never folded. A thing's other name that leads nowhere is not drawn, but told.

What more than ALONE_MAX members of a group have in common, such as the build of 111 files, is a
line of the group, open or not; what members are to each other is told in the list alone.

Sizes:  GROUP_MAX siblings are drawn one by one · an opened group shows OPENED_EACH_MAX more each
        time · VISIBLE_MAX things in all, then every group is folded
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

import msgspec

from wherefrom.web.lineage.filters import token_of
from wherefrom.web.lineage.scene import ALTERNATE, CAUSES, EFFECTS, Link, Scene

GROUP_MAX: Final = 12
OPENED_EACH_MAX: Final = 400
VISIBLE_MAX: Final = 2_000
ALONE_MAX: Final = 3


class Group(msgspec.Struct, kw_only=True):
    """Neighbours of one thing, by one relation and of one kind, drawn as one.

    token    names it in links
    of, way  whose neighbours they are, and which: CAUSES or EFFECTS
    members  ids; ``shown`` are drawn, once it was opened
    rest_of  the group that was opened and had more members than could be shown
    """

    token: str
    of: str
    way: str
    relation: str
    kind: str
    members: list[str]
    shown: list[str] = []
    opened: bool = False
    rest_of: Group | None = None

    def chain(self) -> list[str]:
        """The tokens from the thing whose neighbours they are to this group."""
        above = self.rest_of.chain() if self.rest_of is not None else []
        return [*above, self.token]


class Drawn(msgspec.Struct, kw_only=True):
    """One line between two drawn items, each an id or the token of a group.

    links  all that it stands for, the first of them its best
    part   from an opened group to one of its members
    """

    effect: str
    cause: str
    relation: str
    links: list[Link]
    part: bool = False

    @property
    def proven(self) -> bool:
        """Whether a signature vouches for all of it; nothing vouches for what is missing."""
        return bool(self.links) and all(link.proven for link in self.links)

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it one line."""
        return (self.effect, self.relation, self.cause)


class Folding:
    """What is drawn of a scene, in the order in which it came to be.

    items    ids of things and tokens of groups
    parents  of each thing that another led to: that other's id, or the token of the group
    groups   by token
    unknown  how many tokens named nothing
    """

    def __init__(self, scene: Scene, pinned: Iterable[str] = ()) -> None:
        self._scene = scene
        self.items: list[str] = []
        self.parents: dict[str, str] = {}
        self.groups: dict[str, Group] = {}
        self.unknown = 0
        self.full = False
        self._visible: set[str] = set()
        self._held: dict[str, Group] = {}
        roots = [id for id in (*scene.starts, *pinned) if id in scene.things]
        for id in roots:
            self._show(id, None)
        self._reach(dict.fromkeys(roots))

    def open(self, token: str, expand: Callable[[str], None]) -> None:
        """Open a group, or go one hop on from a thing: ``expand`` adds that hop to the scene."""
        group = self.groups.get(token)
        if group is not None and not group.opened:
            self._open_group(group)
        elif group is None:
            found = [id for id in self._visible if token_of(id) == token]
            if found:
                expand(found[0])
                self._reach(found[:1])
            else:
                self.unknown += 1

    def things(self) -> list[str]:
        """Ids of the things that are drawn, in order."""
        return [item for item in self.items if item not in self.groups]

    def lines(self) -> list[Drawn]:
        """Every line between two items, each pair and relation once, in a lasting order."""
        found: dict[tuple[str, str, str], Drawn] = {}

        def draw(effect: str, cause: str, link: Link, *, part: bool = False) -> None:
            line = Drawn(effect=effect, cause=cause, relation=link.relation, links=[], part=part)
            found.setdefault(line.key, line).links.append(link)

        drawn = [link for link in self._scene.links() if self._drawn(link)]
        shared = self._shared(drawn)
        for link in drawn:
            if chain := self._chain(link):
                way, of, *inner = chain
                for near, far in pairwise([of, *inner]):
                    ends = (near, far) if way == CAUSES else (far, near)
                    draw(*ends, link, part=near != of)
                continue
            effect, cause = (
                self._item_of(id, alone=shared[self._with_others(link, id)] <= ALONE_MAX)
                for id in (link.effect, link.cause)
            )
            if effect != cause:
                draw(effect, cause, link)
        return list(found.values())

    def _drawn(self, link: Link) -> bool:
        ends = (link.effect, link.cause)
        return all(id in self._visible or id in self._held for id in ends)

    def _chain(self, link: Link) -> list[str]:
        """The items through which a link is drawn that made a group: way, thing, groups, member."""
        for member, of, way in (
            (link.cause, link.effect, CAUSES),
            (link.effect, link.cause, EFFECTS),
        ):
            group = self._held.get(member)
            if group and (group.of, group.way, group.relation) == (of, way, link.relation):
                tail = [member] if member in self._visible else []
                return [way, of, *group.chain(), *tail]
        return []

    def _with_others(self, link: Link, id: str) -> tuple[str, str, str, bool]:
        """What links of a group's members may have in common: relation, other end, direction."""
        group = self._held.get(id)
        other = link.cause if id == link.effect else link.effect
        return (group.chain()[0] if group else id, link.relation, other, id == link.effect)

    def _shared(self, links: Iterable[Link]) -> Counter[tuple[str, str, str, bool]]:
        return Counter(
            self._with_others(link, id)
            for link in links
            for id in (link.effect, link.cause)
            if id in self._held
        )

    def _item_of(self, id: str, *, alone: bool) -> str:
        """What stands for a thing at the end of a line: itself, or the first box of its group."""
        group = self._held.get(id)
        if group is None or (alone and id in self._visible):
            return id
        return group.chain()[0]

    def _show(self, id: str, parent: str | None) -> None:
        if id not in self._visible:
            self._visible.add(id)
            self.items.append(id)
            if parent is not None:
                self.parents[id] = parent

    def _reach(self, roots: Iterable[str]) -> None:
        """Draw what hangs on ``roots``, nearest first, and fold what is many."""
        queue = deque(roots)
        while queue:
            here = queue.popleft()
            for (way, relation, kind), others in self._new_around(here).items():
                self.full = self.full or len(self._visible) + len(others) > VISIBLE_MAX
                few = len(others) <= GROUP_MAX or relation == ALTERNATE
                if few and len(self._visible) + len(others) <= VISIBLE_MAX:
                    for other in others:
                        self._show(other, here)
                    queue.extend(others)
                else:
                    self._fold(here, way, relation, kind, others)

    def _new_around(self, here: str) -> dict[tuple[str, str, str], list[str]]:
        groups: dict[tuple[str, str, str], list[str]] = {}
        seen: set[str] = set()
        for way, link, other in self._scene.steps(here):
            if other in self._visible or other in self._held or other in seen:
                continue
            if link.relation == ALTERNATE and self._scene.only_name(other):
                continue
            seen.add(other)
            kind = self._scene.things[other].kind
            groups.setdefault((way, link.relation, kind), []).append(other)
        return groups

    def _fold(self, of: str, way: str, relation: str, kind: str, members: list[str]) -> None:
        token = token_of(of, way, relation, kind)
        while token in self.groups:  # a hop that was opened twice found more of the same
            token = token_of(token)
        self._hold(
            Group(token=token, of=of, way=way, relation=relation, kind=kind, members=members),
            parent=of,
        )

    def _hold(self, group: Group, *, parent: str) -> None:
        self.groups[group.token] = group
        self._held.update(dict.fromkeys(group.members, group))
        self.items.append(group.token)
        self.parents[group.token] = parent

    def _open_group(self, group: Group) -> None:
        room = min(OPENED_EACH_MAX, VISIBLE_MAX - len(self._visible))
        if room <= 0:
            self.full = True
            return
        group.opened = True
        group.shown, rest = group.members[:room], group.members[room:]
        for id in group.shown:
            self._show(id, group.token)
        if rest:
            self._hold(
                Group(
                    token=token_of(group.token), of=group.of, way=group.way,
                    relation=group.relation, kind=group.kind, members=rest, rest_of=group,
                ),
                parent=group.token,
            )  # fmt: skip
        self._reach(group.shown)
