"""``wherefrom exception``: let something in although rules do not hold, for a time, openly.

request ──#N──► approve N, refuse N, withdraw N          break-glass: alone, and everybody is told
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from wherefrom.cli.approve import key_option, output_option, subject_named
from wherefrom.cli.exits import YES
from wherefrom.cli.failures import warn
from wherefrom.cli.render import table, write_answer
from wherefrom.cli.saying import give, now, signed
from wherefrom.cli.settings import Where, placed
from wherefrom.errors import NotFound
from wherefrom.formats.shown import printable, short_id, short_key

if TYPE_CHECKING:
    from wherefrom.formats.exception import Exceptional

_asked = [
    click.argument("artifact"),
    click.option("--rule", "rules", multiple=True, required=True, help="Which; several times."),
    click.option(
        "--env", "--environment", "-e", "environment", required=True,
        help="Where, such as prod; * for everywhere.",
    ),
    click.option("--for", "lasting", required=True, metavar="DURATION", help="How long: 4h, 7d."),
    click.option("--reason", required=True, help="Why; everybody sees it."),
    click.option("--policy", default="", metavar="NAME", help="Of which policy; any without."),
    key_option,
    output_option,
    placed,
]  # fmt: skip


def _asking(command: Any) -> Any:
    for option in reversed(_asked):
        command = option(command)
    return command


@click.group()
def exception() -> None:
    """Ask for exceptions from rules, and answer them.

    A policy says under ``exceptions`` whether it knows any, who approves them, and how long one
    may last. Each of these is a signed record, told with every answer that it touches.
    """


@exception.command()
@_asking
def request(**said: Any) -> int:
    """Ask that ARTIFACT may go in although rules do not hold.

    ARTIFACT is a digest, a name or a file; the digest of a policy asks for all that it judges.
    """
    return _ask("requested", **said)


@exception.command(name="break-glass")
@_asking
def break_glass(**said: Any) -> int:
    """Let ARTIFACT in at once, on your word alone.

    For when who could approve is away. It counts only for those whom the policy names under
    ``break_glass``, and no longer than it says.
    """
    warn("this lets it in without anybody else's word; every answer that it touches says so")
    return _ask("break_glass", **said)


def _ask(
    stage: Any,
    *,
    artifact: str,
    rules: tuple[str, ...],
    environment: str,
    lasting: str,
    reason: str,
    policy: str,
    key: str,
    output: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    from wherefrom.formats import exception as exceptions
    from wherefrom.formats.timestamps import duration_s, micros
    from wherefrom.policy.checks import later

    at = now()
    said = exceptions.Exceptional(
        stage=stage, at=at, reason=reason, rules=rules, environment=environment,
        until=later(micros(at), duration_s(lasting, where="--for")), policy=policy,
    )  # fmt: skip
    statement = exceptions.to_statement(said, {subject_named(artifact, where): ""})
    return give([signed(statement, key)], output, where, as_json)


_answered = [
    click.argument("entry", type=click.IntRange(0)),
    click.option("--reason", default="", help="Why; kept with it."),
    key_option,
    output_option,
    placed,
]


def _answering(command: Any) -> Any:
    for option in reversed(_answered):
        command = option(command)
    return command


@exception.command()
@_answering
def approve(**said: Any) -> int:
    """Approve the exception that was asked for in ENTRY."""
    return _answer("approved", **said)


@exception.command()
@_answering
def refuse(**said: Any) -> int:
    """Refuse it, or take your approval back."""
    return _answer("refused", **said)


@exception.command()
@_answering
def withdraw(**said: Any) -> int:
    """End an exception before its time.

    It counts by who asked for it, and by each who may approve it.
    """
    return _answer("withdrawn", **said)


def _answer(
    stage: Any,
    *,
    entry: int,
    reason: str,
    key: str,
    output: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    from wherefrom.cli.opening import reading
    from wherefrom.formats import exception as exceptions
    from wherefrom.query.desk import TraceOptions

    with reading(where) as place:
        found = _said_in(place.content(entry))
        (record, *_) = place.show(f"entry:{entry}", TraceOptions()).matches
    if found is None or found.said.stage not in exceptions.ASKS:
        raise NotFound(
            "no exception is asked for there", got=f"entry {entry}",
            do="List them: wherefrom exception list ARTIFACT",
        )  # fmt: skip
    said = exceptions.Exceptional(stage=stage, at=now(), reason=reason, request=record.id)
    statement = exceptions.to_statement(said, found.subjects)
    return give([signed(statement, key)], output, where, as_json)


class _Found(NamedTuple):
    """What a record says of an exception, and about what: digests."""

    said: Exceptional
    subjects: dict[str, str]


def _said_in(content: bytes) -> _Found | None:
    """What a record says of an exception, if it does."""
    from wherefrom.formats import exception as exceptions
    from wherefrom.query.statements import whole_statement_in

    found = whole_statement_in(content)
    if found is None or found.get("predicateType") != exceptions.PREDICATE_TYPE:
        return None
    digests = {
        f"{algorithm}:{digits}": ""
        for subject in found["subject"]
        for algorithm, digits in list(subject["digest"].items())[:1]
    }
    return _Found(exceptions.parse(found["predicate"]), digests)


@exception.command(name="list")
@click.argument("artifact")
@placed
def list_(artifact: str, where: Where, as_json: bool) -> int:
    """List what was asked for ARTIFACT, and what was answered."""
    from wherefrom.cli.opening import reading
    from wherefrom.cli.targets import ask
    from wherefrom.formats.exception import PREDICATE_TYPE
    from wherefrom.query.desk import TraceOptions

    found = []
    with reading(where) as place:
        shown = ask(artifact, lambda one: place.show(one, TraceOptions()))
        records = {r.entry: r for match in shown.matches for r in match.records}
        for entry, record in sorted(records.items()):
            said = _said_in(place.content(entry)) if record.type == PREDICATE_TYPE else None
            if said is not None:
                found.append(Listed(entry, record.trust, list(record.signers), said.said))
    write_answer([one.told() for one in found], as_json, lambda: _drawn(found))
    return YES


class Listed(NamedTuple):
    """A record about an exception: how far it is believed, and what it says."""

    entry: int
    trust: str
    signers: list[str]
    said: Exceptional

    def told(self) -> dict[str, Any]:
        """In JSON."""
        import msgspec

        said = msgspec.to_builtins(self.said)
        return {"entry": self.entry, "trust": self.trust, "signers": self.signers, **said}


def _drawn(found: Sequence[Listed]) -> Iterator[str]:
    if not found:
        yield "Nobody asked for an exception."
        return
    rows = []
    for one in found:
        said = one.said
        by = " ".join(short_key(signer) for signer in one.signers) or "nobody known"
        what = f"until {said.until[:19]}Z" if said.until else f"of {short_id(said.request)}"
        more = " ".join(filter(None, (",".join(said.rules), said.environment)))
        rows.append(
            (f"#{one.entry}", said.stage, by, what, printable(f"{more}  {said.reason}".strip()))
        )
    yield table(rows)
