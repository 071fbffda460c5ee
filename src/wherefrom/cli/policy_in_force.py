"""``wherefrom policy use``, ``in-force`` and ``status``: which policy decides where, and what it
says of what runs there.

    DIR | FILE | DIGEST ──use, signed──► in force in an environment ──► gate, watch ──► status
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.approve import key_option, output_option
from wherefrom.cli.exits import NO, YES
from wherefrom.cli.options import as_of_option, then_option
from wherefrom.cli.policy_files import read_policy
from wherefrom.cli.render import columns, count, foot, table, write_answer
from wherefrom.cli.saying import give, now
from wherefrom.cli.settings import Where, placed
from wherefrom.errors import NotFound, SettingError
from wherefrom.formats.shown import cut, printable, short_id, short_key

if TYPE_CHECKING:
    from wherefrom.policy.in_force import Standing
    from wherefrom.policy.status import Judged, PolicyStatus

_SERVICES_SHOWN: Final = 5
_ENTRIES_SHOWN: Final = 4
_environments_option = click.option(
    "--env", "--environment", "-e", "environments", multiple=True, required=True,
    help="Where, such as prod; several times.",
)  # fmt: skip
_environment_option = click.option(
    "--env", "--environment", "-e", "environment", default="", help="Only there, such as prod."
)


@click.command()
@click.argument("policy", required=False, metavar="[DIR|FILE|DIGEST]")
@click.option("--none", "ends", is_flag=True, help="End the one that is in force.")
@_environments_option
@key_option
@click.option("--for", "lasting", metavar="DURATION", help="Only for so long: 4h, 7d.")
@click.option("--reason", default="", help="Why; everybody sees it.")
@output_option
@placed
def use(
    policy: str | None,
    ends: bool,
    environments: tuple[str, ...],
    key: str,
    lasting: str | None,
    reason: str,
    output: Path | None,
    where: Where,
    as_json: bool,
) -> int:
    """Put a policy in force in environments, signed.

    From then on the gate asks by it where no other is named, and a server watches by it what runs
    there. It takes the place of the one before. It counts only by the word of those who may say
    so: whom ``watch.yaml`` names, else the administrators of keys, else anybody trusted.
    """
    from wherefrom.formats import in_force as words
    from wherefrom.formats import policy as policies
    from wherefrom.formats.dsse import IN_TOTO_TYPE
    from wherefrom.keys.envelopes import sign_envelope
    from wherefrom.keys.held import open_signer

    if ends is (policy is not None):
        raise click.UsageError("name a policy, or end the one in force with --none")
    if ends and lasting:
        raise click.UsageError("--none has no --for")
    at, until = now(), ""
    if lasting:
        from wherefrom.formats.timestamps import duration_s, micros, of_micros

        until = of_micros(micros(at) + duration_s(lasting, where="--for") * 1_000_000)
    statements = []
    if policy is None:
        named = _in_force_there(environments, where)
    else:
        said = read_policy(policy)
        if isinstance(said, str):
            _need_held(said, where)
            named = dict.fromkeys(environments, (said, ""))
        else:
            statements.append(policies.to_statement(said))
            named = dict.fromkeys(environments, (said.digest, said.name))
    for environment, (digest, name) in named.items():
        word = words.InForce(
            stage="ended" if ends else "in_force", environment=environment, since=at, until=until,
            reason=reason,
        )  # fmt: skip
        statements.append(words.to_statement(word, digest, name))
    signer = open_signer(key)
    envelopes = [sign_envelope(IN_TOTO_TYPE, one, signer) for one in statements]
    return give(envelopes, output, where, as_json)


def _in_force_there(environments: Sequence[str], where: Where) -> dict[str, tuple[str, str]]:
    """What is in force in each. Raises SettingError where nothing is."""
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        found = {one.environment: one for one in place.in_force("")}
    for environment in environments:
        if environment not in found:
            raise SettingError(
                "no policy is in force there", got=environment,
                do="See which are: wherefrom policy in-force",
            )  # fmt: skip
    return {environment: (found[environment].policy, "") for environment in environments}


def _need_held(digest: str, where: Where) -> None:
    """Raises NotFound unless the log holds a policy of this digest."""
    from wherefrom.cli.opening import reading
    from wherefrom.query.desk import TraceOptions

    with reading(where) as place:
        kinds = {match.kind for match in place.show(digest, TraceOptions()).matches}
    if "policy" not in kinds:
        raise NotFound(
            "the log holds no policy of this digest",
            got=digest,
            do="Record it first: wherefrom policy record",
        )


@click.command(name="in-force")
@_environment_option
@placed
def in_force(environment: str, where: Where, as_json: bool) -> int:
    """List which policy is in force where, and by whose word.

    Exits 1 if an environment is named, and none is in force there.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        found = place.in_force(environment)
    write_answer(found, as_json, lambda: _drawn(found))
    return NO if environment and not found else YES


