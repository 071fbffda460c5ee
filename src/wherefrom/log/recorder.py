"""The road from bytes to a receipt: collect, judge, commit; and Wherefrom's own decisions.

    contents + Principal ──► collect ──► judge ──► commit ──► Outcome for each, in order
                                └ refused ┘ never costs its neighbours

The same object serves the command line on a directory and the server, so a record meets the same
checks whichever door it takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from wherefrom.collect.collected import CONTENT_BYTES_MAX, collect
from wherefrom.collect.principals import Principal, Token, producer_of
from wherefrom.collect.senders import hashed, names_of
from wherefrom.errors import BadSignature, Error, Malformed, NotAllowed, NotFound, ReadOnly, Refused
from wherefrom.formats import (
    base64_strict,
    dsse,
    entry,
    feed,
    incident,
    intake,
    measures,
    note,
    own,
    policy,
    timestamps,
    turned,
    vsa,
)
from wherefrom.formats.dsse import Envelope, Signature
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.own import (
    Administrators,
    Change,
    Decision,
    Genesis,
    IntakeRules,
    KeyChange,
    LogKeysChange,
    Refusals,
    Tombstone,
    TrustRoot,
)
from wherefrom.keys.changes import KeyWish, RootWish, change_of, read_draft, root_of, rules_of
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.envelopes import sign_envelope, signers_over
from wherefrom.keys.keyring import Keyring, KnownKey
from wherefrom.keys.public import PublicKey
from wherefrom.log import renewal, roots
from wherefrom.log.again import Again
from wherefrom.log.clock import WatchedClock
from wherefrom.log.decisions import Decisions, IntakeTold, stronger
from wherefrom.log.key_uses import summed
from wherefrom.log.look_back import Marked, Over, Simulated, chosen, marks, simulate
from wherefrom.log.own_keys import LogKeysTold, LogKeysWish, OwnKeys, told
from wherefrom.log.renewal import PositionFile, Renewing
from wherefrom.log.roots import RootChanged, RootsTold
from wherefrom.log.unfinished import ROOT, Unfinished
from wherefrom.log.vouched import Vouched, vouched
from wherefrom.log.writer import LogWriter, Receipt
from wherefrom.verify.dated_root import dated, held
from wherefrom.verify.judge import decide, judge
from wherefrom.verify.judging import Rules
from wherefrom.verify.verified import Verified

if TYPE_CHECKING:
    from wherefrom.keys.note_keys import NoteKey

# What the service key may sign besides decisions about the log: predicate types.
OWN_STATEMENTS: Final = (
    vsa.PREDICATE_TYPE,
    policy.PREDICATE_TYPE,
    feed.PREDICATE_TYPE,
    turned.PREDICATE_TYPE,
    incident.PREDICATE_TYPE,
    measures.PREDICATE_TYPE,
)
_USES_EVERY: Final = timedelta(days=1)


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


class KeyChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of keys did.

    entry         where the log says it
    key           the key and its new state; None if it was about administrators
    judged_again  how many entries got a verdict; ``entries`` are which
    """

    entry: int
    key: KnownKey | None
    judged_again: int
    entries: list[int]


class IntakeChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Which rules are in force now, and the entry that says so."""

    entry: int
    version: int
    digest: str


class ClockNotes(NamedTuple):
    """Records that go before others; ``put_back`` if they could not be logged."""

    records: list[Verified]
    put_back: Callable[[], None]


def refused(error: Refused) -> Outcome:
    """The outcome of a refusal."""
    return Outcome(status="refused", code=error.code, reason=str(error))


class OwnRecord(NamedTuple):
    """What Wherefrom itself said: its entry in the log, and the envelope."""

    entry: int
    content: bytes


class Recorder:
    """Everything that may be written to one open log.

    clock         gives now as 27-byte UTC text; when it goes back, the log says so (``clock.py``)
    renewal_path  where to keep how far a renewal has come; ``judging_path`` what a change has still
                  to judge again
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
        renewal_path: Path | None = None,
        judging_path: Path | None = None,
    ) -> None:
        self.writer = writer
        # A server puts its queue here, so that a decision takes its turn like any record.
        self.commit: Callable[[Sequence[Verified]], list[Receipt]] = writer.commit
        self.decisions = decisions
        self._service_key = service_key
        self._producer_key = producer_key
        self._clock = WatchedClock(clock)
        self._content_bytes_max = content_bytes_max
        # Decisions are folded in the order they are logged, and one thing changes at a time.
        self._deciding = threading.RLock()
        self._changing = threading.Lock()
        self._unfinished = Unfinished(judging_path)
        self._again = Again(
            writer,
            decisions,
            decide=self._decide,
            flush=lambda: self.commit([]),
            now=self._clock,
            position=PositionFile(renewal_path),
        )

    def start(self, own_keys: OwnKeys) -> None:
        """Write entry 0 into an empty log; take up what the log says of keys and verdicts.

        own_keys  the log's own; a change of them that the log does not tell of yet is recorded
        """
        self._own_keys = own_keys
        if self.writer.size == 0:
            self._decide(
                Genesis(
                    origin=self.writer.origin,
                    log_key=own_keys.known()[0].to_text(),
                    service_key=base64_strict.encode(spki_der(self._service_key.public_key)),
                )
            )
        newest = self.writer.entry(self.writer.size - 1)
        self._clock.saw(entry.parse(newest).received)
        self.decisions.catch_up(self.writer)
        self._record_uses_before()
        self._record_log_keys()
        self._record_uses(self._clock())
        for what in self._unfinished.read():
            self._judge_again(what)

    # -- the log's own keys

    def log_keys(self) -> LogKeysTold:
        """Every key that the log has signed with, each change of them, and what they were used
        for."""
        return told(self._own_keys.read(), at=self._clock(), uses=self.decisions.key_uses)

    def receipt_key(self) -> NoteKey:
        """The log's newest key, to sign a root that it signed before; counted. Raises as opening
        it, which may ask whoever holds it."""
        return self._own_keys.newest("receipt", at=self._clock())

    def change_log_keys(self, wish: LogKeysWish) -> LogKeysTold:
        """Change what the log signs with, from the next batch on, and record it.

        Raises SettingError, Unavailable, StorageError.
        """
        with self._changing:
            made = self._own_keys.change(wish, at=self._clock())
            self._record_log_keys(wish.reason)
            return told(made, at=self._clock(), uses=self.decisions.key_uses)

    def tick(self) -> bool:
        """Do what a schedule asks for by now; whether a key was replaced. Raises as a change."""
        now, own = self._clock(), self._own_keys
        made = entry.parse(self.writer.entry(0)).received
        if own.is_due(now, made=made):
            self.change_log_keys(LogKeysWish(to="ed25519", reason="by schedule"))
            return True
        self._sign_with(now)
        self._record_uses(now)
        return False

    def _record_uses(self, now: str) -> None:
        """Once a day, say how often the log's keys were used."""
        last = self.decisions.key_uses
        since = last.at if last else entry.parse(self.writer.entry(0)).received
        if timestamps.parse(since, where="at") + _USES_EVERY <= timestamps.parse(now, where="now"):
            signers = [key.verifier_key.key_id.hex() for key in self.writer.signers.keys]
            self._sum_uses(now, heads=self.writer.heads, signers=signers)

    def _record_uses_before(self) -> None:
        """What signed the heads before this start, where that is to be said of other keys than
        those of now, or heads are counted anew: a key came or went in a crash or while nobody
        wrote, or the log was made again from an export."""
        if self.writer.found_head is None:
            return
        heads, written = self.writer.found_head
        signers = [line.key_id.hex() for line in note.parse(written).signatures]
        mine = [key.verifier_key.key_id.hex() for key in self.writer.signers.keys]
        last = self.decisions.key_uses
        began_anew = last is not None and self.writer.heads <= last.heads
        if began_anew or set(signers) != set(mine):
            self._sum_uses(self._clock(), heads=heads, signers=signers)

    def _sum_uses(self, now: str, *, heads: int, signers: Sequence[str]) -> None:
        last, taken = self.decisions.key_uses, self._own_keys.uses.take()
        if last is None or not taken.digest or taken.digest != last.taken:
            self._decide(summed(last, taken, heads=heads, signers=signers, at=now))
        self._own_keys.uses.recorded()

    def _record_log_keys(self, reason: str = "") -> None:
        self._sign_with(self._clock())
        told_of = {written for _, written in self.decisions.log_keys}
        for written in self._own_keys.read().notes:
            if written not in told_of:
                self._decide(LogKeysChange(note=written, reason=reason))

    def _sign_with(self, now: str) -> None:
        keys = tuple(self._own_keys.of_heads(now))
        if keys != self.writer.signers.keys:
            # What was signed so far is said of the keys that signed it.
            signers = [key.verifier_key.key_id.hex() for key in self.writer.signers.keys]
            self._sum_uses(now, heads=self.writer.heads, signers=signers)
            self.writer.signers.keys = keys

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
        decisions = self.decisions
        return judge(
            collected,
            keyring=decisions.keyring,
            producer_key=self._producer_key,
            root=dated(held(decisions.root)),
            intake=decisions.intake,
        )

    def rules(self) -> Rules:
        """What a judgement depends on now, for a ``JudgePool``."""
        return Rules(
            producer_key=self._producer_key,
            content_bytes_max=self._content_bytes_max,
            key_changes=tuple(
                (entry, change)
                for entry, change in self.decisions.keyring.changes
                if isinstance(change, KeyChange)
            ),
            root=held(self.decisions.root),
            intake=self.decisions.intake,
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
                        self._again.give(receipt.index, new.trust, reason)
        return receipts

    def vouch(self, statement: bytes, *, principal: Principal) -> OwnRecord:
        """Record a statement that Wherefrom itself makes. As ``vouch_all``."""
        return self.vouch_all([statement], principal=principal)[0]

    def vouch_all(self, statements: Sequence[bytes], *, principal: Principal) -> list[OwnRecord]:
        """Record statements that Wherefrom itself makes, signed by the service key, at once.

        statements  in-toto statements, of types of ``OWN_STATEMENTS``
        principal   who asked for them

        The first time, that the service key may sign these becomes a record too, so that whoever
        reads the log judges them like any other. Raises NotAllowed where administrators decide
        which keys count and have not let it, and where the intake rules or a token's scope do not.
        """
        key = PublicKey(spki_der(self._service_key.public_key))
        known = next((one for one in self.decisions.keyring.list() if one.id == key.id), None)
        if known is None or (known.state == "active" and not {*OWN_STATEMENTS} <= {*known.kinds}):
            reason = "signs what this log decides by its policies"
            self.wish(
                KeyWish(action="trust", pem=key.to_pem(), kinds=OWN_STATEMENTS, reason=reason)
            )
        contents = [sign_envelope(dsse.IN_TOTO_TYPE, one, self._service_key) for one in statements]
        made = []
        outcomes = self.record(contents, principal=principal)
        for content, outcome in zip(contents, outcomes, strict=True):
            if outcome.index is None:
                raise NotAllowed(
                    f"the log does not take what it says itself: {outcome.reason}",
                    do="Let its intake rules, and the token, take summaries, policies and turns",
                )
            made.append(OwnRecord(outcome.index, content))
        return made

    # -- decisions

    def change_key(
        self, key: PublicKey, *, action: str, names: tuple[str, ...] = (), reason: str = ""
    ) -> tuple[KnownKey, int]:
        """Trust, retire or revoke a key from now on: its new state, and how many entries got a
        verdict. As ``wish``."""
        wish = KeyWish(action=action, pem=key.to_pem(), names=names, reason=reason)
        changed = self.wish(wish)
        assert changed.key is not None
        return changed.key, len(changed.entries)

    def wish(self, wish: KeyWish) -> KeyChanged:
        """Do with a key what is wished, on the word of the service key. As ``apply``."""
        find = self.decisions.keyring.get
        return self._change(change_of(wish, find=find, now=self._clock()))

    def apply(self, document: dict[str, Any]) -> KeyChanged:
        """Take a change of keys that others signed as a record; then judge again.

        document  a DSSE envelope, as ``keys.changes.approve`` makes it

        A key that becomes trusted vouches for what it signed before, as far as it counted then;
        one that is revoked takes back what came since it was compromised, or everything; one that
        is retired leaves the past as it is. Raises Malformed for anything else, NotAllowed,
        BadSignature for a signature that fails or is by a stranger.
        """
        change, envelope = read_draft(document)
        if not isinstance(change, KeyChange | Administrators):
            raise _another_change("keys", got=own.media_type(change))
        return self._change(change, envelope)

    def _change(
        self, change: KeyChange | Administrators, envelope: Envelope | None = None
    ) -> KeyChanged:
        with self._changing:
            keyring = self.decisions.keyring
            if isinstance(change, Administrators):
                _need_counting(change, keyring, at=self._clock())
                entry_of_it = self._log_change(change, envelope)
                return KeyChanged(entry=entry_of_it, key=None, judged_again=0, entries=[])
            self._unfinished.begin(change.key)
            try:
                entry_of_it = self._log_change(change, envelope)
            except Error:
                self._unfinished.end(change.key)
                raise
            entries = self._judge_again(change.key)
            return KeyChanged(
                entry=entry_of_it,
                key=keyring.get(change.key),
                judged_again=len(entries),
                entries=entries,
            )

    def _judge_again(self, what: str) -> list[int]:
        """All that hangs on a key, or on the trusted root, which changed; which entries got a
        verdict."""
        entries: list[int] = []
        if what == ROOT:
            first = self.decisions.roots[-1][0] + 1 if self.decisions.roots else self.writer.size
            # What was judged under the root before, and came into the log behind this record.
            entries = [*self._again.pass_over(first, "the trusted root changed as it came")]
        elif any(key.id == what for key in self.decisions.keyring.list()):
            is_trusted = self.decisions.keyring.state(what) == "active"
            entries = [*(self._again.vouch if is_trusted else self._again.take_back)(what)]
        self._unfinished.end(what)
        return entries

    def _log_change(self, change: Change, envelope: Envelope | None) -> int:
        """Log a change that its signers may decide; where. The caller holds ``_changing``."""
        signers = signers_over(envelope, self.decisions.keyring) if envelope else frozenset()
        if envelope and len(signers) < len(envelope.signatures):
            raise BadSignature(
                "a signature that is by no key of this log, or fails",
                where="signatures",
                expected=f"{len(envelope.signatures)} of keys that the log has named",
                got=" ".join(sorted(signers)) or "none",
            )
        at = self._clock()
        self.decisions.need_may_change(change, signers, at=at)
        # As of the same moment, or who reads the log could find that they no longer might.
        index = self._decide(change, at=at, others=envelope.signatures if envelope else ()).index
        # What was judged just before and still waits for the log must be in it to be found; and
        # what comes into it after this was judged under the change.
        self.commit([])
        return index

    # -- intake rules

    def propose_intake(self, rules: Sequence[IntakeRule], *, reason: str = "") -> IntakeRules:
        """The change to these rules, for administrators to sign; senders may be names of tokens.

        Raises Malformed, LimitPassed.
        """
        return self._intake_change(rules, reason, keyring=self.decisions.keyring.digest)

    def set_intake(self, rules: Sequence[IntakeRule], *, reason: str = "") -> IntakeChanged:
        """Let these rules, and no others, decide what comes in from now on.

        Raises Malformed, LimitPassed; NotAllowed if that takes administrators.
        """
        with self._changing:
            return self._take_intake(self._intake_change(rules, reason))

    def apply_intake(self, document: dict[str, Any]) -> IntakeChanged:
        """Take rules that others signed. As ``apply``; NotAllowed also for a version that is not
        the next."""
        change, envelope = read_draft(document)
        if not isinstance(change, IntakeRules):
            raise _another_change("intake rules", got=own.media_type(change))
        with self._changing:
            return self._take_intake(change, envelope)

    def intake(self, *, tokens: Iterable[Token] = ()) -> IntakeTold:
        """The rules in force; ``tokens`` give senders their names."""
        return self.decisions.told_intake(senders=names_of(tokens, key=self._producer_key))

    def simulate_intake(self, rules: Sequence[IntakeRule], over: Over) -> Simulated:
        """What records in the log would have got under these rules; as ``look_back``.

        Raises Malformed, LimitPassed.
        """
        intake.check(rules)
        asked = hashed(rules, key=self._producer_key)
        entries = chosen(self.writer, over)
        return simulate(asked, self.writer, entries, verdicts=self.decisions.verdicts)

    def intake_marks(self, over: Over) -> Marked:
        """What in the log does not keep a rule that only marks; as ``look_back``."""
        said, entries = self.decisions, chosen(self.writer, over)
        return marks(said.rule_sets, self.writer, entries, verdicts=said.verdicts)

    def _intake_change(
        self, rules: Sequence[IntakeRule], reason: str, *, keyring: str = ""
    ) -> IntakeRules:
        return rules_of(
            hashed(rules, key=self._producer_key),
            before=self.decisions.in_force,
            now=self._clock(),
            reason=reason,
            keyring=keyring,
        )

    def _take_intake(self, change: IntakeRules, envelope: Envelope | None = None) -> IntakeChanged:
        entry_of_it = self._log_change(change, envelope)
        return IntakeChanged(entry=entry_of_it, version=change.version, digest=change.digest)

    # -- the trusted root

    def propose_root(self, wish: RootWish) -> TrustRoot:
        """The change to this root, for administrators to sign. Raises as ``set_root``."""
        return self._root_change(wish, keyring=self.decisions.keyring.digest)

    def set_root(self, wish: RootWish) -> RootChanged:
        """Judge Sigstore's signatures under this root, and no other, from now on.

        Raises Malformed, Unsupported, LimitPassed; NotAllowed if that takes administrators.
        """
        with self._changing:
            return self._take_root(self._root_change(wish))

    def apply_root(self, document: dict[str, Any]) -> RootChanged:
        """Take a root that others signed. As ``apply_intake``."""
        change, envelope = read_draft(document)
        if not isinstance(change, TrustRoot):
            raise _another_change("the trusted root", got=own.media_type(change))
        roots.need_usable(change)
        with self._changing:
            return self._take_root(change, envelope)

    def roots(self, *, version: int | None = None) -> RootsTold:
        """The root in force, or as a version said it. Raises NotFound."""
        return roots.told(self.decisions, now=self._clock(), version=version)

    def root_warning(self) -> str | None:
        """What to say of a trusted root that grows too old; None if there is nothing to."""
        return roots.warning(self.decisions.root, self._clock())

    def _root_change(self, wish: RootWish, *, keyring: str = "") -> TrustRoot:
        before, now = self.decisions.root, self._clock()
        change = root_of(wish, before=before, now=now, keyring=keyring)
        roots.need_usable(change)
        return change

    def _take_root(self, change: TrustRoot, envelope: Envelope | None = None) -> RootChanged:
        self._unfinished.begin(ROOT)
        try:
            entry_of_it = self._log_change(change, envelope)
        except Error:
            self._unfinished.end(ROOT)
            raise
        late = self._judge_again(ROOT)
        return RootChanged(
            entry=entry_of_it, version=change.version, digest=change.digest, judged_again=len(late)
        )

    def renew(self, *, entries_max: int = renewal.STEP_ENTRIES_MAX) -> Renewing:
        """Judge more of what is signed again, each at the time the log took it; call it until the
        answer has an ``entry``. It goes on where the last call ended, also one of another process.
        """
        with self._changing:
            return self._again.renew(entries_max=entries_max)

    def vouched(self, id: str, *, first: int) -> Vouched:
        """Some of what the key with this id vouches for, from entry ``first`` on."""
        return vouched(self.writer, id, verdicts=self.decisions.verdicts, first=first)

    def erase(self, index: int, *, reason: str, principal: Principal) -> int:
        """Log a tombstone, then remove content and nonce; returns the tombstone's index.

        A crash between the two steps leaves a tombstone whose content is still held: views treat
        it as erased, and ``start`` finishes the work. Raises NotFound, or ReadOnly for what the
        log needs to explain itself.
        """
        if not 0 <= index < self.writer.size:
            raise NotFound(
                f"no entry {index}",
                expected=f"an index below {self.writer.size}",
                do="wherefrom log status says how many there are",
            )
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

    def sender_of(self, principal: Principal) -> str:
        """How entries name who sends."""
        return producer_of(principal, key=self._producer_key)

    def note_refusals(self, principal: Principal, *, since: str, counts: dict[str, int]) -> None:
        """Log how many records of ``principal`` were refused since then, and why."""
        self._decide(Refusals(producer=self.sender_of(principal), since=since, counts=counts))

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

    def _decide(
        self, decision: Decision, *, at: str | None = None, others: Sequence[Signature] = ()
    ) -> Receipt:
        received = at or self._clock()
        verified = decide(decision, service_key=self._service_key, received=received, others=others)
        with self._deciding:
            receipt = self._commit([verified])[0]
            self.decisions.fold(receipt.index, decision)
        return receipt


def _another_change(what: str, *, got: str) -> Malformed:
    return Malformed(
        f"not a change of {what}",
        where="payloadType",
        got=got,
        do="Hand it in where it belongs: wherefrom keys apply does, for each kind",
    )


def _need_counting(change: Administrators, keyring: Keyring, *, at: str) -> None:
    """All of these keys count now, or perhaps nobody could change anything any more."""
    counting = [id for id in change.keys if keyring.counts(id, at)]
    if len(counting) < len(change.keys):
        raise NotAllowed(
            "only a key that is trusted, and in its window, can be an administrator's",
            where="keys",
            expected="keys that count now",
            got=" ".join(id for id in change.keys if id not in counting),
            do="Name keys that count now: wherefrom keys list",
        )


def outcome_of(receipt: Receipt) -> Outcome:
    """The outcome that a receipt stands for."""
    status = "known" if receipt.known else "recorded"
    return Outcome(status=status, index=receipt.index, content=receipt.content)
