"""``wherefrom keys resign``: what an ending key vouches for, signed again by the one after it.

entries that OLD vouches for ──► not signed by the new key yet ──► signed ──► recorded
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from wherefrom.cli.exits import NO, YES
from wherefrom.cli.render import count, progress_bar, write_json
from wherefrom.cli.settings import Where, placed
from wherefrom.errors import NotAllowed, NotFound, Refused, Unsupported

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading
    from wherefrom.keys.held import Signer
    from wherefrom.keys.sign_again import Signable

_TOGETHER_MAX: Final = 500
_BATCH_MAX: Final = 10_000
_WHY_MAX: Final = 10


class _Todo(NamedTuple):
    """What is to be signed, by what it says; how many of OLD's records are signed already; and why
    others cannot be: reason → how many."""

    signable: list[Signable]
    done: int
    erased: int
    cannot: Counter[str]


@click.command()
@click.argument("old", metavar="OLD")
@click.option(
    "--key", "secret", metavar="FILE|URI", required=True,
    help="The new secret key: PEM, or where one is held (awskms:…, pkcs11:…).",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Sign nothing: only say what would be.")
@placed
def resign(old: str, secret: str, dry_run: bool, where: Where, as_json: bool) -> int:
    """Sign again, with a new key, what the key OLD vouches for.

    An envelope gets one more signature; what was signed in a batch is signed in a new one. Both are
    recorded beside what is there, so that it stands when OLD ends or is revoked. Again, it goes on
    where it was: what the new key has signed is left alone. Exits 1 if something cannot be.
    """
    from wherefrom.cli.opening import reading, writing
    from wherefrom.keys.held import open_signer

    signer = open_signer(secret)
    with reading(where) as place:
        _need_active(place, signer.id)
        before = place.key(old).key
        todo = _todo(place, before.id, signer.id)
    refused: Counter[str] = Counter()
    if not dry_run and todo.signable:
        with writing(where) as target, progress_bar("signing") as tell:
            done = 0
            for contents in _signed(todo.signable, signer):
                outcomes = target.record(contents)
                refused.update(str(o.reason) for o in outcomes if o.status == "refused")
                done += len(contents)
                tell(done, len(todo.signable))
    cannot = todo.cannot + refused
    told = {
        "old": before.id,
        "new": signer.id,
        "signed": 0 if dry_run else len(todo.signable) - sum(refused.values()),
        "to_sign": len(todo.signable) if dry_run else 0,
        "signed_before": todo.done,
        "erased": todo.erased,
        "cannot": [{"reason": why, "records": n} for why, n in cannot.most_common(_WHY_MAX)],
    }
    if as_json:
        write_json(told)
    else:
        _show(told, dry_run)
    return NO if cannot else YES


def _need_active(place: Reading, id: str) -> None:
    try:
        state = place.key(id).key.state
    except NotFound:
        state = "unknown"
    if state != "active":
        raise NotAllowed(
            "the new key vouches for nothing here", expected="an active key", got=f"{id}, {state}",
            do="Trust it first: wherefrom keys trust FILE.pub --replaces OLD",
        )  # fmt: skip


def _entries(place: Reading, id: str) -> Iterator[int]:
    first: int | None = 0
    while first is not None:
        page = place.vouched(id, first=first)
        yield from page.entries
        first = page.next


def _todo(place: Reading, old: str, new: str) -> _Todo:
    from wherefrom.keys.sign_again import signable

    signed: set[bytes] = set()
    for index in _entries(place, new):
        try:
            signed.add(signable(place.content(index)).digest)
        except (NotFound, Unsupported):
            continue
    found: dict[bytes, Signable] = {}
    done: set[bytes] = set()
    erased, cannot = 0, Counter[str]()
    for index in _entries(place, old):
        try:
            this = signable(place.content(index))
        except NotFound:
            erased += 1
        except Refused as error:
            cannot[str(error)] += 1
        else:
            if this.digest in signed:
                done.add(this.digest)
            else:
                found.setdefault(this.digest, this)
    return _Todo(list(found.values()), len(done), erased, cannot)


def _signed(todo: list[Signable], signer: Signer) -> Iterator[list[bytes]]:
    """Contents to record, some at a time."""
    from wherefrom.keys.batches import sign_batch
    from wherefrom.keys.sign_again import signed_again

    envelopes = [this.envelope for this in todo if this.envelope is not None]
    for at in range(0, len(envelopes), _TOGETHER_MAX):
        yield [signed_again(envelope, signer) for envelope in envelopes[at : at + _TOGETHER_MAX]]
    records = [this.record for this in todo if this.record is not None]
    for at in range(0, len(records), _BATCH_MAX):
        together = list(sign_batch(records[at : at + _BATCH_MAX], signer))
        for start in range(0, len(together), _TOGETHER_MAX):
            yield together[start : start + _TOGETHER_MAX]


def _show(told: dict[str, object], dry_run: bool) -> None:
    signed, before, erased = (int(str(told[k])) for k in ("signed", "signed_before", "erased"))
    if dry_run:
        click.echo(f"{count(int(str(told['to_sign'])), 'record')} would be signed by {told['new']}")
    else:
        click.echo(f"{count(signed, 'record')} signed by {told['new']}, and recorded")
    if before:
        click.echo(f"{count(before, 'record')} had its signature already")
    if erased:
        click.echo(f"{count(erased, 'record')} erased: nothing is left to sign")
    reasons = told["cannot"]
    assert isinstance(reasons, list)
    for why in reasons:
        click.echo(f"✗ {count(why['records'], 'record')} cannot be: {why['reason']}")