def _drawn(found: Sequence[Standing]) -> Iterator[str]:
    if not found:
        yield "No policy is in force."
        return
    yield table(
        [
            (
                printable(one.environment),
                short_id(one.policy),
                f"since {one.since[:19]}Z",
                f"until {one.until[:19]}Z" if one.until else "",
                f"#{one.entry}",
                " ".join(short_key(n) if n[:2] == "k:" else printable(n) for n in one.by),
            )
            for one in found
        ]
    )
    for one in found:
        if one.reason:
            yield f"  {printable(one.environment)}: {printable(one.reason)}"


@click.command()
@_environment_option
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=1_000, show_default=True, metavar="N",
    help="So many, denied and in production first; all are counted.",
)  # fmt: skip
@then_option
@as_of_option
@placed
def status(
    environment: str, limit: int, at: str | None, as_of: int | None, where: Where, as_json: bool
) -> int:
    """Show what runs, and what the policy in force says of it.

    Denied first, production first: since when, by which rules and records, and what to do. It is
    what the log has signed; a server's watch keeps that up to date. Exits 1 if anything that runs
    is denied.
    """
    from wherefrom.cli.opening import reading

    with reading(where) as place:
        answer = place.policy_status(environment, limit=limit, at=at, as_of=as_of)
    write_answer(answer, as_json, lambda: _drawn_status(answer))
    return NO if answer.denied else YES


def _drawn_status(answer: PolicyStatus) -> Iterator[str]:
    if not answer.policies:
        yield "No policy is in force; put one there: wherefrom policy use DIR -e ENV --key FILE"
    for one in answer.running:
        if one.allowed is not True:
            yield from _drawn_thing(one)
    counts = f"{answer.denied} denied, {answer.unjudged} not judged, {answer.allowed} allowed"
    if answer.policies:
        yield f"{count(answer.denied + answer.unjudged + answer.allowed, 'thing')}: {counts}"
    if answer.truncated:
        yield f"only {count(len(answer.running), 'thing')} of them listed; more with --limit"
    watch = answer.watch
    if watch is not None:
        behind = f", {count(watch.behind, 'entry', 'entries')} behind" if watch.behind else ""
        yield f"watch at size {watch.size}{behind}, {watch.waiting} still to look at"
    yield foot(answer.log, as_of=answer.as_of)


def _drawn_thing(one: Judged) -> Iterator[str]:
    word = "not judged" if one.allowed is None else click.style("DENIED", fg="red")
    name = f"{printable(one.name)} " if one.name else ""
    since = f" since {one.since[:19]}Z" if one.since else ""
    late = ", overdue" if one.overdue else ""
    entry = f"  #{one.entry}" if one.entry is not None else ""
    yield (
        f"{word}  {name}({short_id(one.artifact)}) in {printable(one.environment)}"
        f"{since}{late}{entry}"
    )
    services = ", ".join(
        printable(place.service or "?") + ("" if place.mode == "observed" else " (declared)")
        for place in one.places[:_SERVICES_SHOWN]
    )
    more = len(one.places) - _SERVICES_SHOWN
    yield f"  runs as {services}" + (f" and {more} more" if more > 0 else "")
    for reason in one.failing:
        entries = " ".join(f"#{entry}" for entry in reason.entries[:_ENTRIES_SHOWN])
        yield cut(f"  {reason.rule}: {printable(reason.says)}  {entries}".rstrip(), columns())
        if reason.remedy:
            yield cut(f"    do: {printable(reason.remedy)}", columns())
