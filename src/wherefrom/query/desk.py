"""Where every question is asked: an id in any spelling in, an answer out.

    text ──► resolve ──► trace · path · show · find ──► answer
    text ──► its entries ──► prove ──► evidence file; verify ──► steps

The command line on a directory and the HTTP server ask the same desk, so both give the same
answer.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Corrupt, LimitPassed, Malformed, NotFound, ProofError, Unavailable
from wherefrom.formats import base64_strict, entry, evidence_file, note, tlog_proof
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats.anchor import Anchor
from wherefrom.formats.cose_receipt import Consistency, Inclusion
from wherefrom.formats.entry import KEY_ID, LEVELS, Entry
from wherefrom.formats.evidence_file import Claimed, EvidenceFile, Manifest
from wherefrom.formats.note import VerifierKey
from wherefrom.formats.objectives import Objectives
from wherefrom.formats.proof_token import NEVER, ProofToken
from wherefrom.formats.rollback_settings import RollbackSettings
from wherefrom.formats.timestamps import moment_or_duration, of_posix
from wherefrom.formats.tlog_proof import TlogProof
from wherefrom.keys import quorum
from wherefrom.keys.cose import sign_receipt
from wherefrom.keys.proof_tokens import sign_token
from wherefrom.log.anchors import AnchorFolder
from wherefrom.log.own_keys import KeyShown, OwnKeys, shown
from wherefrom.log.reader import LogReader
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.query.across import trace_across
from wherefrom.query.alerts.desk import AlertDesk
from wherefrom.query.alerts.measuring import AskRatio
from wherefrom.query.answers import (
    Detail,
    Found,
    LogPosition,
    Path,
    Shown,
    Trace,
    erased_in,
    log_of,
)
from wherefrom.query.catalog import CatalogQuestions, Catalogs
from wherefrom.query.enrich import Enriching
from wherefrom.query.enrich.looking import Looking
from wherefrom.query.find import find
from wherefrom.query.health import Asking, HealthDesk
from wherefrom.query.health.chains import NOBODY, Judge
from wherefrom.query.hours import HourOptions, Hours, hours
from wherefrom.query.incidents import Incidents
from wherefrom.query.lost import Lost, lost
from wherefrom.query.measured import Measured
from wherefrom.query.others import Other
from wherefrom.query.packages import Packages, packages
from wherefrom.query.path import PATH_LENGTH_MAX, path
from wherefrom.query.postmortem.question import Postmortems
from wherefrom.query.reality import Reality
from wherefrom.query.releases import ReleaseDesk
from wherefrom.query.requests import RequestPath, request_path
from wherefrom.query.resolve import resolve
from wherefrom.query.responses.history import ResponseDesk
from wherefrom.query.rollback.question import Rollbacks
from wherefrom.query.security import SecurityDesk
from wherefrom.query.show import show
from wherefrom.query.sizes import need_size, wait_for_graph
from wherefrom.query.things_across import find_across, show_across
from wherefrom.query.trace import trace
from wherefrom.query.walk import DEPTH_MAX
from wherefrom.query.word import Words
from wherefrom.storage.contracts import Record
from wherefrom.verify.evidence_file import check_parsed, says_trust
from wherefrom.verify.steps import Report, Step, report
from wherefrom.views.estate import EstateReader
from wherefrom.views.graph import GraphReader, Snapshot
from wherefrom.views.health import HealthReader
from wherefrom.views.requests.reader import RequestReader
from wherefrom.views.series.reader import SeriesReader

PROVEN_ENTRIES_MAX: Final = 100
# What one entry is proved in → what its file is called after.
RECEIPT_FORMATS: Final = {"tlog-proof": ".tlog-proof", "cose": ".cose"}
# Longer, and questions that wait in vain would keep others from being asked.
_WITNESS_WAIT_SECONDS: Final = 1.0
_ENTRY: Final = re.compile(r"(?:entry:)?(0|[1-9][0-9]{0,15})")


class TraceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to trace; the defaults are what a person means who gives none.

    own  as our own log knows it, without those that it follows
    """

    direction: str = "up"
    depth: int | None = None
    kinds: tuple[str, ...] = ()
    at: str | None = None
    as_of: int | None = None
    own: bool = False


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as it stands in the log; ``erased`` if its content is gone."""

    index: int
    entry: Entry
    erased: bool
    log: LogPosition


class WitnessedStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the witnesses of a log have cosigned: ``size`` entries, 0 before the first time.

    by, of   names of those who did, and how many there are
    quorum   what the policy asks for; ``reached`` whether they are enough
    """

    size: int
    by: list[str]
    of: int
    quorum: str
    reached: bool


class LogStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The log and how far each view has followed it.

    checkpoint  the one that the world is shown; empty while its witnesses have cosigned none
    witnessed   only of a log with witnesses
    vkey        the newest key, to hand out; ``keys`` are all that ever signed, oldest first
    """

    origin: str
    size: int
    root: str
    vkey: str
    checkpoint: str
    views: dict[str, int]
    witnessed: WitnessedStatus | None = None
    keys: list[KeyShown] = []


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A proof token, and what it says: times are RFC 3339, ``expires`` None for never."""

    token: str
    origin: str
    entry: int
    size: int
    of: str
    issued: str
    expires: str | None


class Proof(NamedTuple):
    """Evidence as a file: what to call it, its bytes, and the entries it holds."""

    name: str
    written: bytes
    entries: list[int]


class Desk:
    """Answers over one log and its graph; safe for several threads.


    own_keys  the log's keys; asked to sign only proof tokens, and roots, in COSE, that the log
              signed in a checkpoint before
    anchors   the checkpoints that others hold
    requests  the spans that are held beside the log
    pushed    the series that are; ``measured`` all that is measured, wherever it is
    others    gives the logs that are followed
    ways_back how services are brought back, where no record says
    objectives what is promised, None if nothing; ``ask_ratio`` asks a Prometheus of them
    address   where people reach this log; empty if nobody says
    judge     says whether chains of what runs are whole
    """

    def __init__(
        self,
        log: LogReader,
        graph: GraphReader,
        estate: EstateReader,
        health: HealthReader,
        *,
        own_keys: OwnKeys,
        anchors: AnchorFolder,
        requests: RequestReader,
        pushed: SeriesReader,
        measured: Measured = Measured(),  # noqa: B008 - a value
        others: Callable[[], Sequence[Other]] = lambda: (),
        ways_back: Callable[[], RollbackSettings] = RollbackSettings,
        address: Callable[[], str] = lambda: "",
        judge: Judge = NOBODY,
        objectives: Callable[[], Objectives | None] = lambda: None,
        ask_ratio: AskRatio | None = None,
        administrators: Callable[[], Collection[str]] = lambda: (),
    ) -> None:
        self._log = log
        self._graph = graph
        self._estate = estate
        self._health = health
        catalogs = Catalogs(log.content_of)
        self.reality = Reality(log, estate, graph, catalogs=catalogs)
        self.catalogs = CatalogQuestions(log, estate, graph, catalogs=catalogs)
        gaps = self.catalogs.gaps
        self.words = Words(log, administrators)
        asking = Asking(
            log, estate, graph, health, catalogs=catalogs, gaps=gaps, judge=judge, words=self.words
        )
        self.health = HealthDesk(asking)
        self.alerts = AlertDesk(
            log, self.reality, self.health, measured, objectives=objectives, ask_ratio=ask_ratio,
            words=self.words,
        )  # fmt: skip
        self.releases = ReleaseDesk(log, graph)
        self._own_keys = own_keys
        self._anchors = anchors
        self._requests = requests
        self._pushed = pushed
        self._others = others
        self.incidents = Incidents(self.reality, requests, measured)
        looking = Looking(self.reality, self.catalogs, self.incidents)
        self.enriching = Enriching(looking, address=address)
        self.postmortems = Postmortems(log, self.reality, self.incidents, catalogs, self.catalogs)
        self.responses = ResponseDesk(log, graph)
        self.security = SecurityDesk(log)
        self.rollbacks = Rollbacks(self.reality, log.content_of, ways_back)

    # -- questions about things

    def trace(self, text: str, options: TraceOptions) -> Trace:
        """Where a thing came from, or what came of it: as we know it, and the logs that are
        followed. Raises NotFound, Ambiguous."""
        others = () if options.own else self._others()
        if not others:
            return self.trace_here(text, options)
        whole = msgspec.structs.replace(options, kinds=())
        return trace_across(text, options, lambda: self.trace_here(text, whole), others, self)

    def request(self, text: str) -> RequestPath:
        """The way of a request, with each hop's reality. Raises NotFound, Malformed."""
        with self._snapshot(None) as snapshot:
            return request_path(self._requests, snapshot, text)

    def hours(self, options: HourOptions) -> Hours:
        """What is left of spans and samples whose time is over. Raises Malformed."""
        return hours(self._requests, self._pushed, options)

    def known(self, ids: Sequence[str], *, as_of: int | None = None) -> list[str]:
        """Those of these ids that a record here speaks of."""
        with self._snapshot(as_of) as snapshot:
            numbers = snapshot.numbers(ids)
            seen = snapshot.visible(list(numbers.values()), snapshot.lens(as_of=as_of))
            return [id for id in ids if numbers.get(id) in seen]

    def standing(self) -> tuple[LogPosition, list[int]]:
        """Where the graph of this log stands, and what is erased in it."""
        with self._snapshot(None) as snapshot:
            return log_of(snapshot), erased_in(snapshot, snapshot.lens())

    def root_at(self, size: int) -> str:
        """The root, in hex, of the first ``size`` entries. Raises NotFound if it has fewer."""
        need_size(size, reached=0, log=self._log)
        return self._log.root_at(size).hex()

    @property
    def origin(self) -> str:
        """The log's origin."""
        return self._log.origin

    def log_keys(self) -> list[VerifierKey]:
        """Every key that ever signed for the log, oldest first."""
        return self._own_keys.known()

    def trace_ids(self, ids: Sequence[str], options: TraceOptions) -> Trace:
        """The trace of things by their ids, in this log alone. Raises NotFound."""
        with self._snapshot(options.as_of) as snapshot:
            return self._trace_of(snapshot, ids, options)

    def trace_here(self, text: str, options: TraceOptions) -> Trace:
        """The trace in this log alone. Raises NotFound, Ambiguous."""
        with self._snapshot(options.as_of) as snapshot:
            return self._trace(snapshot, text, options)

    def _trace(self, snapshot: Snapshot, text: str, options: TraceOptions) -> Trace:
        return self._trace_of(snapshot, _ids(snapshot, text, options), options)

    def _trace_of(self, snapshot: Snapshot, ids: Sequence[str], options: TraceOptions) -> Trace:
        return trace(
            snapshot,
            ids,
            direction=options.direction,
            depth=DEPTH_MAX if options.depth is None else options.depth,
            kind=options.kinds or None,
            at=options.at,
            as_of=options.as_of,
        )

    def path(self, a: str, b: str, options: TraceOptions) -> Path:
        """The shortest way between two things. Raises NotFound, Ambiguous."""
        with self._snapshot(options.as_of) as snapshot:
            ends = _ids(snapshot, a, options), _ids(snapshot, b, options)
            length = PATH_LENGTH_MAX if options.depth is None else options.depth
            return path(snapshot, *ends, at=options.at, as_of=options.as_of, length_max=length)

    def show(self, text: str, options: TraceOptions) -> Shown:
        """All that is said of a thing, here and in the logs that are followed. Raises NotFound,
        Ambiguous."""
        others = () if options.own else self._others()
        return show_across(text, options, self, others) if others else self.show_here(text, options)

    def show_here(self, text: str, options: TraceOptions) -> Shown:
        """The same in this log alone. Raises NotFound, Ambiguous."""
        with self._snapshot(options.as_of) as snapshot:
            ids = _ids(snapshot, text, options)
            return show(snapshot, ids, at=options.at, as_of=options.as_of)

    def show_ids(self, ids: Sequence[str], options: TraceOptions) -> Shown:
        """What this log alone says of things by their ids. Raises NotFound."""
        with self._snapshot(options.as_of) as snapshot:
            return show(snapshot, ids, at=options.at, as_of=options.as_of)

    def find(self, text: str, *, as_of: int | None = None, own: bool = False) -> Found:
        """What a text may mean, here and in the logs that are followed."""
        others = () if own else self._others()
        here = self.find_here(text, as_of=as_of)
        return find_across(text, here, others) if others else here

    def find_here(self, text: str, *, as_of: int | None = None) -> Found:
        """The same in this log alone."""
        with self._snapshot(as_of) as snapshot:
            return find(snapshot, text, as_of=as_of)

    def packages(self, after: str = "") -> Packages:
        """A page of the packages that the log names, without their versions."""
        wait_for_graph(self._graph, self._log)
        with self._snapshot(None) as snapshot:
            return packages(snapshot, snapshot.lens(), after=after)

    def lost(self, key: str) -> Lost:
        """What a key vouched for and no longer does, things that run first.

        key  its whole id. Raises Malformed for anything else
        """
        if not KEY_ID.fullmatch(key):
            raise Malformed(
                "not the id of a key", expected="k: and 32 hex digits", got=key,
                do="See: wherefrom keys list",
            )  # fmt: skip
        self._wait_for_graph()
        with self._graph.snapshot() as snapshot:
            return lost(snapshot, key)

    @contextlib.contextmanager
    def _snapshot(self, as_of: int | None) -> Iterator[Snapshot]:
        with self._graph.snapshot() as snapshot:
            need_size(as_of, reached=snapshot.size, log=self._log)
            yield snapshot

    # -- questions about entries

    def record(self, index: int) -> LogRecord:
        """One entry. Raises NotFound."""
        self._log.refresh()
        stored = self._log.record(index)
        return LogRecord(
            index=index,
            entry=entry.parse(stored.entry, where=f"entry {index}"),
            erased=stored.content is None,
            log=self._position(),
        )

    def content(self, index: int) -> bytes:
        """The exact bytes of a record. Raises NotFound, also once they are erased."""
        self._log.refresh()
        content = self._log.record(index).content
        if content is None:
            raise NotFound(
                f"the content of entry {index} is erased",
                do="Its entry and proofs remain: GET /v1/records/INDEX, /v1/receipts/INDEX",
            )
        return content

    def receipt(self, index: int, format: str = "tlog-proof", *, nonce: bool = False) -> bytes:
        """A proof of one entry, with the entry inside. Raises NotFound, Unavailable.

        format  of ``RECEIPT_FORMATS``
        nonce   put into a COSE receipt what ties the entry to its content, while that is held
        """
        self._wait_for_witnesses(index + 1)
        checkpoint, (steps,) = self._log.prove([index])
        stored = self._log.record(index)
        if format == "cose":
            signed = checkpoints.parse(note.parse(checkpoint).text)
            proof = Inclusion(signed.size, index, tuple(steps))
            return self._sign(proof, signed.root, stored.entry, stored.nonce if nonce else None)
        return tlog_proof.to_bytes(TlogProof(index, tuple(steps), checkpoint, stored.entry))

    def _sign(
        self,
        proof: Inclusion | Consistency,
        root: bytes,
        written: bytes | None = None,
        nonce: bytes | None = None,
    ) -> bytes:
        key = self._own_keys.newest("receipt", at=_now())
        origin = self._log.origin
        return sign_receipt(proof, root=root, origin=origin, key=key, entry=written, nonce=nonce)

    def status(self) -> LogStatus:
        """Origin, size, root, key, checkpoint, views, witnesses."""
        self._log.refresh()
        # One call, so that both speak of one moment; with witnesses they need not be of one size.
        written, position = b"", self._log.position()
        with contextlib.suppress(Unavailable):
            written, there = self._log.shown()
            position = there if self._log.published is None else self._log.position()
        return LogStatus(
            origin=self._log.origin,
            size=position.size,
            root=position.root.hex(),
            vkey=self._own_keys.read().newest(_now()).key.to_text(),
            checkpoint=written.decode(),
            views=self.views(),
            witnessed=self._witnessed(),
            keys=list(shown(self._own_keys.read(), at=_now())),
        )

    def views(self) -> dict[str, int]:
        """Up to which size each view has read the log; 0 for one that is not made yet."""
        views: dict[str, int] = {}
        for view, reader in (
            ("graph", self._graph), ("estate", self._estate), ("health", self._health),
        ):  # fmt: skip
            try:
                with reader.snapshot() as snapshot:
                    views[view] = snapshot.size
            except Unavailable:
                views[view] = 0
        return views

    def _witnessed(self) -> WitnessedStatus | None:
        published = self._log.published
        if published is None or not published.policy.witnesses:
            return None
        found = published.read()
        size, said = 0, quorum.none_of(published.policy)
        if found is not None:
            size, said = found.tree.size, found.witnessed
        return WitnessedStatus(
            size=size, by=said.by, of=said.of, quorum=said.quorum, reached=said.reached
        )

    def consistency(self, size1: int, size2: int) -> list[str]:
        """Base64 hashes that show that ``size2`` begins with ``size1``. Raises NotFound."""
        size = self._log.refresh().size
        if not 0 <= size1 <= size2 <= size:
            raise NotFound(
                f"no tree of these sizes in a log of {size}",
                got=f"{size1}, {size2}",
                do="Ask from a smaller size to a larger one",
            )
        return [base64_strict.encode(h) for h in self._log.consistency(size1, size2)]

    def consistency_receipt(self, size1: int, size2: int | None = None) -> bytes:
        """A COSE receipt that the log begins with its first ``size1`` entries.

        size2  the size as it is now, or None; another is not signed again. Raises NotFound
        """
        position = self._log.refresh()
        if not 0 < size1 <= position.size or size2 not in (None, position.size):
            raise NotFound(
                f"no receipt from {size1} to {size2 or position.size}",
                expected=f"from 1 or more, to {position.size}: the log as it is now",
                do="Ask for one up to the log as it is now",
            )
        root1, path = self._log.root_at(size1), tuple(self._log.consistency(size1, position.size))
        try:
            verify_consistency(
                size1=size1, size2=position.size, path=path, root1=root1, root2=position.root
            )
        except ProofError as error:
            raise Corrupt(
                "what is stored does not lead to the signed root", got=error,
                do="Run wherefrom log audit: it names the entry or tile that was changed",
            ) from error  # fmt: skip
        return self._sign(Consistency(size1, position.size, path), position.root)

    # -- evidence

    def prove(
        self,
        text: str,
        *,
        whole_trace: bool = False,
        content: bool = False,
        format: str = "tlog-proof",
    ) -> Proof:
        """Evidence about a thing or an entry, to be checked without us.

        One entry makes a proof in ``format``, of ``RECEIPT_FORMATS``: the best vouched for of
        those that speak of the thing. With ``content`` it is an evidence file with every record of
        the thing; with ``whole_trace``, with every record that its trace rests on. Raises
        NotFound, Ambiguous.
        """
        if whole_trace:
            evidence = self._trace_evidence(text)
        else:
            indexes = self._entries_of(text)
            if not content:
                best = self._best(indexes)
                name = f"entry-{best}{RECEIPT_FORMATS[format]}"
                return Proof(name, self.receipt(best, format), [best])
            evidence = self._evidence(text, indexes)
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", text)[:60].strip("-") or "evidence"
        return Proof(f"{name}.zip", evidence_file.to_bytes(evidence), sorted(evidence.claimed))

    def postmortem_evidence(self, text: str, *, as_of: int | None = None) -> Proof:
        """Every record that the report of an incident rests on, as an evidence file. Raises
        NotFound, Unavailable."""
        report = self.postmortems.report(text, as_of=as_of)
        self._wait_for_graph()
        evidence = self._evidence(report.incident.id, report.entries)
        written = evidence_file.to_bytes(evidence)
        return Proof("evidence.zip", written, sorted(evidence.claimed))

    def verify(self, text: str) -> Report:
        """Check every record that speaks of a thing: in the log, unchanged, vouched for by whom.

        ``unproven`` if all of it holds but nobody we know signed any of it.
        """
        indexes = self._entries_of(text)
        evidence = self._evidence(text, indexes)
        published = self._log.published
        policy = published.policy if published is not None else None
        checked = report(check_parsed(evidence, self._own_keys.known(), policy))
        if checked.result != "proven":
            return checked
        levels = self._levels(indexes)
        best = max(levels.values(), key=LEVELS.index)
        vouched = LEVELS.index(best) > LEVELS.index("channel")
        says = says_trust(levels)
        if len(levels) == PROVEN_ENTRIES_MAX:
            says += ". Only so many records are looked at: more may speak of it"
        if not vouched:
            says += ". Nobody we know signed any of it: see wherefrom keys trust"
        steps = [Step("trust", vouched, says) if s.name == "trust" else s for s in checked.steps]
        return Report("proven" if vouched else "unproven", steps)

    def proof_token(self, text: str, *, expires: str | None = None) -> TokenMade:
        """A short signed reference to a thing, by the entry that is best vouched for, or to an
        entry.

        expires  a duration from now (``30d``) or a time; None for never

        Raises NotFound, Ambiguous, Malformed for a bad ``expires``, LimitPassed for a long id.
        """
        now = int(time.time())
        ends = NEVER
        if expires is not None:
            ends = moment_or_duration(expires, now=now, where="expires")
        entries, matches = self._spoken_of(text)
        index = self._best(entries)
        of = next((m.id for m in matches if any(r.entry == index for r in m.records)), "")
        written, _ = self._log.prove([index])
        signed = checkpoints.parse(note.parse(written).text)
        token = ProofToken(
            origin=signed.origin,
            index=index,
            size=signed.size,
            leaf=hash_leaf(self._log.record(index).entry),
            root=signed.root,
            of=of,
            issued=now,
            expires=ends,
        )
        return TokenMade(
            token=sign_token(token, self._own_keys.newest("token", at=_now())),
            origin=signed.origin,
            entry=index,
            size=signed.size,
            of=of,
            issued=of_posix(now),
            expires=None if ends == NEVER else of_posix(ends),
        )

    def _entries_of(self, text: str) -> list[int]:
        return self._spoken_of(text)[0]

    def _spoken_of(self, text: str) -> tuple[list[int], list[Detail]]:
        """The entries that speak of what ``text`` means, and what that is: nothing for an entry."""
        match = _ENTRY.fullmatch(text)
        if match is not None and int(match[1]) < self._log.refresh().size:
            return [int(match[1])], []
        self._wait_for_graph()
        with self._graph.snapshot() as snapshot:
            ids = _ids(snapshot, text, TraceOptions())
            shown = show(snapshot, ids)
            found = sorted({r.entry for m in shown.matches for r in m.records})
        if not found:
            raise NotFound(
                "no record speaks of this any more",
                got=text,
                do="Nothing: what spoke of it was erased, and the log says when",
            )
        return found[:PROVEN_ENTRIES_MAX], shown.matches

    def _levels(self, indexes: Sequence[int]) -> dict[int, str]:
        self._wait_for_graph()
        with self._graph.snapshot() as snapshot:
            return {i: j.level for i, j in snapshot.judgements(indexes, snapshot.lens()).items()}

    def _best(self, indexes: Sequence[int]) -> int:
        if len(indexes) == 1:
            return indexes[0]
        levels = self._levels(indexes)
        return max(indexes, key=lambda i: (LEVELS.index(levels.get(i, "channel")), -i))

    def _trace_evidence(self, text: str) -> EvidenceFile:
        self._wait_for_graph()
        with self._graph.snapshot() as snapshot:
            answer = self._trace(snapshot, text, TraceOptions())
        rests_on = {e.entry for e in answer.edges}
        verdicts = {e.verdict for e in answer.edges if e.verdict is not None}
        speaks = self._entries_of(text) if not rests_on else []
        return self._evidence(text, {0, *rests_on, *verdicts, *speaks}, answer)

    def _evidence(
        self, text: str, indexes: Iterable[int], answer: Trace | None = None
    ) -> EvidenceFile:
        records = self._records({0, *indexes})
        self._wait_for_witnesses(max(*records, answer.log.size - 1 if answer else 0) + 1)
        # Another thread may refresh meanwhile: all that follows speaks of this one checkpoint.
        checkpoint, paths = self._log.prove(list(records))
        position = self._signed(checkpoint)
        claimed: dict[int, Claimed] = {}
        for (index, stored), steps in zip(records.items(), paths, strict=True):
            proof = TlogProof(index, tuple(steps), checkpoint, None)
            claimed[index] = Claimed(
                entry=stored.entry,
                proof=tlog_proof.to_bytes(proof),
                nonce=stored.nonce,
                content=stored.content,
            )
        consistency: tuple[str, ...] = ()
        if answer is not None:
            if answer.log.size > position.size:
                raise Unavailable(
                    "not enough witnesses have cosigned a checkpoint with all of this answer yet",
                    expected=f"size {answer.log.size}",
                    got=position.size,
                    do="Ask again in a moment",
                )
            hashes = self._log.consistency(answer.log.size, position.size)
            consistency = tuple(base64_strict.encode(h) for h in hashes)
        anchor, anchored = self._anchor_over(max(records), position.size)
        manifest = Manifest(
            of=text,
            log=msgspec.to_builtins(position),
            trace=None if answer is None else _as_sent(answer),
            consistency=consistency,
            log_keys=self._own_keys.read().notes,
            anchor=anchor,
            anchor_consistency=anchored,
        )
        return EvidenceFile(manifest=manifest, checkpoint=checkpoint, claimed=claimed)

    def _anchor_over(self, entry: int, size: int) -> tuple[Anchor | None, tuple[str, ...]]:
        """The first anchor over an entry, and how a tree of ``size`` begins with its tree."""
        try:
            found = self._anchors.covering(entry)
        except (NotFound, Malformed, LimitPassed):
            return None, ()
        if found.tree.size > size:  # of a moment ago: this evidence speaks of one before
            return None, ()
        hashes = self._log.consistency(found.tree.size, size)
        return found, tuple(base64_strict.encode(h) for h in hashes)

    def anchor(self, entry: int | None = None) -> Anchor:
        """The first anchor that covers an entry, or the newest of all. Raises NotFound."""
        return self._anchors.covering(entry)

    def _records(self, indexes: Iterable[int]) -> dict[int, Record]:
        """What is stored under these indexes, with the tombstone of each that was erased.

        The caller puts entry 0 among them: it names the service key, which signed every decision.
        """
        self._log.refresh()
        records = {i: self._log.record(i) for i in sorted(indexes)}
        if gone := [i for i, record in records.items() if record.content is None]:
            self._wait_for_graph()
            with self._graph.snapshot() as snapshot:
                stones = snapshot.tombstones(gone).values()
            self._log.refresh()
            records |= {i: self._log.record(i) for i in sorted(stones)}
        return records

    def _position(self) -> LogPosition:
        position = self._log.position()
        return LogPosition(origin=self._log.origin, size=position.size, root=position.root.hex())

    def _signed(self, written: bytes) -> LogPosition:
        """What a checkpoint of this log says; its signature was checked when it was read."""
        signed = checkpoints.parse(note.parse(written).text)
        return LogPosition(origin=signed.origin, size=signed.size, root=signed.root.hex())

    def _wait_for_graph(self) -> None:
        wait_for_graph(self._graph, self._log)

    def _wait_for_witnesses(self, size: int) -> None:
        """Let the published checkpoint reach ``size``, for a moment; proving says what is wrong."""
        self._log.refresh()
        until = time.monotonic() + _WITNESS_WAIT_SECONDS
        while (published := self._log.published) is not None and time.monotonic() < until:
            found = published.read()
            if found is not None and found.tree.size >= min(size, self._log.size):
                return
            time.sleep(0.01)


def _now() -> str:
    return of_posix(int(time.time()))


def _ids(snapshot: Snapshot, text: str, options: TraceOptions) -> list[str]:
    return [m.id for m in resolve(snapshot, text, at=options.at, as_of=options.as_of)]


def _as_sent(answer: Trace) -> dict[str, Any]:
    sent: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return sent
