"""The shapes of the answers about reality; their JSON is what doors send.

    running, drift ──► Running      places, each with what is declared and what is observed;
                                    if asked, what their artifacts are made of
    changes        ──► Changes      newest first: where, what, before → after, by which record
    diff           ──► Difference   what differs between two realities
    clocks         ──► Clocks       how far each producer's times can be believed

Every answer says as of which log it speaks, at which time, and as known at which size.
"""

from __future__ import annotations

from typing import Any

import msgspec

from wherefrom.formats.config_bundle import SettingChange
from wherefrom.query.answers import LogPosition
from wherefrom.query.release_answers import Released


class Stated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A value, and why we say so.

    since   when it began to hold, by the record ``entry``; ``seen`` when it was said last
    age     seconds from ``seen`` to the time that was asked about
    source  who says it; ``trust`` and ``signers`` of the record that said it last
    marks   what to know of it: ``unpinned``, an artifact by a name that may move; ``outlived``, a
            safe mode past its end or its maximum duration; ``out_of_band``, a resource that was
            changed by no pipeline; ``denied``, an artifact that the policy in force denies; and
            those of clocks (``clocks.py``)
    denied  the record by which the policy in force denies it
    """

    value: str
    says: str | None
    since: str
    seen: str
    age: float
    source: str
    entry: int
    seen_entry: int
    trust: str
    signers: tuple[str, ...]
    properties: dict[str, Any] = {}
    marks: tuple[str, ...] = ()
    denied: int | None = None


class Observed(Stated, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A value that instances report: how many do, and how many of them serve.

    serving  None where nobody says whether they do
    """

    instances: int
    serving: int | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing in one place.

    drift  None; ``differs``; ``unobserved``: declared, and no instance has it;
           ``undeclared``: it runs, and nobody declared it
    owner  the team that owns the service, if a catalogue says
    """

    environment: str
    service: str
    region: str
    pool: str
    slot: str
    name: str
    declared: Stated | None
    observed: list[Observed]
    drift: str | None
    owner: str | None = None


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """A commit, a base image or a package that some artifact was made of.

    role       ``commit``, ``base`` or ``package``
    artifacts  those that were made of it; ``instances`` run one of them
    drift      None; where declared and observed artifacts differ, and both are known:
               ``undeclared``, only what runs has it; ``unobserved``, only what is declared
    said       when the record ``entry`` says so: its occurred, else its received; ``age`` the
               seconds from then to the time that was asked about
    """

    role: str
    id: str
    artifacts: tuple[str, ...]
    instances: int
    drift: str | None
    entry: int
    type: str
    trust: str
    signers: tuple[str, ...]
    said: str
    age: float


class Materials(msgspec.Struct, frozen=True, kw_only=True):
    """What the artifacts of one container of a service are made of, in all regions and pools.

    unknown  artifacts of which no record says what they were made of
    """

    environment: str
    service: str
    name: str
    materials: list[Material]
    unknown: list[str]
    truncated: bool


class Running(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is where at a time. ``drifting`` counts the places where the two differ.

    materials  only if they were asked for
    """

    of: str
    at: str
    log: LogPosition
    as_of: int
    places: list[Place]
    drifting: int
    materials: list[Materials] | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place that held something else from ``at`` on; None is nothing.

    marks  what is wrong with its time (``clocks.py``); ``follows`` the record of its cause, if that
           is dated later: it stands after that, whatever its clock said
    """

    at: str
    environment: str
    service: str
    region: str
    pool: str
    instance: str
    mode: str
    slot: str
    name: str
    before: str | None
    after: str | None
    before_says: str | None
    after_says: str | None
    by: str
    entry: int
    type: str
    trust: str
    signers: tuple[str, ...]
    marks: tuple[str, ...] = ()
    follows: int | None = None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from ``since`` on, and before ``until``; ``truncated`` if there is more."""

    of: str
    since: str
    until: str
    log: LogPosition
    as_of: int
    changes: list[Change]
    truncated: bool


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of two realities."""

    of: str
    at: str


class Differing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is not alike on both sides; None is nothing.

    a, b       values; several observed at once are all of them, in order
    commits_a  commits that only the artifacts of that side were made from; ``bases_a`` images, and
               ``packages_a`` packages in them; of ``b`` likewise
    keys       of bundles: the settings that differ, if both bundles are recorded
    releases   of artifacts: the releases that hold them, if both are released under one name
    """

    service: str
    region: str
    pool: str
    mode: str
    slot: str
    name: str
    a: list[str]
    b: list[str]
    a_says: list[str]
    b_says: list[str]
    commits_a: list[str] = []
    commits_b: list[str] = []
    bases_a: list[str] = []
    bases_b: list[str] = []
    packages_a: list[str] = []
    packages_b: list[str] = []
    keys: list[SettingChange] = []
    releases: Released | None = None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How two realities differ; ``same`` counts the things that are alike."""

    a: Side
    b: Side
    log: LogPosition
    as_of: int
    differing: list[Differing]
    same: int


class Claimed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody says of a vulnerability in a product, or ``within`` it in one of its parts."""

    product: str
    status: str
    entry: int
    trust: str
    signers: tuple[str, ...]
    at: str
    justification: str | None = None
    within: tuple[str, ...] = ()


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    """A place that holds what was asked about, or what has it inside.

    via        from what was asked about to the value that is there
    instances  how many report it; 0 of what is declared
    excused    the claim that says it does no harm there
    owner      the team that owns the service, if a catalogue says
    """

    environment: str
    service: str
    region: str
    pool: str
    slot: str
    name: str
    mode: str
    value: str
    says: str | None
    since: str
    seen: str
    entry: int
    trust: str
    instances: int
    via: list[str]
    excused: Claimed | None
    owner: str | None = None


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """How far something reaches.

    starts   what was asked about: itself, every version of a package, the products that are
             claimed to be affected by a vulnerability
    things   how many things of each kind it reaches
    """

    of: str
    at: str
    log: LogPosition
    as_of: int
    starts: list[str]
    running: list[Reached]
    things: dict[str, int]
    claims: list[Claimed]
    truncated: bool
    reason: str | None


