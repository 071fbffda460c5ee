"""Judge again what the log holds, each record at the time the log took it.

    a key becomes known ──► vouch        each record that it signed
    a key ends          ──► take_back    each record that it vouched for
    another root        ──► pass_over    what came in while it changed
    ``verdicts renew``  ──► renew        everything that is signed, in steps (``renewal``)
                             └► a verdict, where the judgement is another now

Under the keyring of now and the trusted root of now. A root that is too old judges nothing, so what
it vouched for stays as it is; where there is none any more, nothing is ``keyless``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from wherefrom import __version__
from wherefrom.errors import Refused
from wherefrom.formats import entry, recognise
from wherefrom.formats.batch import is_batched
from wherefrom.formats.entry import Trust
from wherefrom.formats.own import Decision, Renewal, Verdict
from wherefrom.keys.keyring import Signing
from wherefrom.log import renewal
from wherefrom.log.decisions import Decisions
from wherefrom.log.renewal import Position, PositionFile, Renewing
from wherefrom.log.writer import LogWriter, Receipt
from wherefrom.verify.dated_root import dated, held
from wherefrom.verify.judge import CHANNEL, believed, is_sigstore

VERIFIER: Final = f"wherefrom/{__version__}"
# In an entry, whose type cannot hold a bare quotation mark: a decision of Wherefrom's own.
_OWN: Final = b'"level":"self"'
_SIGNED_KINDS: Final = frozenset({"attestation", "batch", "bundle"})
_RENEWED_LEVELS: Final = frozenset({"signed", "keyless", "batch", "channel"})


class Heard(msgspec.Struct, frozen=True):
    """A record in the log: its effective trust, and when it was heard."""

    index: int
    kind: str
    trust: Trust
    received: str


class Again:
    """Judging again, in a log that this process writes. Whoever calls lets one change happen at a
    time.

    decide  logs a decision and folds it
    flush   returns when everything that was judged before is in the log
    now     gives now as 27-byte UTC text
    """

    def __init__(
        self,
        writer: LogWriter,
        decisions: Decisions,
        *,
        decide: Callable[[Decision], Receipt],
        flush: Callable[[], object],
        now: Callable[[], str],
        position: PositionFile,
    ) -> None:
        self._writer = writer
        self._decisions = decisions
        self._decide = decide
        self._flush = flush
        self._now = now
        self._position = position

    def give(self, index: int, trust: Trust, reason: str) -> None:
        """Give an entry a verdict."""
        root = self._decisions.root
        self._decide(
            Verdict(
                entry=index,
                trust=trust,
                reason=reason,
                at=self._now(),
                content=entry.parse(self._writer.entry(index)).content,
                verifier=VERIFIER,
                keyring=self._decisions.keyring.digest,
                root=root.digest if root else "",
            )
        )

    def vouch(self, id: str) -> Iterator[int]:
        """Give a verdict to each record that the key ``id`` signed and vouches for now, or no
        longer: its window or what it may sign can have changed."""
        for heard, content in self._signed():
            now = self._trust_now(heard, content)
            if (id in now.signers) != (id in heard.trust.signers):
                why = f"{id} became known" if id in now.signers else f"{id} does not count for this"
                self.give(heard.index, now, why)
                yield heard.index

    def take_back(self, id: str) -> Iterator[int]:
        """Give a verdict to each record that the key ``id`` vouches for and should not."""
        keyring = self._decisions.keyring
        for heard in self._judged(signer=id):
            if id in heard.trust.signers and keyring.why_not(id, Signing(heard.received)):
                others = tuple(s for s in heard.trust.signers if s != id)
                # Keyless means that all who signed are proven.
                stays = others and heard.trust.level != "keyless"
                now = Trust(heard.trust.level, others) if stays else CHANNEL
                self.give(heard.index, now, f"{id} was {keyring.state(id)}")
                yield heard.index

    def pass_over(self, first: int, reason: str) -> Iterator[int]:
        """Give a verdict to each record from ``first`` on that is judged otherwise now."""
        for heard, content in self._signed(first):
            if self._renewed(heard, content, reason):
                yield heard.index

    def renew(self, *, entries_max: int = renewal.STEP_ENTRIES_MAX) -> Renewing:
        """Judge more of what is signed again; call it until the answer has an ``entry``. It goes
        on where the last call ended, also one of another process."""
        at = self._position.read() or self._begin()
        if (at.keyring, at.root, at.verifier) != self._judged_under():
            at = self._begin()
        end = min(at.next + entries_max, at.until)
        looked = at.looked
        for heard, content in self._signed(at.next, end):
            looked += 1
            self._renewed(heard, content, renewal.REASON)
        at = msgspec.structs.replace(at, next=end, looked=looked)
        self._position.keep(at)
        changed = self._decisions.verdicts_since(at.until, reason=renewal.REASON)
        done = self._end(at, changed) if end == at.until else None
        return Renewing(
            next=at.next,
            until=at.until,
            looked=looked,
            changed=changed,
            keyring=at.keyring,
            root=at.root,
            entry=done,
        )

    def _judged_under(self) -> tuple[str, str, str]:
        root, now = self._decisions.root, dated(held(self._decisions.root))
        judges = root is not None and now is not None and now.judges(self._now())
        return self._decisions.keyring.digest, root.digest if root and judges else "", VERIFIER

    def _begin(self) -> Position:
        self._flush()
        keyring, root, verifier = self._judged_under()
        at = Position(
            next=0,
            until=self._writer.size,
            keyring=keyring,
            root=root,
            looked=0,
            since=self._now(),
            verifier=verifier,
        )
        self._position.keep(at)
        return at

    def _end(self, at: Position, changed: int) -> int:
        said = Renewal(
            until=at.until,
            keyring=at.keyring,
            root=at.root,
            verifier=at.verifier,
            looked=at.looked,
            changed=changed,
            since=at.since,
            at=self._now(),
        )
        entry_of_it = self._decide(said).index
        # A crash before this step has the record written twice, with the same in it.
        self._position.keep(None)
        return entry_of_it

    def _renewed(self, heard: Heard, content: bytes, reason: str) -> bool:
        now = self._trust_now(heard, content)
        is_other = heard.trust.level in _RENEWED_LEVELS and now != heard.trust
        if is_other:
            self.give(heard.index, now, reason)
        return is_other

    def _signed(self, first: int = 0, end: int | None = None) -> Iterator[tuple[Heard, bytes]]:
        """Of those that ``_judged`` gives, each that carries a signature, with its content."""
        for heard in self._judged(first, end):
            content = self._writer.record(heard.index).content
            # Of the kinds that carry no signature only what was signed in a batch has one.
            if content is not None and (heard.kind in _SIGNED_KINDS or is_batched(content)):
                yield heard, content

    def _judged(
        self, first: int = 0, end: int | None = None, *, signer: str = ""
    ) -> Iterator[Heard]:
        """Every record of others there is now, with its effective trust; only those that
        ``signer`` vouches for, or may, if it is given."""
        named, verdicts = signer.encode(), self._decisions.verdicts
        entries = self._writer.entries(first, self._writer.size if end is None else end)
        for index, written in enumerate(entries, start=first):
            if _OWN not in written and (named in written or index in verdicts):
                heard = entry.parse(written)
                trust = verdicts.get(index) or heard.trust
                yield Heard(index, heard.kind, trust, heard.received)

    def _trust_now(self, heard: Heard, content: bytes) -> Trust:
        try:
            # As at the door: what another format read its facts from is not vouched for by an
            # envelope's signature, even if it has an envelope's fields too.
            record = recognise.read(content)
            root = dated(held(self._decisions.root))
            if root is not None and not root.judges(self._now()) and is_sigstore(record):
                return heard.trust
            return believed(
                record, content, keyring=self._decisions.keyring, root=root, at=heard.received
            )
        except Refused:
            return CHANNEL  # recorded before its key was known, and not by that key after all
