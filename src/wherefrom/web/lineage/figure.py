"""From what is drawn to boxes with places: sizes, ports, stacks of names; laid out stage by stage.

    folding.items ──► boxes (a thing and its other names: one stack)
                  ──► lay_out, then grow, a stage at a time ──► places, routes

Each opening of the link is a stage of its own, so the drawing with it differs from the one before
only by what was added. A relation has a port of its own on an effect's side, where its name
stands; a cause has one port.

    ┌ column x = number * (BOX_WIDTH + BETWEEN)
    │ ┌──────────────┐   a full box, HEIGHT; a group GROUP_HEIGHT; one of an opened group and a
    │ ┤ kind   trust ├   gap SMALL_HEIGHT
    │ ┤ name         │
    │ └──────────────┘
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from wherefrom.web.lineage.folding import Drawn, Folding
from wherefrom.web.lineage.growing import Block, grow
from wherefrom.web.lineage.layout import Arc, Layout, lay_out
from wherefrom.web.lineage.scene import ALTERNATE, CAUSES, Scene

BOX_WIDTH: Final = 190
BETWEEN: Final = 104
HEIGHT: Final = 44
GROUP_HEIGHT: Final = 26
SMALL_HEIGHT: Final = 22
PORT_APART: Final = 14
# Members of an opened group stand in a block of so many rows, over more columns if they are many.
ROWS: Final = 25
COLUMNS_MAX: Final = 4
BLOCK_MARGIN: Final = 8
WIDER: Final = BETWEEN - 24
# Between two names of one thing, with a word that says so.
STACK_GAP: Final = 13
GHOSTS_MAX: Final = 24

_GHOST: Final = "gap "


class Place(NamedTuple):
    """Where an item stands: its column, and its top and height in the drawing's units.

    wider  how far it reaches into the space beside its column: to the left if that is negative
    """

    column: int
    top: int
    height: int
    wider: int = 0

    @property
    def left(self) -> int:
        """Its left side."""
        return self.column * (BOX_WIDTH + BETWEEN) + min(self.wider, 0)

    @property
    def right(self) -> int:
        """Its right side."""
        return self.column * (BOX_WIDTH + BETWEEN) + BOX_WIDTH + max(self.wider, 0)

    @property
    def middle(self) -> int:
        """Half its height down."""
        return self.top + self.height // 2


class Frame(NamedTuple):
    """What is around the members of an opened group.

    first, last  the columns it reaches over; ``top`` and ``bottom`` leave BLOCK_MARGIN around boxes
    wider        as that of each place in it
    """

    group: str
    first: int
    last: int
    top: int
    bottom: int
    wider: int


class Route(NamedTuple):
    """The way of a line: where it leaves the cause, enters the effect, and passes between.

    lanes  its height in each column between the ends, from the left on
    """

    line: Drawn
    cause_at: int
    effect_at: int
    lanes: tuple[int, ...]


class Figure(NamedTuple):
    """All that is drawn, with its place.

    places    of each item; ``order`` is that of reading: column by column, a block as a whole
    routes    lines to draw
    frames    around the members of each opened group
    names     pairs of items that stand in one stack, the upper first, with the link between
    ghosts    what is missing of a thing, by the item that stands for it
    """

    places: dict[str, Place]
    order: list[str]
    routes: list[Route]
    frames: list[Frame]
    names: list[tuple[str, str, Drawn]]
    ghosts: dict[str, str]


class _Box(NamedTuple):
    """A box of the layout: one item, or several names of one thing, top to bottom."""

    items: list[str]
    downs: list[int]
    height: int


class FigureMaker:
    """Makes a figure, a ``stage`` each time that more is drawn."""

    def __init__(self, scene: Scene, folding: Folding) -> None:
        self._scene = scene
        self._folding = folding
        self._layout: Layout | None = None
        self._stood = 0
        self._lines: list[Drawn] = []
        self._boxes: list[_Box] = []
        self._at: dict[str, tuple[int, int]] = {}  # item → its box, how far below its top
        self._heights: dict[str, int] = {}
        self._ports: dict[tuple[str, str], int] = {}
        self._arcs: dict[tuple[str, str, str], int] = {}
        self._blocks: dict[str, list[str]] = {}  # opened group → what stands in its block
        self._ghosts: dict[str, str] = {}
        self._ghost_lines: list[Drawn] = []

    def stage(self) -> None:
        """Give places to what is drawn now and was not before; nothing else moves."""
        fresh = self._folding.items[self._stood :]
        self._stood = len(self._folding.items)
        ghosts = self._ghosts_of(fresh)
        self._lines = [*self._folding.lines(), *self._ghost_lines]
        relations = self._relations(fresh)
        first = len(self._boxes)
        for stack in self._stacks([*fresh, *ghosts]):
            self._add_box(stack, relations)
        heights = [box.height for box in self._boxes[first:]]
        arcs = self._new_arcs()
        if self._layout is None:
            self._layout = lay_out(heights, arcs)
        else:
            blocks = self._new_blocks(fresh, self._layout)
            beside = self._beside(first)
            self._layout = grow(self._layout, heights, arcs, beside=beside, blocks=blocks)
        self._order_ports(relations, self._layout)

    def figure(self) -> Figure:
        """Everything at its place."""
        assert self._layout is not None, "there was a first stage"
        layout = self._layout
        places = {}
        for item, (box, down) in self._at.items():
            parent = self._folding.parents.get(item, "")
            wider = self._wider(parent) if parent in self._blocks else 0
            top = layout.tops[box] + down
            places[item] = Place(layout.columns[box], top, self._heights[item], wider)
        routes, names = [], []
        for line in self._lines:
            place = self._arcs.get(line.key)
            if place is not None:
                cause = places[line.cause].middle
                effect = places[line.effect].top + self._effect_port(line)
                routes.append(Route(line, cause, effect, layout.lanes[place]))
            elif line.relation == ALTERNATE:
                pair = sorted((line.effect, line.cause), key=lambda item: places[item].top)
                names.append((pair[0], pair[1], line))
        frames = [
            self._frame(token, [places[item] for item in items])
            for token, items in self._blocks.items()
        ]
        order = sorted(places, key=lambda item: places[item][:2])
        return Figure(places, order, routes, frames, names, self._ghosts)

    def _wider(self, token: str) -> int:
        """Members of a group reach into the space on their far side: nothing else needs it."""
        return -WIDER if self._folding.groups[token].way == CAUSES else WIDER

    def _frame(self, token: str, inside: Sequence[Place]) -> Frame:
        return Frame(
            token,
            min(place.column for place in inside),
            max(place.column for place in inside),
            min(place.top for place in inside) - BLOCK_MARGIN,
            max(place.top + place.height for place in inside) + BLOCK_MARGIN,
            self._wider(token),
        )

    def _ghosts_of(self, fresh: Iterable[str]) -> list[str]:
        """What fresh things lack, each as a thing of its own."""
        found = []
        for id in fresh:
            thing = self._scene.things.get(id)
            missing = {} if thing is None else thing.missing
            if missing and len(self._ghosts) < GHOSTS_MAX:
                ghost = _GHOST + id
                self._ghosts[ghost] = id
                relation = next(iter(missing))
                self._ghost_lines.append(Drawn(effect=id, cause=ghost, relation=relation, links=[]))
                found.append(ghost)
        return found

    def _relations(self, fresh: Iterable[str]) -> dict[str, list[str]]:
        """The relations that enter each fresh item, in the order of their ports."""
        found: dict[str, dict[str, None]] = {item: {} for item in fresh}
        for line in self._lines:
            if line.effect in found and line.relation != ALTERNATE and not line.part:
                found[line.effect][line.relation] = None
        return {item: list(relations) for item, relations in found.items()}

    def _order_ports(self, relations: dict[str, list[str]], layout: Layout) -> None:
        """Give the ports of fresh items in the order in which their lines come, top to bottom."""
        heights: dict[tuple[str, str], list[int]] = {}
        for line in self._lines:
            place = self._arcs.get(line.key)
            if place is not None and len(relations.get(line.effect, ())) > 1:
                box, down = self._at[line.cause]
                level = layout.tops[box] + down + self._heights[line.cause] // 2
                lanes = layout.lanes[place]
                came = heights.setdefault((line.effect, line.relation), [])
                came.append(lanes[-1] if lanes else level)
        for item, entering in relations.items():
            come = [(_mean(heights.get((item, each), [0])), each) for each in entering]
            for place, (_, relation) in enumerate(sorted(come), 1):
                self._ports[item, relation] = self._heights[item] * place // (len(come) + 1)

    def _new_arcs(self) -> list[Arc]:
        arcs = []
        for line in self._lines:
            (cause, cause_down), (effect, effect_down) = self._at[line.cause], self._at[line.effect]
            if cause == effect or line.part or line.key in self._arcs:
                continue
            self._arcs[line.key] = len(self._arcs)
            arcs.append(
                Arc(
                    cause=cause,
                    effect=effect,
                    cause_port=cause_down + self._heights[line.cause] // 2,
                    effect_port=effect_down + self._effect_port(line),
                    trunk=2 * cause_down + line.proven,
                )
            )
        return arcs

    def _new_blocks(self, fresh: Iterable[str], layout: Layout) -> list[Block]:
        """Fresh members of opened groups: each group's together, on its far side."""
        members: dict[str, list[str]] = {}
        for item in fresh:
            parent = self._folding.parents.get(item, "")
            if parent in self._folding.groups:
                members.setdefault(parent, []).append(item)
        blocks = []
        for token, items in members.items():
            # Names of one thing stand in one stack, and only its first belongs into the block.
            stacks = list(dict.fromkeys(self._at[item][0] for item in items))
            wide = min(COLUMNS_MAX, -(-len(stacks) // ROWS))
            side = -1 if self._folding.groups[token].way == CAUSES else 1
            anchor = self._at[token][0]
            column = layout.columns[anchor] + side
            blocks.append(Block(stacks, column, side, -(-len(stacks) // wide), anchor))
            self._blocks[token] = items
        return blocks

    def _beside(self, first: int) -> list[tuple[int, int]]:
        """New boxes that are another name of one that stands: (new, old)."""
        found = []
        for line in self._lines:
            if line.relation == ALTERNATE:
                old, new = sorted((self._at[line.effect][0], self._at[line.cause][0]))
                if old < first <= new:
                    found.append((new, old))
        return found

    def _stacks(self, items: Sequence[str]) -> list[list[str]]:
        """``items``, those that are names of one thing together; each where its first stood."""
        fresh = set(items)
        mates: dict[str, list[str]] = {}
        for line in self._lines:
            if line.relation == ALTERNATE and line.effect in fresh and line.cause in fresh:
                mates.setdefault(line.effect, []).append(line.cause)
                mates.setdefault(line.cause, []).append(line.effect)
        stacks: list[list[str]] = []
        done: set[str] = set()
        for item in items:
            if item in done:
                continue
            stack = [item]
            done.add(item)
            for name in stack:  # grows while it is read
                for mate in mates.get(name, ()):
                    if mate not in done:
                        done.add(mate)
                        stack.append(mate)
            stacks.append(stack)
        return stacks

    def _add_box(self, stack: list[str], relations: dict[str, list[str]]) -> None:
        downs, down = [], 0
        for item in stack:
            entering = relations.get(item, [])
            height = self._heights[item] = self._height(item, len(entering))
            self._at[item] = (len(self._boxes), down)
            downs.append(down)
            down += height + STACK_GAP
            for place, relation in enumerate(entering, 1):
                self._ports[item, relation] = height * place // (len(entering) + 1)
        self._boxes.append(_Box(stack, downs, down - STACK_GAP))

    def _height(self, item: str, ports: int) -> int:
        if item in self._ghosts:
            return SMALL_HEIGHT
        if item in self._folding.groups:
            return max(GROUP_HEIGHT, PORT_APART * (ports + 1)) if ports > 1 else GROUP_HEIGHT
        if self._folding.parents.get(item, "") in self._folding.groups:
            return SMALL_HEIGHT
        return max(HEIGHT, PORT_APART * (ports + 1))

    def _effect_port(self, line: Drawn) -> int:
        middle = self._heights[line.effect] // 2
        return self._ports.get((line.effect, line.relation), middle)


def _mean(heights: Sequence[int]) -> float:
    return sum(heights) / len(heights)
