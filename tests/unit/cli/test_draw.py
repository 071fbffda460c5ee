"""A trace as a tree: what a person reads, at a hundred columns."""

import msgspec

from wherefrom.cli.draw import draw_path, draw_trace
from wherefrom.query import Path as Way
from wherefrom.query import Trace

ARTIFACT = "sha256:" + "a" * 64
IMAGE = "sha256:" + "b" * 64
COMMIT = "gitCommit:" + "c" * 40
BUILD = "build:https://ci.example/builder:42"
KEY = "k:" + "d" * 32


def node(id, kind, name=None, depth=0):
    return {"id": id, "kind": kind, "name": name, "properties": {}, "depth": depth}


def edge(source, relation, target, entry, *, signers=(), annotation=False, entries=None):
    return {
        "from": source, "to": target, "relation": relation, "entry": entry,
        "trust": "signed" if signers else "channel", "signers": list(signers),
        "occurred": None, "received": "2026-01-01T00:00:00.000000Z", "dated_by": "received",
        "door": "channel", "verdict": None, "entries": entries or [entry], "more": False,
        "properties": {}, "depth": 1, "annotation": annotation,
    }  # fmt: skip


def trace(nodes, edges, **changes):
    said = {
        "of": nodes[0]["id"], "starts": [nodes[0]["id"]], "direction": "up",
        "log": {"origin": "log.example/x", "size": 20, "root": "e" * 64}, "as_of": 20, "at": None,
        "nodes": nodes, "edges": edges, "gaps": [], "erased": [], "truncated": False,
        "reason": None, "frontier": [], "notes": [],
    }  # fmt: skip
    return msgspec.convert({**said, **changes}, Trace)


BUILT = trace(
    [node(ARTIFACT, "artifact", "kubectl"), node(BUILD, "build"), node(COMMIT, "commit")],
    [
        edge(ARTIFACT, "generated_by", BUILD, 12, signers=[KEY]),
        edge(BUILD, "used", COMMIT, 12, signers=[KEY]),
        edge(ARTIFACT, "derived_from", COMMIT, 13, entries=[13, 14, 15]),
    ],
)


def drawn(answer, asked="kubectl"):
    return list(draw_trace(answer, asked))


def test_each_line_has_the_relation_the_thing_the_entry_the_trust_and_the_signer():
    lines = drawn(BUILT)
    assert lines[0] == "Where kubectl came from: 3 things, 3 links"
    assert lines[2] == "artifact kubectl  sha256:aaaaaaaaaaaa"
    assert lines[3].split() == [
        "├─", "generated_by", "→", "build:https://ci.example/builder:42", "#12", "signed",
        "k:dddddddd",
    ]  # fmt: skip
    assert lines[4].startswith("│  └─ used → gitCommit:cccccccccccc ")


def test_a_thing_met_again_is_not_opened_again_and_says_so():
    assert drawn(BUILT)[5].split() == [
        "└─", "derived_from", "→", "gitCommit:cccccccccccc", "(above)", "#13", "+2", "channel",
    ]  # fmt: skip


def test_the_log_its_size_and_its_root_stand_at_the_foot():
    assert drawn(BUILT)[-2:] == ["log  log.example/x, size 20", "root " + "e" * 64]
    older = msgspec.structs.replace(BUILT, as_of=7)
    assert drawn(older)[-2] == "log  log.example/x, size 20, as known at size 7"


def test_down_reads_back_along_the_arrows():
    lines = drawn(
        trace(
            [node(COMMIT, "commit"), node(ARTIFACT, "artifact", "kubectl")],
            [edge(ARTIFACT, "derived_from", COMMIT, 3)],
            direction="down",
        ),
        asked="the commit",
    )
    assert lines[0] == "What came of the commit: 2 things, 1 link"
    assert lines[3].startswith("└─ ← derived_from artifact kubectl  sha256:aaaaaaaaaaaa ")


