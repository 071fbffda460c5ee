"""A log in memory, and records whose facts are written down in JSON: what a graph is fed in tests.

log = FakeLog(); log.add(nodes=…, edges=…) → index; log.erase(3) → index of the tombstone
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import dsse, own
from wherefrom.formats.entry import Entry, Trust
from wherefrom.formats.facts import Edge, Facts, Node, Tag
from wherefrom.log.logged import Logged, Position
from wherefrom.views.graph import GraphReader, GraphView, dump

KEY = "k:" + "1" * 32
OTHER_KEY = "k:" + "2" * 32


def sha(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def facts_of(content: bytes) -> Facts:
    """The stand-in for ``formats.recognise.facts_of``: content is its own facts, in JSON."""
    try:
        said = msgspec.json.decode(content)
        return Facts(
            kind="attestation",
            type="test",
            document=sha(content.decode()),
            nodes=tuple(Node(*n) for n in said["nodes"]),
            edges=tuple(Edge(*e) for e in said["edges"]),
            tags=tuple(Tag(*t) for t in said["tags"]),
        )
    except (msgspec.DecodeError, KeyError) as error:
        raise Malformed("not facts in JSON") from error


class FakeLog:
    """Everything that ``LogSource`` promises, and the means to write to it."""

    def __init__(self, origin: str = "test.example/log") -> None:
        self.origin = origin
        self.records: list[Logged] = []

    def position(self) -> Position:
        return Position(len(self.records), self.root_at(len(self.records)))

    def root_at(self, size: int) -> bytes:
        said = [self.origin, *(r.entry.content for r in self.records[:size])]
        return hashlib.sha256("\n".join(said).encode()).digest()

    def read(self, first: int, limit: int) -> Iterator[Logged]:
        yield from self.records[first:limit]

    def add(
        self,
        nodes: Sequence[Sequence[Any]] = (),
        edges: Sequence[Sequence[Any]] = (),
        tags: Sequence[Sequence[str]] = (),
        **entry: Any,
    ) -> int:
        """A record that says these facts; nodes of edges need not be listed."""
        listed = {n[0]: list(n) for n in nodes}
        for edge in edges:
            for end in (edge[0], edge[2]):
                listed.setdefault(end, [end, kind_of(end)])
        for tag in tags:
            listed.setdefault(tag[1], [tag[1], "image"])
        said = {"nodes": list(listed.values()), "edges": edges, "tags": tags, "n": self.size}
        return self.add_content(msgspec.json.encode(said), **entry)

    @property
    def size(self) -> int:
        return len(self.records)

    def add_content(
        self,
        content: bytes | None,
        *,
        level: str = "signed",
        signers: tuple[str, ...] = (KEY,),
        kind: str = "attestation",
        occurred: str | None = None,
        received: str | None = None,
    ) -> int:
        index = self.size
        entry = Entry(
            content=sha(f"{index} {content!r}"),
            kind=kind,
            occurred=occurred,
            producer="local:0",
            received=received or f"2026-01-01T00:00:00.{index:06}Z",
            size=len(content or b""),
            trust=Trust(level, signers),
            type="test",
        )
        self.records.append(Logged(index, entry, content))
        return index

    def decide(self, decision: own.Decision, *, level: str = "self") -> int:
        """A record of Wherefrom's own, or a stranger's imitation of one."""
        payload = own.to_payload(decision)
        envelope = dsse.Envelope(
            payload, own.media_type(decision), (dsse.Signature(KEY, b"signature"),)
        )
        content = dsse.to_bytes(envelope)
        return self.add_content(content, level=level, kind=own.entry_kind(decision))

    def judge(self, entry: int, level: str, *signers: str) -> int:
        trust = Trust(level, signers)
        return self.decide(own.Verdict(entry=entry, trust=trust, reason="test"))

    def tombstone(self, entry: int) -> int:
        """Say that ``entry`` is erased, and leave its content where it is."""
        return self.decide(own.Tombstone(entry=entry, reason="test", by="local:0"))

    def erase(self, entry: int) -> int:
        """The tombstone, then the content goes."""
        index = self.tombstone(entry)
        self.drop(entry)
        return index

    def drop(self, entry: int) -> None:
        old = self.records[entry]
        self.records[entry] = Logged(old.index, old.entry, None)


def kind_of(id: str) -> str:
    """A kind for a test's node by how its id begins."""
    for start, kind in {
        "gitCommit:": "commit", "build:": "build", "builder:": "builder", "pkg:": "package",
        "dataset:": "dataset", "job:": "job", "run:": "run", "doc:": "attestation",
        "image:": "image", "person:": "person", "https:": "source",
    }.items():  # fmt: skip
        if id.startswith(start):
            return kind
    return "artifact"


def open_view(path: Path, *, facts_version: int = 1) -> GraphView:
    return GraphView.open(path, facts_of=facts_of, facts_version=facts_version)


def folded(log: FakeLog, folder: Path, name: str = "graph.sqlite") -> GraphReader:
    """A reader on a fresh view of ``log``."""
    with open_view(folder / name) as view:
        view.fold(log)
    return GraphReader(folder / name)


def lines(path: Path) -> list[tuple[Any, ...]]:
    """The whole logical state of the graph at ``path``."""
    reader = GraphReader(path)
    try:
        with reader.snapshot() as snapshot:
            return list(dump(snapshot))
    finally:
        reader.close()


def random_log(seed: int, records: int, *, erasing: float = 0.12) -> tuple[FakeLog, list[int]]:
    """A log of small records that meet each other often, with verdicts and tombstones.

    Returns the log with every content still there, and the entries its tombstones name.
    """
    chance = random.Random(seed)
    log = FakeLog()
    things = [f"{kind}{n}" for kind in ("sha256:", "pkg:npm/", "build:", "doc:") for n in range(6)]
    relations = ("generated_by", "used", "contains", "describes", "alternate", "specializes")
    erased: list[int] = []
    for index in range(records):
        choice = chance.random()
        if choice < 0.12 and index:
            log.judge(chance.randrange(index), chance.choice(("channel", "keyless", "signed")), KEY)
        elif choice < 0.12 + erasing and index:
            target = chance.randrange(index)
            erased.append(target)
            log.tombstone(target)
        elif choice < 0.16 + erasing:
            log.add_content(b"cannot be read", level="channel", signers=())
        else:
            _add_random(log, chance, things, relations)
    return log, erased


def _add_random(
    log: FakeLog, chance: random.Random, things: list[str], relations: Sequence[str]
) -> None:
    edges = []
    for _ in range(chance.randrange(5)):
        source, target = chance.sample(things, 2)
        properties = {"at": chance.randrange(3)} if chance.random() < 0.3 else None
        edges.append([source, chance.choice(relations), target, properties])
    nodes = [
        [
            thing,
            chance.choice((kind_of(thing), "resource")),
            chance.choice((None, f"Name {chance.randrange(4)}", f"dir/Name {chance.randrange(4)}")),
            {"p": chance.randrange(3)} if chance.random() < 0.5 else None,
        ]
        for thing in chance.sample(things, chance.randrange(1, 4))
    ]
    tags = [[f"app:{chance.randrange(3)}", nodes[0][0]]] if chance.random() < 0.3 else []
    minute = chance.randrange(60)
    log.add(
        nodes,
        edges,
        tags,
        level=chance.choice(("channel", "signed")),
        occurred=None if chance.random() < 0.3 else f"2026-01-01T00:{minute:02}:00.000000Z",
        received=f"2026-01-01T01:00:00.{log.size:06}Z",
    )
