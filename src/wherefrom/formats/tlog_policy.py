"""A trust policy: which logs there are, which witnesses, and how many of them are enough.

    log      example.com/log+33d7b496+AeHT…=                     # any of these logs will do
    witness  paris  w.example/paris+b8a1088d+BCSu…=  https://w.example/paris
    witness  oslo   w.example/oslo+1d47a6b2+BgQB…=
    group    both   all  paris oslo                               # or: any, or a number
    quorum   both                                                 # or one witness, or none

Whether signatures hold is checked in ``keys``; here is the file, and the arithmetic of groups:
``is_reached`` says whether those who cosigned make up the quorum.

Names are what their bytes are: two spellings of one word in Unicode are two names. Every error
names the line.

Sizes:  a file is at most 1 MiB · 1,000 logs, witnesses and groups of each
Source: C2SP tlog-policy
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import cosignature, note
from wherefrom.formats.note import VerifierKey

POLICY_BYTES_MAX: Final = 1024 * 1024
LINES_EACH_MAX: Final = 1000
NONE: Final = "none"
LOG_ALGORITHMS: Final = (note.ED25519, note.MLDSA44_COSIGNATURE)

_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_DECIMAL: Final = re.compile(r"[1-9][0-9]{0,5}")


class Log(NamedTuple):
    """A log that is accepted; ``key.name`` is its origin."""

    key: VerifierKey
    url: str | None


class Witness(NamedTuple):
    """A witness: its name in this file, its key, and where it takes checkpoints."""

    name: str
    key: VerifierKey
    url: str | None


class Group(NamedTuple):
    """A group has witnessed what at least ``threshold`` of its members have."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A policy as its file says it; everything by name, in the order written.

    quorum  the name of a witness or group, or ``none``
    """

    logs: tuple[Log, ...] = ()
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    quorum: str = NONE

    def is_reached(self, cosigned: Collection[str]) -> bool:
        """Whether the witnesses of these names make up the quorum."""
        if self.quorum == NONE:
            return True
        reached = {name: name in cosigned for name in self.witnesses}
        # A group's members stand above it, so one pass in the order written knows them all.
        for group in self.groups.values():
            count = sum(reached[member] for member in group.members)
            reached[group.name] = count >= group.threshold
        return reached[self.quorum]

    def log_keys(self, origin: str) -> list[VerifierKey]:
        """The keys that may sign checkpoints of this log."""
        return [log.key for log in self.logs if log.key.name == origin]

    def says_quorum(self) -> str:
        """The quorum in words: ``2 of X1, X2, X3``."""
        group = self.groups.get(self.quorum)
        if group is None:
            return self.quorum
        return f"{group.threshold} of {', '.join(group.members)}"


def parse(written: bytes, *, where: str = "policy") -> Policy:
    """Read a policy file. Raises Malformed or LimitPassed, naming the line."""
    if len(written) > POLICY_BYTES_MAX:
        raise LimitPassed("a policy is too long", where=where, expected=f"{POLICY_BYTES_MAX} bytes")
    reading = _Reading(where)
    for number, line in enumerate(written.split(b"\n"), start=1):
        reading.line(line, f"{where}, line {number}")
    return reading.policy()


class _Reading:
    def __init__(self, where: str) -> None:
        self._where = where
        self._logs: list[Log] = []
        self._witnesses: dict[str, Witness] = {}
        self._groups: dict[str, Group] = {}
        self._quorum: str | None = None
        self._member_of: dict[str, str] = {}
        self._verbs: dict[str, Callable[[list[str], str], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._quorum_line,
        }

    def line(self, written: bytes, where: str) -> None:
        if control := _CONTROL.search(written):
            raise Malformed(
                "a policy has a control character",
                where=f"{where}, byte {control.start() + 1}",
                expected="none but tabs and newlines",
                got=repr(control.group()),
            )
        # Octets above 0x7F stay what they are, whether or not they are UTF-8.
        text = written.decode("utf-8", "surrogateescape").strip(" \t")
        if not text or text.startswith("#"):
            return
        verb, *items = re.split(r"[ \t]+", text)
        if verb not in self._verbs:
            raise Malformed(
                "not a line of a policy", where=where, expected=", ".join(self._verbs), got=verb
            )
        self._verbs[verb](items, where)

    def policy(self) -> Policy:
        if self._quorum is None:
            raise Malformed(
                "a policy has no quorum",
                where=self._where,
                expected="one line: quorum NAME, or: quorum none",
            )
        return Policy(tuple(self._logs), self._witnesses, self._groups, self._quorum)

    def _log(self, items: list[str], where: str) -> None:
        if len(items) not in (1, 2):
            raise _shape("log <vkey> [<url>]", items, where)
        _need_few(self._logs, "logs", where)
        key = _key(items[0], LOG_ALGORITHMS, "a log", where)
        if any(key.public_key == other.key.public_key for other in self._logs):
            raise Malformed("this key of a log stands above already", where=where, got=key.name)
        self._logs.append(Log(key, items[1] if len(items) == 2 else None))

    def _witness(self, items: list[str], where: str) -> None:
        if len(items) not in (2, 3):
            raise _shape("witness <name> <vkey> [<url>]", items, where)
        _need_few(self._witnesses, "witnesses", where)
        name = self._new_name(items[0], where)
        key = _key(items[1], cosignature.ALGORITHMS, "a witness", where)
        for other in self._witnesses.values():
            if key.public_key == other.key.public_key:
                raise Malformed(
                    "this key of a witness stands above already", where=where, got=other.name
                )
        self._witnesses[name] = Witness(name, key, items[2] if len(items) == 3 else None)

    def _group(self, items: list[str], where: str) -> None:
        if len(items) < 3:
            raise _shape("group <name> <k|any|all> <member>…", items, where)
        _need_few(self._groups, "groups", where)
        name, said, *members = items
        self._new_name(name, where)
        for member in members:
            self._need_defined(member, "a member", where)
            if member in self._member_of:
                raise Malformed(
                    "a name is a member already",
                    where=where,
                    expected="each name in one group at most",
                    got=f"{member}, a member of {self._member_of[member]}",
                )
            self._member_of[member] = name
        threshold = {"any": 1, "all": len(members)}.get(said)
        if threshold is None:
            if not _DECIMAL.fullmatch(said) or int(said) > len(members):
                raise Malformed(
                    "not a number of members",
                    where=where,
                    expected=f"any, all, or 1 to {len(members)}",
                    got=said,
                )
            threshold = int(said)
        self._groups[name] = Group(name, threshold, tuple(members))

    def _quorum_line(self, items: list[str], where: str) -> None:
        if len(items) != 1:
            raise _shape("quorum <name|none>", items, where)
        if self._quorum is not None:
            raise Malformed("a policy has two quorums", where=where, expected="one", got=items[0])
        if items[0] != NONE:
            self._need_defined(items[0], "a quorum", where)
        self._quorum = items[0]

    def _new_name(self, name: str, where: str) -> str:
        if name == NONE or name in self._witnesses or name in self._groups:
            raise Malformed(
                "a name is taken",
                where=where,
                expected="a name that no witness or group has, and not none",
                got=name,
            )
        return name

    def _need_defined(self, name: str, what: str, where: str) -> None:
        if name not in self._witnesses and name not in self._groups:
            raise Malformed(
                f"{what} is not defined above",
                where=where,
                expected="the name of a witness or group on a line before",
                got=name,
            )


def _key(text: str, algorithms: Collection[int], whose: str, where: str) -> VerifierKey:
    key = note.parse_verifier_key(text, where=where)
    if key.algorithm not in algorithms:
        raise Malformed(
            f"not a key of {whose}",
            where=where,
            expected="type " + " or ".join(f"{a:#04x}" for a in algorithms),
            got=f"type {key.algorithm:#04x}",
        )
    return key


def _need_few(those: Collection[object], what: str, where: str) -> None:
    if len(those) == LINES_EACH_MAX:
        raise LimitPassed(
            f"a policy has too many {what}", where=where, expected=f"{LINES_EACH_MAX} at most"
        )


def _shape(expected: str, items: list[str], where: str) -> Malformed:
    return Malformed(
        "a line of a policy has another number of items",
        where=where,
        expected=expected,
        got=" ".join(items) or "nothing",
    )
