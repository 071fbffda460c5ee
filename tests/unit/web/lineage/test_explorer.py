"""What a link shows of a graph: folded, opened, filtered, lit; and that it only grows."""

from __future__ import annotations

import random

import msgspec
import pytest

from tests.unit.views.fakes import FakeLog
from tests.unit.web.lineage.drawings import (
    boxes_of,
    crossed,
    desk_of,
    drawn,
    overlapping,
    svg_of,
)
from wherefrom.errors import NotFound
from wherefrom.web.lineage import folding
from wherefrom.web.lineage.answer import drawn as answer_of
from wherefrom.web.lineage.filters import token_of
from wherefrom.web.lineage.scene import CAUSES

APP = [
    ["image:app", "generated_by", "build:1"],
    ["build:1", "used", "gitCommit:1"],
    ["build:1", "associated_with", "builder:1"],
    ["gitCommit:1", "specializes", "https://git.example/app"],
    ["sha256:deploy", "deploys", "image:app"],
    ["doc:a", "describes", "image:app"],
]


def app(*more, packages=0, **entry):
    log = FakeLog()
    log.add(edges=APP, **entry)
    if packages:
        log.add(
            edges=[["image:app", "contains", f"pkg:deb/p{n:03}@1"] for n in range(packages)],
            **entry,
        )
    for edges in more:
        log.add(edges=edges)
    return log


def things(explored):
    return set(explored.folding.things())


def groups(explored):
    return [(g.kind, g.relation, len(g.members)) for g in explored.folding.groups.values()]


def lines(explored):
    return {(line.effect, line.relation, line.cause) for line in explored.folding.lines()}


def column(explored, item):
    return explored.figure.places[item].column


def test_what_it_came_from_stands_left_and_what_came_of_it_right(tmp_path):
    with desk_of(app(), tmp_path) as desk:
        found = drawn(desk, "image:app")
    assert things(found) == {
        "image:app", "build:1", "gitCommit:1", "builder:1", "https://git.example/app",
        "sha256:deploy",
    }  # fmt: skip
    assert column(found, "https://git.example/app") < column(found, "gitCommit:1")
    assert column(found, "gitCommit:1") < column(found, "build:1") < column(found, "image:app")
    assert column(found, "image:app") < column(found, "sha256:deploy")
    assert found.scene.things["image:app"].documents == 1
    assert found.notes == []


@pytest.mark.parametrize(("direction", "has", "lacks"), [
    ("up", "build:1", "sha256:deploy"), ("down", "sha256:deploy", "build:1"),
])  # fmt: skip
def test_one_direction_leaves_out_the_other(tmp_path, direction, has, lacks):
    with desk_of(app(), tmp_path) as desk:
        found = drawn(desk, "image:app", f"direction={direction}")
    assert has in things(found)
    assert lacks not in things(found)


def test_twelve_siblings_are_drawn_and_thirteen_are_one_group(tmp_path):
    with desk_of(app(packages=12), tmp_path) as desk:
        assert groups(drawn(desk, "image:app")) == []
    with desk_of(app(packages=13), tmp_path) as desk:
        found = drawn(desk, "image:app")
    assert groups(found) == [("package", "contains", 13)]
    assert not any(id.startswith("pkg:") for id in things(found))
    (token,) = found.folding.groups
    assert ("image:app", "contains", token) in lines(found)
    assert "+13 packages" in [box.says for box in boxes_of(svg_of(found))]


def test_an_opened_group_shows_its_members_and_moves_nothing(tmp_path):
    with desk_of(app(packages=90), tmp_path) as desk:
        before = drawn(desk, "image:app")
        (token,) = before.folding.groups
        after = drawn(desk, "image:app", f"open={token}")
    assert len(things(after)) == len(things(before)) + 90
    for item, place in before.figure.places.items():
        assert after.figure.places[item] == place
    svg = svg_of(after)
    assert overlapping(svg) == []
    assert crossed(svg) == []
    box = next(box for box in boxes_of(svg) if box.says.startswith("−90"))
    assert "open=" not in box.href


