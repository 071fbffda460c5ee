"""What a link to a drawing says: filters, the way that is lit, what is opened. Pure.

    ?direction=up&depth=6&kind=image&relation=used&trust=signed&from=A&to=B&open=3f1c…,9a02…&at=&as_of=

A link is all the state there is: who opens it sees the same drawing, as of the same size. What is
opened is named by ten digits of a digest, so a link stays short however long ids are.

Sizes:  depth at most DEPTH_MAX · OPENED_MAX opened · CHOICES_MAX kinds or relations
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.entry import LEVELS
from wherefrom.formats.facts import KINDS, RELATIONS
from wherefrom.query.walk import DEPTH_MAX as DEPTH_MAX
from wherefrom.web.words import lineage_path

DIRECTIONS: Final = ("both", "up", "down")
DEPTH: Final = 4
OPENED_MAX: Final = 64
CHOICES_MAX: Final = 16
# In the order of how much they prove, least first; "channel" asks for nothing.
TRUST: Final = LEVELS

_TOKEN: Final = re.compile(r"[0-9a-f]{10}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}")


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What of the graph is drawn, and how.

    direction  ``up`` to causes, ``down`` to effects, ``both``
    depth      hops from what was asked for
    kinds      only things of these; those between them become a dashed line. Empty: all
    relations  only links of these; what they do not reach is left out. Empty: all
    trust      only links believed at least so far, a level of ``TRUST``
    origin, to the ends of a way to light; both or neither. In links ``from`` and ``to``
    opened     tokens of groups and things that were opened, in that order
    at, as_of  as in a trace
    """

    direction: str = "both"
    depth: int = DEPTH
    kinds: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    trust: str = TRUST[0]
    origin: str = ""
    to: str = ""
    opened: tuple[str, ...] = ()
    at: str | None = None
    as_of: int | None = None

    def narrow(self) -> bool:
        """Whether anything is left out by these."""
        return bool(self.kinds or self.relations or self.trust != TRUST[0])

    def link(self, id: str, **changed: Any) -> str:
        """The link of ``id`` drawn with these filters, some of them changed."""
        return f"{lineage_path(id)}{_query(msgspec.structs.replace(self, **changed))}"


class Query(Protocol):
    """The parameters of a request, as Starlette has them."""

    def getlist(self, key: Any) -> list[str]:
        """Every value of ``key``, in order."""


def read_filters(query: Query) -> Filters:
    """The filters that a link says. Raises Malformed, LimitPassed."""
    opened = [token for token in _one(query, "open").split(",") if token]
    for token in opened:
        if not _TOKEN.fullmatch(token):
            raise Malformed(
                "not the token of a group", where="?open=", expected="10 hex digits each, with "
                "commas", got=token, do="Follow a link that the page itself shows",
            )  # fmt: skip
    if len(opened) > OPENED_MAX:
        raise LimitPassed(
            "too much is opened in one drawing", where="?open=", expected=f"{OPENED_MAX} at most",
            got=len(opened), do="Close some, or begin at a thing further on",
        )  # fmt: skip
    origin, to = _one(query, "from"), _one(query, "to")
    if bool(origin) != bool(to):
        raise Malformed(
            "a way has two ends", where="?from=&to=", expected="both, or neither",
            got=f"from={origin} to={to}", do="Say the other end too",
        )  # fmt: skip
    return Filters(
        direction=_choice("direction", _one(query, "direction") or DIRECTIONS[0], DIRECTIONS),
        depth=_depth(_one(query, "depth")),
        kinds=_choices(query, "kind", KINDS),
        relations=_choices(query, "relation", RELATIONS),
        trust=_choice("trust", _one(query, "trust") or TRUST[0], TRUST),
        origin=origin,
        to=to,
        opened=tuple(dict.fromkeys(opened)),
        at=_one(query, "at") or None,
        as_of=_as_of(_one(query, "as_of")),
    )


def token_of(*said: str) -> str:
    """The token by which a link names a group or a thing: ten hex digits."""
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:10]


def _query(filters: Filters) -> str:
    said: list[tuple[str, str]] = []
    if filters.direction != DIRECTIONS[0]:
        said.append(("direction", filters.direction))
    if filters.depth != DEPTH:
        said.append(("depth", str(filters.depth)))
    said += [("kind", kind) for kind in filters.kinds]
    said += [("relation", relation) for relation in filters.relations]
    if filters.trust != TRUST[0]:
        said.append(("trust", filters.trust))
    if filters.origin:
        said += [("from", filters.origin), ("to", filters.to)]
    if filters.opened:
        said.append(("open", ",".join(filters.opened)))
    if filters.at is not None:
        said.append(("at", filters.at))
    if filters.as_of is not None:
        said.append(("as_of", str(filters.as_of)))
    return f"?{urlencode(said, safe=',:/@')}" if said else ""


def _one(query: Query, name: str) -> str:
    """The last value of a parameter, as a form would send it; empty if there is none."""
    values = query.getlist(name)
    return values[-1] if values else ""


def _choice(name: str, got: str, known: Sequence[str]) -> str:
    if got not in known:
        raise Malformed(
            f"no such {name}", where=f"?{name}=", expected=" ".join(known), got=got,
            do="Choose one of these",
        )  # fmt: skip
    return got


def _choices(query: Query, name: str, known: Any) -> tuple[str, ...]:
    found = dict.fromkeys(value for value in query.getlist(name) if value)
    if len(found) > CHOICES_MAX:
        raise LimitPassed(
            f"too many choices of {name}", where=f"?{name}=", expected=f"{CHOICES_MAX} at most",
            got=len(found), do="Choose fewer, or none for all",
        )  # fmt: skip
    return tuple(_choice(name, value, tuple(known)) for value in found)


def _depth(got: str) -> int:
    if not got:
        return DEPTH
    if not _NUMBER.fullmatch(got) or not 1 <= int(got) <= DEPTH_MAX:
        raise Malformed(
            "not a depth", where="?depth=", expected=f"1 to {DEPTH_MAX}", got=got,
            do="Things further on open by the + beside them",
        )  # fmt: skip
    return int(got)


def _as_of(got: str) -> int | None:
    if got and not _NUMBER.fullmatch(got):
        raise Malformed(
            "not a size of the log", where="?as_of=", expected="a whole number", got=got,
            do="Leave it out for the log as it is now",
        )  # fmt: skip
    return int(got) if got else None