class Touch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that changed or wrote a table.

    what  the table, dataset or column that was touched; ``how`` it was: by which relation
    by    who did it, as far as records say
    """

    at: str
    id: str
    kind: str
    name: str | None
    what: str
    how: str
    entry: int
    type: str
    trust: str
    signers: tuple[str, ...]
    by: list[str] = []
    properties: dict[str, Any] = {}


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """What touched a table in a window, newest first; ``things`` are all that are called so."""

    of: str
    things: list[str]
    since: str | None
    until: str | None
    log: LogPosition
    as_of: int
    touches: list[Touch]
    truncated: bool


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """What a producer's times were like in a window.

    ahead     by how many seconds its clock is ahead of ours at least, as its fastest record proves;
              below zero: it is behind by that much at most. None if it never says when
    slowest   seconds from ``occurred`` to ``received`` of its slowest record
    future    how many records are dated after they were received; ``newest_future`` is the last
    """

    producer: str
    records: int
    timed: int
    ahead: float | None
    slowest: float | None
    future: int
    newest_future: int | None


class Numbering(msgspec.Struct, frozen=True, kw_only=True):
    """The newest records of a source that numbers them, 1,000 at most.

    reordered  how many have a time, or came, in another order than their numbers say
    missing    how many numbers between them never came; None if they are no numbers, or lie so far
               apart that they count nothing
    entries    some of those that are reordered
    """

    source: str
    records: int
    newest: str
    reordered: int
    missing: int | None
    entries: list[int]


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """The clocks of everybody who sent something in a window, those that are most ahead first."""

    since: str
    until: str
    log: LogPosition
    clocks: list[Clock]
    numbered: list[Numbering]
