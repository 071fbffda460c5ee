"""What runs where at any time, over a long history of changes: how fast it folds and answers.

    recorded ──► folded (timed) ──► asked over HTTP, at times from all over the history

Each record is a release of one service in two regions: ten places, nearly all of them changed.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from bench.place import BATCH, Place
from bench.report import Row
from bench.server import Server, serving
from bench.timing import each
from wherefrom.app import DataFolder, fold_views, open_log, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import to_text
from wherefrom.views.estate import EstateReader

_ENVIRONMENTS: Final = ("prod", "staging")
_REGIONS: Final = ("ap-south-1", "eu-west-1", "us-east-1")
_SERVICES: Final = tuple(f"service-{number}" for number in range(60))
_PLACES: Final = (("artifact", "server"), ("config", "app"), *(("flag", f"f{n}") for n in range(3)))
_EACH: Final = 2 * len(_PLACES)
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_EVERY: Final = timedelta(minutes=1)
_GOAL_MS: Final = 20.0
_QUESTIONS: Final = {
    "running, one service, at T": "running?scope=prod/{service}&at={at}",
    "running, artifacts of an environment, at T": "running?scope=prod&slot=artifact&at={at}",
    "running, all of an environment, at T": "running?scope=prod&at={at}",
    "changes of a service in a day": "changes?scope=prod/{service}&since={at}&until={later}",
    "changes anywhere in an hour": "changes?since={at}&until={soon}",
}


def measure(place: Place) -> Iterator[Row]:
    """Folding, then questions."""
    folder, count = place.fresh("estate"), place.sizes.changes // _EACH
    place.say(f"recording {count:,} releases of {_EACH} places each")
    chance = random.Random("estate")
    with open_recorder(folder) as recorder:
        for start in range(0, count, BATCH):
            batch = [_release(chance, n) for n in range(start, min(start + BATCH, count))]
            outcomes = recorder.record(batch, principal=local(0))
            assert all(outcome.status == "recorded" for outcome in outcomes)
    yield _fold(place, folder, count)
    with serving(folder) as server:
        server.wait_for_graph()
        yield from _ask(place, server, count)


def _release(chance: random.Random, number: int) -> bytes:
    service = chance.choice(_SERVICES)
    states: list[dict[str, Any]] = [
        {
            "slot": slot, "name": name, "scope": {"region": region},
            "value": chance.choice(("on", "off")) if slot == "flag" else _digest(chance, service),
            "says": f"registry.example/{service}:{number}",
        }
        for region in chance.sample(_REGIONS, 2)
        for slot, name in _PLACES
    ]  # fmt: skip
    scope = Scope(chance.choice(_ENVIRONMENTS), service)
    return changes.estate(
        "declared", scope, states, all_of=(), at=_time(number), source="https://ci.example"
    )


def _digest(chance: random.Random, service: str) -> str:
    text = f"{service} {chance.randrange(500)}"
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _time(number: float) -> str:
    return to_text(_START + number * _EVERY)


def _fold(place: Place, folder: DataFolder, count: int) -> Row:
    place.say("folding its views")
    began = time.perf_counter()
    fold_views(folder, open_log(folder))
    took = time.perf_counter() - began
    with EstateReader(folder.estate_path).snapshot() as snapshot:
        intervals = snapshot.db.execute("SELECT count(*) FROM intervals").get
    return Row(
        area="estate",
        what=f"fold {count * _EACH:,} statements into graph and estate",
        value=count * _EACH / took,
        unit="/s",
        beside={
            "intervals": float(intervals),
            "on disk B/statement": folder.estate_path.stat().st_size / (count * _EACH),
        },
    )


def _ask(place: Place, server: Server, count: int) -> Iterator[Row]:
    chance = random.Random("asked")
    for what, path in _QUESTIONS.items():
        sizes: list[int] = []
        asked = []
        for _ in range(place.sizes.questions // 4):
            when = chance.uniform(count / 10, count)
            times = {"at": when, "soon": when + 60, "later": when + 1440}
            said = {name: quote(_time(number)) for name, number in times.items()}
            asked.append("/v1/" + path.format(service=chance.choice(_SERVICES), **said))
        with server.line() as line:

            def ask(number: int, line: Any = line, asked: Any = asked, sizes: Any = sizes) -> None:
                status, answer = line.get(asked[number])
                assert status == 200, answer
                sizes.append(len(answer))

            times_taken = each(len(asked), ask)
        yield Row(
            area="estate",
            what=f"{what}, p99",
            value=times_taken.p99,
            unit="ms",
            goal=_GOAL_MS,
            beside={
                "p50 ms": times_taken.p50,
                "worst ms": times_taken.worst,
                "answer KB": sum(sizes) / len(sizes) / 1e3,
            },
        )
