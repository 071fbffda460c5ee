"""Where boxes and lines stand: nothing lies on anything, and nothing old moves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherefrom.web.lineage import crossings
from wherefrom.web.lineage.growing import BLOCK_GAP, Block, grow
from wherefrom.web.lineage.layout import GAP, LANE, Arc, Layout, lay_out
from wherefrom.web.lineage.ranks import ranks_of

HEIGHTS = st.sampled_from([22, 26, 44, 58, 101])


@st.composite
def graphs(draw, boxes_max=24, acyclic=False):
    heights = draw(st.lists(HEIGHTS, min_size=1, max_size=boxes_max))
    boxes = st.integers(0, len(heights) - 1)
    pairs = draw(st.lists(st.tuples(boxes, boxes), max_size=3 * len(heights)))
    if acyclic:
        pairs = [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]
    trunks = st.integers(0, 1)
    arcs = [
        Arc(a, b, heights[a] // 2, heights[b] // draw(st.integers(2, 4)), draw(trunks))
        for a, b in dict.fromkeys(pairs)
    ]
    return heights, arcs


def wrong(layout: Layout, gap: int = GAP) -> list[str]:
    """Everything that lies on something, or is drawn through it."""
    found = []
    by_column: dict[int, list[int]] = {}
    for box, column in enumerate(layout.columns):
        by_column.setdefault(column, []).append(box)
    for boxes in by_column.values():
        boxes.sort(key=lambda box: layout.tops[box])
        for upper, lower in pairwise(boxes):
            if layout.tops[lower] - layout.tops[upper] - layout.heights[upper] < gap:
                found.append(f"boxes {upper} and {lower}")
    for arc, lanes in zip(layout.arcs, layout.lanes, strict=True):
        ends = sorted((layout.columns[arc.cause], layout.columns[arc.effect]))
        passed = range(ends[0] + 1, ends[1])
        if len(lanes) != len(passed):
            found.append(f"{arc} has {len(lanes)} lanes for {len(passed)} columns")
        for column, lane in zip(passed, lanes, strict=False):
            found += [
                f"{arc} through box {box}"
                for box in by_column.get(column, [])
                if layout.tops[box] - 3 < lane < layout.tops[box] + layout.heights[box] + 3
            ]
    return found


@given(graphs())
def test_nothing_lies_on_anything_and_no_line_passes_through_a_box(graph):
    layout = lay_out(*graph)
    assert wrong(layout) == []
    assert min(layout.tops) >= 0
    assert layout.arcs == graph[1]


@given(graphs(acyclic=True))
def test_every_cause_stands_left_of_its_effects(graph):
    layout = lay_out(*graph)
    for arc in graph[1]:
        assert layout.columns[arc.cause] < layout.columns[arc.effect]


@given(graphs())
def test_the_same_graph_is_always_laid_out_the_same(graph):
    assert lay_out(*graph) == lay_out(*graph)


def test_a_cycle_is_cut_once_and_the_rest_keeps_its_direction():
    assert ranks_of(4, [(0, 1), (1, 2), (2, 3), (3, 1)]) == [0, 1, 2, 3]
    assert ranks_of(2, [(0, 0), (0, 1)]) == [0, 1]
    assert ranks_of(0, []) == []


def test_a_box_with_room_stands_beside_what_it_leads_to():
    # 4 leads only to 3: it need not stand in the first column because nothing led to it.
    assert ranks_of(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_a_tree_has_no_crossing():
    arcs = [Arc(0, 1 + n) for n in range(5)]
    arcs += [Arc(1 + n % 5, 6 + n) for n in range(20)]
    layout = lay_out([44] * 26, arcs)
    for one in arcs:
        for other in arcs:
            same = layout.columns[one.cause] == layout.columns[other.cause]
            below = layout.tops[one.cause] < layout.tops[other.cause]
            if same and below:
                assert layout.tops[one.effect] < layout.tops[other.effect]


def test_sweeps_take_out_crossings_that_the_first_order_has():
    lefts = [[], [], [], [2, 0], [1], [0]]
    rights = [[3, 5], [4], [3], [], [], []]
    layers = [[0, 1, 2], [3, 4, 5]]
    assert crossings.crossings(layers, rights) == 3
    ordered = crossings.order_layers(layers, lefts, rights)
    assert crossings.crossings(ordered, rights) == 0


@given(st.lists(st.lists(st.integers(0, 5), max_size=4, unique=True), min_size=6, max_size=6))
def test_crossings_are_counted_as_two_loops_count_them(ends):
    rights = [*([6 + end for end in row] for row in ends), *([] for _ in range(6))]
    lines = [(left, right) for left in range(6) for right in rights[left]]
    counted = sum(
        a < c and b > d for n, (a, b) in enumerate(lines) for c, d in lines[n + 1 :]
    ) + sum(a > c and b < d for n, (a, b) in enumerate(lines) for c, d in lines[n + 1 :])
    assert crossings.crossings([list(range(6)), list(range(6, 12))], rights) == counted


def test_a_straight_chain_is_drawn_level():
    layout = lay_out([44] * 6, [Arc(n, n + 1, 22, 22) for n in range(5)])
    assert set(layout.tops) == {0}


def test_lines_of_one_cause_share_their_lanes_and_those_of_another_trunk_do_not():
    chain = [Arc(n, n + 1) for n in range(4)]
    layout = lay_out([44] * 5, [*chain, Arc(0, 3, trunk=1), Arc(0, 4, trunk=1), Arc(0, 4, trunk=2)])
    *_, short, long, other = layout.lanes
    assert long[:2] == short
    assert abs(other[0] - long[0]) >= LANE


@settings(max_examples=60)
@given(graphs(boxes_max=12), st.data())
def test_what_stands_stays_where_it_is_when_more_comes(graph, data):
    layout = lay_out(*graph)
    for _ in range(data.draw(st.integers(1, 3))):
        known = len(layout.columns)
        heights = data.draw(st.lists(HEIGHTS, max_size=6))
        every = [*layout.heights, *heights]
        boxes = st.integers(0, len(every) - 1)
        pairs = data.draw(st.lists(st.tuples(boxes, boxes), max_size=10))
        arcs = [Arc(a, b, every[a] // 2, every[b] // 2) for a, b in pairs if a != b]
        grown = grow(layout, heights, arcs)
        assert grown.columns[:known] == layout.columns
        assert grown.tops[:known] == layout.tops
        assert grown.lanes[: len(layout.lanes)] == layout.lanes
        assert grown.arcs == [*layout.arcs, *arcs]
        assert wrong(grown) == []
        assert grow(layout, heights, arcs) == grown
        layout = grown


def test_a_new_box_stands_on_its_side_of_what_it_hangs_on():
    layout = lay_out([44, 44], [Arc(0, 1, 22, 22)])
    grown = grow(layout, [44, 44, 44], [Arc(2, 0), Arc(1, 3), Arc(4, 1)])
    assert grown.columns == [0, 1, -1, 2, 0]


def test_another_name_of_what_stands_comes_into_its_column():
    layout = lay_out([44, 44], [Arc(0, 1, 22, 22)])
    grown = grow(layout, [44], [Arc(2, 1, 22, 22)], beside=[(2, 1)])
    assert grown.columns == [0, 1, 1]
    assert abs(grown.tops[2] - grown.tops[1]) == 44 + GAP
    assert grown.lanes[-1] == ()


@given(st.integers(1, 40), st.integers(1, 9), st.sampled_from([-1, 1]), graphs(boxes_max=10))
def test_a_block_stands_together_away_from_all_else(count, rows, side, graph):
    layout = lay_out(*graph)
    known = len(layout.columns)
    block = Block(range(known, known + count), layout.columns[0] + side, side, rows, 0)
    grown = grow(layout, [22] * count, [], blocks=[block])
    assert grown.tops[:known] == layout.tops
    assert wrong(grown, BLOCK_GAP) == []
    places = list(zip(grown.columns[known:], grown.tops[known:], strict=True))
    assert len({column for column, _ in places}) == -(-count // rows)
    tops = sorted({top for _, top in places})
    assert [b - a for a, b in pairwise(tops)] == [22 + BLOCK_GAP] * (len(tops) - 1)
    first, last = tops[0] - GAP, tops[-1] + 22 + GAP
    inside = {column for column, _ in places}
    for box in range(known):
        if layout.columns[box] in inside:
            assert layout.tops[box] + layout.heights[box] <= first or last <= layout.tops[box]


@pytest.mark.parametrize("boxes", [1_000, 2_000])
def test_large_graphs_are_laid_out_whole(boxes):
    arcs = [Arc(n // 7, n, 22, 22) for n in range(1, boxes)]
    arcs += [Arc(n * 13 % n, n, 22, 22) for n in range(2, boxes, 2)]
    assert wrong(lay_out([44] * boxes, arcs)) == []
