"""Everything that is said of one thing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.unit.views.fakes import KEY, OTHER_KEY, FakeLog, folded
from wherefrom.errors import NotFound
from wherefrom.query import show, trace


def test_show_gives_each_statement_with_its_entry_and_trust(tmp_path: Path) -> None:
    log = FakeLog()
    log.add([["sha256:a", "artifact", "old", {"size": 1}]], level="channel", signers=())
    log.add([["sha256:a", "image", "new"]], [["sha256:a", "generated_by", "build:1"]])
    log.add(edges=[["pkg:oci/a", "alternate", "sha256:a"], ["doc:1", "describes", "sha256:a"]])
    log.judge(0, "keyless", OTHER_KEY)
    log.add(edges=[["sha256:a", "used", "sha256:gone"]])
    log.tombstone(4)
    reader = folded(log, tmp_path)
    with reader.snapshot() as snapshot:
        shown = show(snapshot, "sha256:a")
        earlier = show(snapshot, "sha256:a", as_of=1)
        with pytest.raises(NotFound, match="no record speaks of this"):
            show(snapshot, "sha256:gone")
    reader.close()
    (detail,) = shown.matches
    assert (detail.kind, detail.name, detail.properties) == ("image", "new", {"size": 1})
    assert detail.entries == [0, 1, 2]
    assert detail.alternates == ["pkg:oci/a"]
    assert detail.up == {"generated_by": 1}
    assert detail.down == {"alternate": 1, "describes": 1}
    assert [(r.entry, r.trust, r.signers, r.door) for r in detail.records] == [
        (0, "keyless", (OTHER_KEY,), "channel"),
        (1, "signed", (KEY,), "signed"),
        (2, "signed", (KEY,), "signed"),
    ]
    assert [r.says_name for r in detail.records] == ["old", "new", None]
    assert shown.erased == [4]
    assert earlier.matches[0].name == "old"
    shape = msgspec.to_builtins(shown)
    assert {"id", "kind", "name", "entries"} <= set(shape["matches"][0])


def test_a_tag_is_shown_with_when_it_came_and_went(tmp_path: Path) -> None:
    log = FakeLog()
    times = [f"2026-01-01T1{n}:00:00.000000Z" for n in range(3)]
    log.add(tags=[["app:1", "sha256:a"]], occurred=times[0])
    log.add(tags=[["app:1", "sha256:b"]], occurred=times[1])
    log.add(tags=[["app:1", "sha256:a"]], occurred=times[2])
    reader = folded(log, tmp_path)
    with reader.snapshot() as snapshot:
        a, b = show(snapshot, ["sha256:a", "sha256:b"]).matches
        then = show(snapshot, "sha256:a", as_of=1).matches[0]
    reader.close()
    assert [(t.name, t.since, t.until, t.entry) for t in a.tags] == [
        ("app:1", times[0], times[1], 0),
        ("app:1", times[2], None, 2),
    ]
    assert [(t.since, t.until) for t in b.tags] == [(times[1], times[2])]
    assert [(t.since, t.until) for t in then.tags] == [(times[0], None)]
    assert "from" in msgspec.to_builtins(a)["tags"][0]


def test_the_records_of_a_much_mentioned_node_are_the_first_and_the_last(tmp_path: Path) -> None:
    log = FakeLog()
    for n in range(130):
        log.add([["builder:x", "builder", f"name {n}"]])
    reader = folded(log, tmp_path)
    with reader.snapshot() as snapshot:
        (detail,) = show(snapshot, "builder:x").matches
    reader.close()
    assert [r.entry for r in detail.records] == [*range(50), *range(80, 130)]
    assert detail.name == "name 129"
    assert detail.entries == list(range(16))


def test_a_signers_identity_is_claimed_until_its_record_is_proven_and_none_says_so_itself(
    tmp_path: Path,
) -> None:
    said = {"identity": "ada@example.com", "issuer": "https://id", "identityIs": "verified"}
    log = FakeLog()
    log.add([["doc:1", "attestation", None, said]], level="channel", signers=())
    log.judge(0, "keyless", OTHER_KEY)
    log.judge(0, "channel")
    reader = folded(log, tmp_path)
    with reader.snapshot() as snapshot:
        told = [show(snapshot, "doc:1", as_of=n).matches[0].properties for n in (1, 2, 3)]
        traced = trace(snapshot, "doc:1", as_of=2).nodes[0].properties
    reader.close()
    assert [p["identityIs"] for p in told] == ["claimed", "verified", "claimed"]
    assert {p["identity"] for p in told} == {"ada@example.com"}
    assert traced == told[1]
