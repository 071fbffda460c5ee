"""The shapes of the answers about incidents; their JSON is what doors send.

    list   ──► IncidentList    which there were
    show   ──► IncidentShown   one, with all that was said of it
    report ──► Postmortem      what happened, what was known when, what was uncertain, what to mend

Kept apart from what computes them, so that a client that only reads them computes nothing.
"""

from __future__ import annotations

import msgspec

from wherefrom.formats.incident import Root
from wherefrom.query.answers import LogPosition
from wherefrom.query.incident_answers import Evidence


class IncidentBrief(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, whoever opened it.

    name         what the estate's slot calls it
    opened_by    ``wherefrom``, ``alertmanager``, ``grafana``, ``cdevents``, or a record's type
    seconds      from its detection to its end; None while it is open
    is_false     whether it was marked as none; None: nobody said
    baseline_s   how long finding the cause of such a thing took before
    explained    when somebody accepted a cause that still stands; ``explained_s`` after detection,
                 0 if it had been before
    entry        the record that opened it
    """

    id: str
    title: str
    name: str
    environment: str
    service: str
    region: str
    pool: str
    instance: str
    severity: str
    rule: str
    opened_by: str
    began: str
    ended: str | None
    seconds: float | None
    is_false: bool | None = msgspec.field(name="false")
    baseline_s: float | None
    notes: int
    explained: str | None
    explained_s: float | None
    entry: int
    trust: str


class IncidentList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first; ``truncated`` if there were more."""

    incidents: list[IncidentBrief]
    truncated: bool
    log: LogPosition
    as_of: int


class IncidentWord(msgspec.Struct, frozen=True, kw_only=True):
    """One record about an incident, as ``formats.incident`` has it, and how far it is believed."""

    stage: str
    entry: int
    at: str
    received: str
    trust: str
    signers: tuple[str, ...]
    title: str = ""
    severity: str = ""
    text: str = ""
    is_false: bool | None = msgspec.field(name="false", default=None)
    baseline_s: float | None = None
    rule: str = ""
    root: Root | None = None
    entries: list[int] = []
    links: list[str] = []


class CauseWord(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody took a change for the cause; ``stands`` unless it was withdrawn since."""

    entry: int
    at: str
    received: str
    trust: str
    signers: tuple[str, ...]
    environment: str
    service: str
    slot: str
    name: str
    value: str | None
    change: int | None
    probability: float | None
    withdrawn: bool
    stands: bool


class IncidentShown(msgspec.Struct, frozen=True, kw_only=True):
    """One incident, and all that was said of it, in the order of the log.

    truncated  there is more: the first and the last 500 records are here, and counted as notes
    """

    incident: IncidentBrief
    words: list[IncidentWord]
    causes: list[CauseWord]
    truncated: bool
    log: LogPosition
    as_of: int


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the timeline.

    at       when it was so; ``known`` when the log heard of it, ``late_s`` seconds after
    what     ``opened``, ``noted``, ``closed``, ``marked``, ``baseline``, ``cause``, ``withdrawn``;
             ``change``, what was decided; ``response``, what was decided after the detection;
             ``seen``, what was observed; ``canary``, a verdict on one; ``exception``, from rules
             of a policy: asked for, answered, used, over
    by       who says so; ``instances`` how many places the record tells it of
    marks    what is wrong with its time
    """

    at: str
    known: str
    late_s: float
    what: str
    says: str
    environment: str = ""
    service: str = ""
    slot: str = ""
    name: str = ""
    before: str | None = None
    after: str | None = None
    detail: list[str] = []
    by: str = ""
    entry: int
    trust: str
    signers: tuple[str, ...] = ()
    instances: int = 0
    marks: tuple[str, ...] = ()
    links: list[str] = []


class StoodBefore(msgspec.Struct, frozen=True, kw_only=True):
    """What a place held when it began; ``says`` how people call it."""

    mode: str
    service: str
    region: str
    pool: str
    slot: str
    name: str
    value: str
    says: str
    since: str
    entry: int
    trust: str


class Learnt(msgspec.Struct, frozen=True, kw_only=True):
    """What the log said of a moment when that was, and what it says of it now.

    size     of the log at that moment; ``learnt`` when it was told, by ``entry``
    then     what it held the place to be, or None
    """

    at: str
    size: int
    says: str
    then: str | None
    now: str | None
    learnt: str
    entry: int


class RankedThen(msgspec.Struct, frozen=True, kw_only=True):
    """What ``why`` would have answered at a moment.

    size         of the log then; it knew no more
    leader       what stood on top, in words; ``entry`` its record, None for "none of these"
    place        where the change that was accepted later stood, from 1; None: it was not ranked
    """

    at: str
    size: int
    leader: str
    entry: int | None
    probability: float
    place: int | None
    accepted_probability: float | None
    evidence: list[Evidence]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The first explanation that somebody accepted, and that stands.

    what         the change, in words
    after_s      from the detection until it was accepted; 0 if it had been before
    on_top       when the ranking first had it on top, at the log size ``on_top_size``,
                 ``on_top_after_s`` after the detection; None: it never had
    """

    cause: CauseWord
    what: str
    after_s: float
    on_top: str | None
    on_top_size: int | None
    on_top_after_s: float | None


class LetIn(msgspec.Struct, frozen=True, kw_only=True):
    """An exception by which what is held for the cause came in although rules did not hold.

    what      that thing, in words; ``since`` when it came
    rules     those that did not hold; ``remedy`` what would make them
    entry     the record that asked, which was said at ``asked``, for ``reason``, until ``until``
    by        who answered for it; nobody but who asked if ``break_glass``
    verdict   the decision that rests on it; None: none is recorded, and it was in force
    entries   all of these records
    """

    what: str
    service: str
    since: str
    rules: list[str]
    remedy: str
    entry: int
    asked: str
    until: str
    reason: str
    by: tuple[str, ...]
    break_glass: bool
    verdict: int | None
    entries: list[int]


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """The last verdict before the detection on a canary of what is held for the cause.

    verdict  ``pass``, ``fail`` or ``undecided``; ``says`` what it rests on, in words
    """

    verdict: str
    at: str
    says: str
    entry: int
    trust: str
    signers: tuple[str, ...]


class Unsure(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of uncertainty, the gap behind it, and what would mend it.

    code     of ``query.postmortem.unsure``
    seconds  how long; None for a doubt that has no length
    gap      what was missing; ``fix`` what to do, ``command`` with what, ``owner`` who
    """

    code: str
    since: str
    until: str
    seconds: float | None
    gap: str
    says: str
    fix: str
    command: str = ""
    owner: str | None = None
    service: str = ""
    entries: list[int] = []


class Earlier(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which it was open before it was opened again, by the record ``entry``."""

    began: str
    ended: str | None
    entry: int


class Hurt(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured while it lasted: shares from 0 to 1; None where nothing says."""

    requests: float
    failing: float | None
    slow: float | None
    concentrated: list[str]


class Postmortem(msgspec.Struct, frozen=True, kw_only=True):
    """The report of an incident, as the log knew it at a size: no clock is in it.

    since, until  the window of the timeline
    told_later    the log heard of the incident only after it was over: what was known when cannot
                  be said, and the rankings go by when things happened
    earlier       when it had been open before: it was opened again, and this is of the last time
    onset         when the trouble seems to have begun
    let_in        the exceptions by which what was accepted, or else what the ranking holds for
                  likely, came in; and how the canary of the first of these was ``tried``
    before        what stood before it began, and ``apart`` how that had changed by the detection
    entries       the records that all of it rests on; ``truncated`` if there is more than is told
    says          what else to know
    """

    incident: IncidentBrief
    owner: str | None
    since: str
    until: str
    told_later: bool
    earlier: list[Earlier]
    onset: str | None
    explained: Explanation | None
    let_in: list[LetIn]
    tried: Tried | None
    causes: list[CauseWord]
    rankings: list[RankedThen]
    timeline: list[Happened]
    before: list[StoodBefore]
    apart: list[str]
    learnt: list[Learnt]
    unsure: list[Unsure]
    hurt: Hurt | None
    entries: list[int]
    truncated: bool
    says: list[str]
    log: LogPosition
    as_of: int
