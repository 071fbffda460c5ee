"""``wherefrom proof-token``: a short signed reference to a thing, made and checked.

    ID ──► make ──► wfproof1.… ──► passed along ──► check ──► the log's word, or its proof

Not to be taken for ``wherefrom tokens``, which says who may use a server: a proof token opens
nothing.

Source: docs/formats/proof-token.md
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.failures import warn
from wherefrom.cli.render import write_json
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading
    from wherefrom.formats.note import VerifierKey
    from wherefrom.verify.proof_token import AskedLog


@click.group(name="proof-token")
def proof_token() -> None:
    """Make a short signed reference to a thing or a record, or check one."""


@proof_token.command()
@click.argument("id")
@click.option("--expires", metavar="DURATION|TIME", help="90m, 12h, 30d, or a time; else never.")
@placed
def make(id: str, expires: str | None, where: Where, as_json: bool) -> int:
    """Make a proof token for a thing, by its best record, or entry:N.

    It is one line of 512 characters at most, which anybody with the log's key can check. It says
    where in the log that record stands, and opens nothing.
    """
    from wherefrom.cli.opening import reading
    from wherefrom.cli.targets import ask

    with reading(where) as place:
        made = ask(id, lambda text: place.proof_token(text, expires=expires))
    if as_json:
        write_json(made)
        return YES
    click.echo(made.token)
    of = f" for {made.of}" if made.of else ""
    until = f"until {made.expires}" if made.expires else "for ever"
    click.echo(f"entry {made.entry} of {made.size} in {made.origin}{of}, {until}", err=True)
    return YES


@proof_token.command()
@click.argument("token")
@click.option("--log-key", metavar="VKEY|FILE", help="The log's verifier key.")
@click.option("--offline", is_flag=True, help="Ask nobody: the log's word, without the proof.")
@placed
def check(token: str, log_key: str | None, offline: bool, where: Where, as_json: bool) -> int:
    """Check a proof token: its signature, expiry and log.

    With --offline, what is shown is that the log said so. Without, the log is asked for the entry,
    its inclusion proof, and whether it still begins with the log that the token speaks of.
    """
    from wherefrom.cli.evidence import read_key, tell
    from wherefrom.cli.opening import reading
    from wherefrom.verify.proof_token import check as checked

    if offline:
        if log_key is None:
            raise click.UsageError("--offline needs --log-key: a token cannot vouch for its key")
        report = checked(token.strip(), log_key=read_key(log_key), now=int(time.time()))
    else:
        with reading(where) as place:
            key = read_key(log_key) if log_key is not None else _key_of(place, token.strip())
            now = int(time.time())
            report = checked(token.strip(), log_key=key, now=now, log=_asked(place))
    if as_json:
        write_json(report)
    else:
        tell(report, proven="SIGNED by the log; ask it for the proof" if offline else "PROVEN")
    return YES if report.result == "proven" else NO


def _key_of(place: Reading, token: str) -> VerifierKey:
    from wherefrom.formats.note import parse_verifier_key
    from wherefrom.formats.proof_token import parse

    keys = [parse_verifier_key(key.vkey) for key in place.status().keys]
    signer = parse(token).key_id
    key = next((key for key in keys if key.key_id == signer), keys[-1])
    warn(f"checked with the key that the log itself gives: {key.to_text()}")
    return key


def _asked(place: Reading) -> AskedLog:
    from wherefrom.verify.proof_token import AskedLog

    def evidence(index: int) -> bytes:
        return place.prove(
            f"entry:{index}", whole_trace=False, content=True, format="tlog-proof"
        ).written

    return AskedLog(evidence, place.consistency)