def test_a_group_larger_than_is_opened_at_once_opens_bit_by_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(folding, "OPENED_EACH_MAX", 20)
    with desk_of(app(packages=50), tmp_path) as desk:
        tokens, shown = [], []
        for _ in range(4):
            found = drawn(desk, "image:app", f"open={','.join(tokens)}")
            shown.append(sum(id.startswith("pkg:") for id in things(found)))
            tokens += [g.token for g in found.folding.groups.values() if not g.opened]
            assert overlapping(svg_of(found)) == []
    assert shown == [0, 20, 40, 50]
    # To fold the first is to fold what was opened out of it.
    first = next(box for box in boxes_of(svg_of(found)) if box.says == "−50 packages")
    assert "open=" not in first.href


def test_folding_a_group_again_folds_what_was_opened_in_it_and_nothing_else(tmp_path):
    more = [["pkg:deb/p003@1", "contains", f"sha256:part{n:02}"] for n in range(20)]
    other = [["build:1", "used", f"dataset:d{n:02}"] for n in range(20)]
    with desk_of(app(more, other, packages=30), tmp_path) as desk:
        tokens = {g.kind: g.token for g in drawn(desk, "image:app").folding.groups.values()}
        packages, datasets = tokens["package"], tokens["dataset"]
        found = drawn(desk, "image:app", f"open={packages},{datasets}")
        (parts,) = (g.token for g in found.folding.groups.values() if g.kind == "artifact")
        found = drawn(desk, "image:app", f"open={packages},{datasets},{parts}")
    links = {box.says: box.href for box in boxes_of(svg_of(found)) if box.says.startswith("−")}
    assert f"open={datasets}&" in links["−30 packages"]
    assert f"open={packages},{datasets}&" in links["−20 artifacts"]
    assert f"open={packages},{parts}&" in links["−20 datasets"]


def test_a_drawing_is_full_at_its_bound_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(folding, "VISIBLE_MAX", 30)
    with desk_of(app(packages=50), tmp_path) as desk:
        (token,) = drawn(desk, "image:app").folding.groups
        found = drawn(desk, "image:app", f"open={token}")
        assert len(things(found)) == 30
        more = [g.token for g in found.folding.groups.values() if not g.opened]
        full = drawn(desk, "image:app", f"open={token},{more[0]}")
    assert len(things(full)) == 30
    assert any("the drawing is full" in note for note in full.notes)


def test_a_hop_further_adds_what_hangs_on_a_thing_on_both_sides(tmp_path):
    log = app([["sha256:other", "derived_from", "gitCommit:1"]])
    with desk_of(log, tmp_path) as desk:
        before = drawn(desk, "image:app", "depth=2")
        assert before.scene.things["gitCommit:1"].beyond == [CAUSES]
        after = drawn(desk, "image:app", f"depth=2&open={token_of('gitCommit:1')}")
    assert things(after) - things(before) == {"https://git.example/app", "sha256:other"}
    assert after.scene.things["gitCommit:1"].beyond == []
    assert column(after, "sha256:other") > column(after, "gitCommit:1")
    for item, place in before.figure.places.items():
        assert after.figure.places[item] == place


def test_what_a_link_opens_that_is_not_there_is_told(tmp_path):
    with desk_of(app(), tmp_path) as desk:
        found = drawn(desk, "image:app", "open=0123456789")
    assert any("not here" in note for note in found.notes)


def test_what_all_of_a_group_have_in_common_is_a_line_of_the_group(tmp_path):
    edges = [[f"sha256:file{n:02}", "generated_by", "build:all"] for n in range(40)]
    edges += [[f"sha256:file{n:02}", "derived_from", "gitCommit:9"] for n in range(40)]
    edges += [["build:all", "used", "gitCommit:9"], ["sha256:file07", "used", "pkg:npm/odd@1"]]
    log = FakeLog()
    log.add(edges=edges)
    with desk_of(log, tmp_path) as desk:
        folded = drawn(desk, "gitCommit:9")
        (group,) = folded.folding.groups.values()
        opened = drawn(desk, "gitCommit:9", f"open={group.token}")
    assert (group.token, "generated_by", "build:all") in lines(folded)
    assert lines(folded) <= lines(opened)
    assert not any(line[0].startswith("sha256:") for line in lines(opened) if "build:all" in line)
    assert len(things(opened)) == 42