def test_every_line_fits_a_hundred_columns_however_deep_and_long_names_are():
    long = "https://example.com/" + "long/" * 30
    nodes = [node(f"{long}{i}", "resource", "n" * 300) for i in range(30)]
    edges = [
        edge(nodes[i]["id"], "derived_from", nodes[i + 1]["id"], i, signers=[KEY, KEY])
        for i in range(29)
    ]
    lines = drawn(trace(nodes, edges), asked="x" * 500)
    assert max(map(len, lines)) <= 100
    assert "(13) └─ derived_from" in "\n".join(lines)


def test_documents_deep_in_the_tree_share_a_line_and_those_at_the_top_do_not():
    documents = [node("sha256:" + f"{i}" * 64, "attestation") for i in range(1, 5)]
    lines = drawn(
        trace(
            [node(ARTIFACT, "artifact"), node(BUILD, "build"), *documents],
            [
                edge(ARTIFACT, "generated_by", BUILD, 1),
                *(edge(d["id"], "describes", BUILD, 10 + i, annotation=True)
                  for i, d in enumerate(documents[:2])),
                *(edge(d["id"], "describes", ARTIFACT, 10 + i, annotation=True)
                  for i, d in enumerate(documents[2:])),
            ],
        )
    )  # fmt: skip
    assert lines[0].endswith(": 2 things, 1 link")
    assert lines[4] == "│  └─ ← describes: #10 channel, #11 channel"
    assert lines[5].startswith("├─ ← describes attestation sha256:333333333333 ")
    assert lines[6].startswith("└─ ← describes attestation sha256:444444444444 ")


def test_gaps_a_bound_erasures_and_notes_are_named():
    text = "\n".join(
        drawn(
            trace(
                [node(IMAGE, "image")],
                [],
                gaps=[
                    {"node": IMAGE, "missing": "generated_by", "says": "nobody says who made it"}
                ],
                truncated=True,
                reason="depth",
                frontier=[IMAGE],
                erased=[5, 9],
                notes=["something to know"],
            )
        )
    )
    assert "gap: nobody says who made it (sha256:bbbbbbbbbbbb)" in text
    assert "cut off: the bound of depth was reached, 1 thing not followed; go on with" in text
    assert "erased: entries 5, 9; what they said is in no answer" in text
    assert "note: something to know" in text


def test_a_name_in_a_record_cannot_move_the_cursor():
    lines = drawn(trace([node(ARTIFACT, "artifact", "\x1b[2Jgone\nnew line")], []))
    assert "\x1b" not in "".join(lines)
    assert lines[2].startswith("artifact �[2Jgone�new line")


def way(**changes):
    said = {
        "of": ARTIFACT, "a": ARTIFACT, "b": COMMIT, "direction": "up", "length": 2, "explored": 3,
        "log": {"origin": "log.example/x", "size": 20, "root": None}, "as_of": 20, "at": None,
        "nodes": [node(ARTIFACT, "artifact"), node(BUILD, "build"), node(COMMIT, "commit")],
        "edges": [edge(ARTIFACT, "generated_by", BUILD, 1), edge(BUILD, "used", COMMIT, 1)],
        "gaps": [], "erased": [], "truncated": False, "reason": None, "frontier": [], "notes": [],
    }  # fmt: skip
    return list(draw_path(msgspec.convert({**said, **changes}, Way)))


def test_a_way_is_a_staircase_from_the_first_to_the_last():
    lines = way()
    assert lines[0] == "The first came from the last, in 2 steps:"
    assert lines[3].startswith("└─ generated_by → build:https://ci.example/builder:42 ")
    assert lines[4].startswith("   └─ used → gitCommit:cccccccccccc ")


def test_no_way_says_how_far_was_looked():
    nothing = {"direction": None, "length": None, "nodes": [], "edges": []}
    assert way(**nothing)[0] == "No way between them was found among 3 things."
    bounded = way(**nothing, truncated=True, reason="time")
    assert bounded[0].endswith("among 3 things: the search ended at its bound of time.")
