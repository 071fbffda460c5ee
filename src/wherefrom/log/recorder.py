"""The road from bytes to a receipt: collect, judge, commit; and Wherefrom's own decisions.

    contents + Principal ──► collect ──► judge ──► commit ──► Outcome for each, in order
                                └ refused ┘ never costs its neighbours

The same object serves the command line on a directory and the server, so a record meets the same
checks whichever door it takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from wherefrom.collect.collected import CONTENT_BYTES_MAX, collect
from wherefrom.collect.principals import Principal, producer_of
from wherefrom.errors import NotFound, ReadOnly, Refused
from wherefrom.formats import base64_strict, entry, recognise
from wherefrom.formats.entry import SIGNERS_MAX, Trust
from wherefrom.formats.own import Decision, Genesis, KeyChange, Refusals, Tombstone, Verdict
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.envelopes import signers_of
from wherefrom.keys.keyring import KnownKey
from wherefrom.keys.public import PublicKey
from wherefrom.log.clock import WatchedClock
from wherefrom.log.decisions import Decisions, stronger
from wherefrom.log.writer import LogWriter, Receipt
from wherefrom.verify.judge import CHANNEL, decide, judge
from wherefrom.verify.judging import Rules, root_of
from wherefrom.verify.verified import Verified

_REJUDGED_KINDS: Final = b'"kind":"attestation"'


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """What became of one record; as the answers of the doors write it.

    status   ``recorded``, ``known`` or ``refused``
    index    its entry, or None; ``content`` the salted commitment, or None
    code     why it was refused, or None; ``reason`` the same in words
    """

    status: str
    index: int | None = None
    content: str | None = None
    code: str | None = None
    reason: str | None = None


class ClockNotes(NamedTuple):
    """Records that go before others; ``put_back`` if they could not be logged."""

    records: list[Verified]
    put_back: Callable[[], None]


def refused(error: Refused) -> Outcome:
    """The outcome of a refusal."""
    return Outcome(status="refused", code=error.code, reason=str(error))


class Recorder:
    """Everything that may be written to one open log.

    clock         gives now as 27-byte UTC text; when it goes back, the log says so (``clock.py``)
    trusted_root  Sigstore's, as JSON: what bundles are judged under; None to judge none
    """

    def __init__(
        self,
        writer: LogWriter,
        *,
        decisions: Decisions,
        service_key: SigningKey,
        producer_key: bytes,
        clock: Callable[[], str],
        content_bytes_max: int = CONTENT_BYTES_MAX,
        trusted_root: bytes | None = None,
    ) -> None:
        """Raises Malformed, Unsupported or LimitPassed for a trusted root that is none."""
        self.writer = writer
        # A server puts its queue here, so that a decision takes its turn like any record.
        self.commit: Callable[[Sequence[Verified]], list[Receipt]] = writer.commit
        self.decisions = decisions
        self._service_key = service_key
        self._producer_key = producer_key
        self._clock = WatchedClock(clock)
        self._content_bytes_max = content_bytes_max
        self._trusted_root, self._root = trusted_root, root_of(trusted_root)
        # Decisions are folded in the order they are logged, and one key changes at a time.
        self._deciding = threading.RLock()
        self._changing_key = threading.Lock()

    def start(self, *, log_key: str) -> None:
        """Write entry 0 into an empty log; take up what the log says of keys and verdicts."""
        if self.writer.size == 0:
            self._decide(
                Genesis(
                    origin=self.writer.origin,
                    log_key=log_key,
                    service_key=base64_strict.encode(spki_der(self._service_key.public_key)),
                )
            )
        newest = self.writer.entry(self.writer.size - 1)
        self._clock.saw(entry.parse(newest).received)
        self.decisions.catch_up(self.writer)

    # -- records from outside

    def judge(self, content: bytes, *, principal: Principal, only: str | None = None) -> Verified:
        """One record through the door and the judgement. Raises the fitting ``Refused``.

        only  the one format taken here, such as ``openlineage``; None for every format
        """
        collected = collect(
            content,
            principal=principal,
            received=self._clock(),
            only=only,
            content_bytes_max=self._content_bytes_max,
        )
        keyring = self.decisions.keyring
        return judge(collected, keyring=keyring, producer_key=self._producer_key, root=self._root)

    def rules(self) -> Rules:
        """What a judgement depends on now, for a ``JudgePool``."""
        return Rules(
            producer_key=self._producer_key,
            content_bytes_max=self._content_bytes_max,
            key_changes=tuple(self.decisions.keyring.changes),
            trusted_root=self._trusted_root,
        )

    def now(self) -> str:
        """Now, by this recorder's clock."""
        return self._clock()

    def record(self, contents: Sequence[bytes], *, principal: Principal) -> list[Outcome]:
        """Judge and commit; one outcome for each content, in order."""
        verified: list[Verified] = []
        outcomes: list[Outcome | None] = []
        for content in contents:
            try:
                verified.append(self.judge(content, principal=principal))
                outcomes.append(None)
            except Refused as error:
                outcomes.append(refused(error))
        receipts = iter(self.settle(verified, self._commit(verified)) if verified else [])
        return [o if o is not None else outcome_of(next(receipts)) for o in outcomes]

    def settle(self, verified: Sequence[Verified], receipts: list[Receipt]) -> list[Receipt]:
        """After a commit: a content known before and better vouched for now gets a verdict."""
        for new, receipt in zip(verified, receipts, strict=True):
            if receipt.known and new.trust.level != "channel":
                reason = "the same content came again with stronger evidence"
                with self._deciding:
                    before = self.decisions.trust_of(receipt.index, receipt.entry)
                    if stronger(new.trust, before):
                        self._judge_entry(receipt.index, new.trust, reason)
        return receipts

    # -- decisions

    def change_key(
        self, key: PublicKey, *, action: str, names: tuple[str, ...] = (), reason: str = ""
    ) -> tuple[KnownKey, int]:
        """Trust, retire or revoke a key, as a record; then judge again what it may have signed.

        Trusting it vouches for what it signed before it was known; revoking it takes back what it
        vouched for; retiring it leaves the past as it is. Returns the key's new state and how
        many entries got a verdict. Raises Malformed for another action.
        """
        change = KeyChange(
            action=action,
            key=key.id,
            spki=base64_strict.encode(key.spki),
            names=names,
            since=self._clock(),
            reason=reason,
        )
        with self._changing_key:
            self._decide(change)
            # What was judged just before and still waits for the log must be in it to be found.
            self.commit([])
            judged = 0
            if action == "trust":
                judged = sum(1 for _ in self._vouch(key.id))
            elif action == "revoke":
                judged = sum(1 for _ in self._take_back(key.id))
            return self.decisions.keyring.get(key.id), judged

    def _vouch(self, id: str) -> Iterator[int]:
        """Give a verdict to each attestation that the key ``id`` signed and was not known for."""
        for index, before in self._judged():
            if id in before.signers or (content := self.writer.record(index).content) is None:
                continue
            signers = self._signers(content)
            if id in signers:
                now = Trust("signed", signers[:SIGNERS_MAX])
                self._judge_entry(index, now, f"{id} became known")
                yield index

    def _take_back(self, id: str) -> Iterator[int]:
        """Give a verdict to each attestation that the key ``id`` vouches for."""
        for index, before in self._judged():
            if id in before.signers:
                others = tuple(s for s in before.signers if s != id)
                now = Trust(before.level, others) if others else CHANNEL
                self._judge_entry(index, now, f"{id} was revoked")
                yield index

    def _judged(self) -> Iterator[tuple[int, Trust]]:
        """Every attestation there is now, with its effective trust."""
        for index, written in enumerate(self.writer.entries(0, self.writer.size)):
            if _REJUDGED_KINDS in written:
                yield index, self.decisions.trust_of(index, written)

    def _signers(self, content: bytes) -> tuple[str, ...]:
        try:
            # As at the door: what another format read its facts from is not vouched for by an
            # envelope's signature, even if it has an envelope's fields too.
            envelope = recognise.read(content).envelope
            return signers_of(envelope, self.decisions.keyring).known if envelope else ()
        except Refused:
            return ()  # recorded before its key was known, and not by that key after all

    def erase(self, index: int, *, reason: str, principal: Principal) -> int:
        """Log a tombstone, then remove content and nonce; returns the tombstone's index.

        A crash between the two steps leaves a tombstone whose content is still held: views treat
        it as erased, and ``start`` finishes the work. Raises NotFound, or ReadOnly for what the
        log needs to explain itself.
        """
        if not 0 <= index < self.writer.size:
            raise NotFound(f"no entry {index}", expected=f"an index below {self.writer.size}")
        if entry.parse(self.writer.entry(index)).trust.level == "self":
            raise ReadOnly(
                f"entry {index} is Wherefrom's own decision and stays",
                do="Erase the record it speaks of instead",
            )
        with self._deciding:
            if index not in self.decisions.erased:
                by = producer_of(principal, key=self._producer_key)
                self._decide(Tombstone(entry=index, reason=reason, by=by, at=self._clock()))
        self.writer.erase(index)
        return self.decisions.erased[index]

    def note_refusals(self, principal: Principal, *, since: str, counts: dict[str, int]) -> None:
        """Log how many records of ``principal`` were refused since then, and why."""
        producer = producer_of(principal, key=self._producer_key)
        self._decide(Refusals(producer=producer, since=since, counts=counts))

    def finish_erasures(self) -> None:
        """Remove contents whose tombstone was logged just before a crash."""
        for index in self.decisions.erased:
            if self.writer.record(index).content is not None:
                self.writer.erase(index)

    def clock_notes(self) -> ClockNotes:
        """If the clock went back: what is to be logged before the next record."""
        steps = self._clock.take()
        key, received = self._service_key, self._clock
        return ClockNotes(
            [decide(step, service_key=key, received=received()) for step in steps],
            lambda: self._clock.put_back(steps),
        )

    def _commit(self, verified: Sequence[Verified]) -> list[Receipt]:
        notes = self.clock_notes()
        try:
            return self.commit([*notes.records, *verified])[len(notes.records) :]
        except BaseException:
            notes.put_back()
            raise

    def _judge_entry(self, index: int, trust: Trust, reason: str) -> None:
        self._decide(Verdict(entry=index, trust=trust, reason=reason, at=self._clock()))

    def _decide(self, decision: Decision) -> Receipt:
        verified = decide(decision, service_key=self._service_key, received=self._clock())
        with self._deciding:
            receipt = self._commit([verified])[0]
            self.decisions.fold(receipt.index, decision)
        return receipt


def outcome_of(receipt: Receipt) -> Outcome:
    """The outcome that a receipt stands for."""
    status = "known" if receipt.known else "recorded"
    return Outcome(status=status, index=receipt.index, content=receipt.content)