def test_what_one_member_of_a_group_has_alone_is_a_line_of_its_own(tmp_path):
    log = app([["pkg:deb/p007@1", "derived_from", "gitCommit:1"]], packages=20)
    with desk_of(log, tmp_path) as desk:
        (token,) = drawn(desk, "image:app").folding.groups
        found = drawn(desk, "image:app", f"open={token}")
    assert ("pkg:deb/p007@1", "derived_from", "gitCommit:1") in lines(found)
    svg = svg_of(found)
    assert crossed(svg) == []


def test_another_name_that_leads_nowhere_is_told_and_one_that_leads_on_is_drawn(tmp_path):
    log = app([["sha512:app", "alternate", "image:app"], ["pkg:oci/app", "alternate", "image:app"],
               ["pkg:oci/app", "attributed_to", "person:ada"]])  # fmt: skip
    with desk_of(log, tmp_path) as desk:
        found = drawn(desk, "image:app")
    assert "sha512:app" not in things(found)
    assert [name.effect for name in found.scene.names_of("image:app")] == ["sha512:app"]
    assert "also called sha512:app" in svg_of(found)
    upper, lower = (found.figure.places[id] for id in ("image:app", "pkg:oci/app"))
    assert upper.column == lower.column
    assert "person:ada" in things(found)


def test_a_filter_by_kind_draws_what_is_between_as_one_dashed_line(tmp_path):
    with desk_of(app(), tmp_path) as desk:
        found = drawn(desk, "image:app", "kind=commit&kind=source")
    assert things(found) == {"image:app", "gitCommit:1", "https://git.example/app"}
    assert lines(found) == {
        ("image:app", "through", "gitCommit:1"),
        ("gitCommit:1", "specializes", "https://git.example/app"),
    }
    (through,) = (line for line in found.folding.lines() if line.relation == "through")
    assert (through.links[0].hidden, through.proven) == (1, False)


def test_no_line_through_others_stands_beside_one_that_is_said(tmp_path):
    with desk_of(app([["image:app", "derived_from", "gitCommit:1"]]), tmp_path) as desk:
        found = drawn(desk, "image:app", "kind=commit")
    assert lines(found) == {("image:app", "derived_from", "gitCommit:1")}


def test_a_filter_by_relation_leaves_out_what_others_alone_reach(tmp_path):
    with desk_of(app(), tmp_path) as desk:
        found = drawn(desk, "image:app", "relation=generated_by&relation=used")
    assert things(found) == {"image:app", "build:1", "gitCommit:1"}
    assert found.notes == ["3 links are left out by the filters"]


def test_a_filter_by_trust_leaves_out_what_nobody_signed(tmp_path):
    log = app()
    log.add(edges=[["gitCommit:1", "attributed_to", "person:eve"]], level="channel", signers=())
    with desk_of(log, tmp_path) as desk:
        assert "person:eve" in things(drawn(desk, "image:app"))
        found = drawn(desk, "image:app", "trust=batch")
    assert "person:eve" not in things(found)
    assert "gitCommit:1" in things(found)


def test_the_way_between_two_things_is_lit_and_never_folded(tmp_path):
    log = app([["pkg:deb/p033@1", "derived_from", "gitCommit:33"]], packages=60)
    with desk_of(log, tmp_path) as desk:
        found = drawn(desk, "image:app", "from=image:app&to=gitCommit:33&trust=self&kind=build")
    assert found.lit()[0] == {"image:app", "pkg:deb/p033@1", "gitCommit:33"}
    assert found.lit()[0] <= things(found)
    svg = svg_of(found)
    assert svg.count('class="l on"') == 2
    assert overlapping(svg) == []


def test_two_things_without_a_way_are_both_drawn_and_it_is_said(tmp_path):
    log = app([["image:lone", "generated_by", "build:9"]])
    with desk_of(log, tmp_path) as desk:
        found = drawn(desk, "image:app", "from=image:app&to=image:lone")
    assert found.lit()[0] == set()
    assert any("no way" in note for note in found.notes)


