"""``wherefrom canary``: whether a canary does worse, by a test that may be asked at any time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from wherefrom.cli.exits import CANNOT_TELL, NO, YES
from wherefrom.cli.options import as_of_option, environment_option, from_option, until_option
from wherefrom.cli.render import foot, write_answer
from wherefrom.cli.saying import record, signed
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.query.canary_answers import Canary

_EXITS: Final = {"pass": YES, "fail": NO, "undecided": CANNOT_TELL}
_COLOURS: Final = {"pass": "green", "fail": "red", "undecided": "yellow"}


def _borne(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> dict[str, float]:
    from wherefrom.errors import Malformed
    from wherefrom.query.canary.live import tolerance_of

    try:
        return dict(map(tolerance_of, texts))
    except Malformed as error:
        raise click.BadParameter(f"{error.got!r} is not such as failing=0.01.") from error


@click.command()
@click.argument("service")
@environment_option
@click.option(
    "--canary", "chosen", default="", metavar="WHAT",
    help="An artifact, or LABEL=VALUE such as pool=canary; else what came last.",
)  # fmt: skip
@click.option("--baseline", default="", metavar="WHAT", help="Likewise; else all the rest.")
@from_option
@until_option
@click.option(
    "--tolerate", "tolerances", multiple=True, callback=_borne, metavar="MEASURE=SHARE",
    help="How much worse is borne: failing=0.005, slow=0.02, latency=0.1.",
)  # fmt: skip
@click.option(
    "--alpha", type=click.FloatRange(0, 0.5, min_open=True), default=0.05, show_default=True,
    help="The chance of a false verdict.",
)  # fmt: skip
@click.option("--record", "recorded", is_flag=True, help="Record the verdict.")
@click.option("--key", metavar="FILE|URI", help="Sign it with this secret key.")
@as_of_option
@placed
def canary(
    service: str,
    environment: str,
    chosen: str,
    baseline: str,
    since: str | None,
    until: str | None,
    tolerances: dict[str, float],
    alpha: float,
    recorded: bool,
    key: str | None,
    as_of: int | None,
    where: Where,
    as_json: bool,
) -> int:
    """Say whether a canary does worse than what is beside it.

    Compares which answers fail, which are slow, and the latency, from the canary's first minute
    on. Ask as often as you like: the chance of a false verdict stays what it is. Undecided ends
    with 3: ask again later.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.formats.canary import to_statement
    from wherefrom.query.canary.live import CanaryOptions

    if key is not None and not recorded:
        raise click.UsageError("--key signs what is recorded: give --record too")
    options = CanaryOptions(
        service=service, environment=environment, canary=chosen, baseline=baseline, since=since,
        until=until, as_of=as_of, alpha=alpha, tolerances=tolerances,
    )  # fmt: skip
    with reading(where) as place:
        answer = place.canary(options)
    if not recorded:
        write_answer(answer, as_json, lambda: _drawn(answer))
        return _EXITS[answer.verdict]
    content = signed(to_statement(answer.record), key)
    if not as_json:
        for line in _drawn(answer):
            click.echo(line)
    said = record([content], where, as_json, told={"canary": answer})
    return said or _EXITS[answer.verdict]


def _drawn(answer: Canary) -> Iterator[str]:
    from wherefrom.formats.shown import printable

    where = f" in {printable(answer.environment)}" if answer.environment else ""
    said = click.style(answer.verdict.upper(), fg=_COLOURS[answer.verdict], bold=True)
    yield f"{said}  canary of {printable(answer.service)}{where}"
    yield f"  {answer.since[:19]}Z to {answer.until[:19]}Z"
    for name in ("canary", "baseline"):
        side = getattr(answer, name)
        yield f"  {name:<8}  {_where(side.where)}  {side.requests:,} requests"
    for one in answer.apart:
        yield f"  only the canary has {_apart(one.slot, one.name, one.value)}"
    if answer.entries:
        yield f"    by {', '.join(f'#{entry}' for entry in answer.entries)}"
    for measure, reason in zip(answer.measures, answer.reasons, strict=True):
        yield click.style(f"  {printable(reason)}", fg=_COLOURS[measure.verdict])
    yield from (f"  {printable(line)}" for line in answer.says)
    yield foot(answer.log, as_of=answer.as_of)


def _where(text: str) -> str:
    from wherefrom.formats.shown import cut, short_id

    before, equals, value = text.partition("=")
    return cut(f"{before}{equals}{short_id(value)}" if equals else text, 60)


def _apart(slot: str, name: str, value: str) -> str:
    from wherefrom.formats.shown import cut, short_id

    return cut(f"{slot} {name}  {short_id(value)}" if name else f"{slot}  {short_id(value)}", 70)
