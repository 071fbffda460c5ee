"""How much of everything is measured: the whole, a quick look, and next to nothing.

``TINY`` is for the tests of the benchmark itself: it shows that a figure comes out, not which.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Counts and seconds.

    rounds     how often each rate is taken, in turn with those it is compared with
    filled     entries of the log that counts as large
    audited    contents of 4 KB that the audit of contents reads
    edges      about how many edge statements the graph holds
    changes    how many statements about what is where the estate holds
    reviewed   images that reviews name, for ``review_seconds``
    running    artifacts that run, and that the watch looks at
    overhead   (batch size, entries) of each log whose bytes are counted
    peer_entries, peer_edges  how many the logs and graphs of others get; ``prov_edges`` of those
               that build an object for each
    peer_proofs, peer_seconds  what each of them is asked, and when that ends if it is slow
    incidents  made-up incidents that ``why`` is asked about, of each sort; ``learnt`` from which
               weights are learnt anew where a part of the real ones is left out
    grown_edges, grown_entries  sizes at which the growth of the graph and of the log is shown
    """

    name: str
    rounds: int
    appends: int
    adds: int
    ingested: int
    filled: int
    burst_events: int
    burst_signed: int
    singles: int
    sustained_rate: int = 5_000
    sustained_seconds: float
    beside_rate: int = 2_000
    beside_seconds: float
    overhead: tuple[tuple[int, int], ...]
    audited: int
    edges: int
    changes: int
    running: int
    questions: int
    commands: int
    reviewed: int = 500
    review_seconds: float = 30.0
    capacity_records: int = 300_000
    soak_seconds: float = 600.0
    flood_seconds: float = 30.0
    peer_entries: int = 1_000_000
    peer_proofs: int = 1_000
    peer_edges: int = 1_000_000
    prov_edges: int = 100_000
    peer_seconds: float = 20.0
    incidents: int = 400
    learnt: int = 1_500
    grown_edges: tuple[int, ...] = (10**5, 10**6, 10**7, 10**8)
    grown_entries: tuple[int, ...] = (10**4, 10**5, 10**6, 10**7)


FULL: Final = Sizes(
    name="full",
    rounds=3,
    appends=1_000,
    adds=2_000,
    ingested=60_000,
    filled=1_000_000,
    burst_events=30_000,
    burst_signed=16_000,
    singles=6_000,
    sustained_seconds=30.0,
    beside_seconds=15.0,
    overhead=((1, 4_096), (16, 32_768), (256, 131_072)),
    audited=100_000,
    edges=1_000_000,
    changes=1_000_000,
    running=10_000,
    questions=2_000,
    commands=15,
)
QUICK: Final = Sizes(
    name="quick",
    rounds=2,
    appends=300,
    adds=500,
    ingested=20_000,
    filled=100_000,
    burst_events=10_000,
    burst_signed=6_000,
    singles=2_000,
    sustained_seconds=8.0,
    beside_seconds=4.0,
    overhead=((1, 768), (16, 8_192), (256, 70_144)),
    audited=20_000,
    edges=100_000,
    changes=50_000,
    running=1_000,
    questions=500,
    commands=7,
    reviewed=200,
    review_seconds=5.0,
    capacity_records=20_000,
    soak_seconds=30.0,
    flood_seconds=10.0,
    peer_entries=51_200,
    peer_proofs=300,
    peer_edges=100_000,
    prov_edges=10_000,
    peer_seconds=2.0,
    incidents=40,
    learnt=150,
    grown_edges=(10**5, 10**6),
    grown_entries=(10**4, 10**5),
)
TINY: Final = Sizes(
    name="tiny",
    rounds=1,
    appends=5,
    adds=5,
    ingested=512,
    filled=1_024,
    burst_events=200,
    burst_signed=200,
    singles=40,
    sustained_rate=200,
    sustained_seconds=0.6,
    beside_rate=100,
    beside_seconds=0.4,
    overhead=((1, 8), (256, 512)),
    audited=40,
    edges=600,
    changes=200,
    running=10,
    questions=8,
    commands=1,
    reviewed=10,
    review_seconds=0.5,
    capacity_records=100,
    soak_seconds=0.6,
    flood_seconds=0.3,
    peer_entries=3_000,
    peer_proofs=5,
    peer_edges=600,
    prov_edges=200,
    peer_seconds=0.2,
    incidents=4,
    learnt=4,
    grown_edges=(200, 1_000),
    grown_entries=(50, 300),
)