def test_what_no_record_says_is_drawn_as_missing(tmp_path):
    log = FakeLog()
    log.add(edges=[["image:app", "contains", "pkg:deb/a@1"]])
    with desk_of(log, tmp_path) as desk:
        found = drawn(desk, "image:app")
    (ghost,) = found.figure.ghosts
    assert found.figure.ghosts[ghost] == "image:app"
    svg = svg_of(found)
    assert "no record says what made this image" in svg
    assert 'class="l missing"' in svg
    assert "? not recorded" in [box.says for box in boxes_of(svg)]
    with desk_of(app(), tmp_path) as desk:
        assert drawn(desk, "image:app").figure.ghosts == {}


def test_as_of_a_size_shows_what_was_known_then_and_links_carry_it(tmp_path):
    log = app(packages=20)
    with desk_of(log, tmp_path) as desk:
        early, late = drawn(desk, "image:app", "as_of=1"), drawn(desk, "image:app")
    assert groups(early) == []
    assert early.as_of == 1
    assert groups(late) == [("package", "contains", 20)]
    assert late.filters.as_of is None
    link = next(box.href for box in boxes_of(svg_of(late)) if box.says.startswith("+"))
    assert link.endswith("as_of=2")


def test_a_thing_that_no_record_speaks_of_is_not_found(tmp_path):
    with desk_of(app(), tmp_path) as desk, pytest.raises(NotFound, match="called this"):
        drawn(desk, "image:none")


def test_the_json_says_what_the_drawing_shows(tmp_path):
    with desk_of(app(packages=20), tmp_path) as desk:
        found = drawn(desk, "image:app", "from=image:app&to=gitCommit:1")
    said = msgspec.json.decode(msgspec.json.encode(answer_of(found)))
    assert {thing["id"] for thing in said["things"]} == things(found)
    assert [(g["kind"], len(g["members"])) for g in said["groups"]] == [("package", 20)]
    ends = {(link["from"], link["relation"], link["to"]) for link in said["links"]}
    assert ends == lines(found)
    assert {thing["id"] for thing in said["things"] if thing["lit"]} == {
        "image:app", "build:1", "gitCommit:1",
    }  # fmt: skip
    at = {thing["id"]: thing["at"] for thing in said["things"]}
    assert at["build:1"]["left"] + at["build:1"]["width"] < at["image:app"]["left"]


def tangled(seed):
    """A log of things that meet each other in many ways, some of them by the dozen."""
    chance = random.Random(seed)
    log = FakeLog()
    kinds = ("image:", "build:", "gitCommit:", "pkg:deb/", "dataset:", "sha256:")
    ids = [f"{chance.choice(kinds)}{n}" for n in range(chance.randrange(5, 60))]
    relations = ("generated_by", "used", "derived_from", "contains", "alternate", "depends_on")
    edges = {
        (chance.choice(ids), chance.choice(relations), chance.choice(ids))
        for _ in range(2 * len(ids))
    }
    hub = chance.choice(ids)
    edges |= {(hub, "contains", f"pkg:deb/m{n}") for n in range(chance.randrange(40))}
    edges |= {(f"pkg:deb/m{n}", "depends_on", chance.choice(ids)) for n in range(0, 40, 9)}
    said = sorted([a, r, b] for a, r, b in edges if a != b)
    log.add(edges=said, level=chance.choice(["signed", "channel"]))
    return log, hub


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_opened_nothing_moves_overlaps_or_is_crossed(tmp_path, seed):
    chance = random.Random(seed)
    log, hub = tangled(seed)
    tokens: list[str] = []
    with desk_of(log, tmp_path) as desk:
        before = drawn(desk, hub, "depth=2")
        for _ in range(4):
            svg = svg_of(before)
            assert overlapping(svg) == []
            assert crossed(svg) == []
            choices = [g.token for g in before.folding.groups.values() if not g.opened]
            choices += [token_of(id) for id in before.folding.things()]
            tokens.append(chance.choice(sorted(set(choices) - set(tokens)) or choices))
            after = drawn(desk, hub, f"depth=2&open={','.join(tokens)}")
            assert {item: after.figure.places[item] for item in before.figure.places} == (
                before.figure.places
            )
            old = {(r.line.key): r for r in before.figure.routes}
            for route in after.figure.routes:
                if route.line.key in old:
                    assert route[1:] == old[route.line.key][1:]
            assert svg_of(drawn(desk, hub, f"depth=2&open={','.join(tokens)}")) == svg_of(after)
            before = after
