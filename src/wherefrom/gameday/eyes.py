"""Where a person looks, or is told: one function an eye, each through a door that ships.

    EYES: name ──look(door)──► Sighting, … of what is wrong there now

    what comes by itself (``tells``)     lines on standard error, messages, what senders are told
    what is there for who asks           /readyz, /v1/log, /v1/catalog/gaps, wherefrom log audit, …

What an eye saw before the fault is passed over, so it may show what is always wrong in an estate.
Some doors show what happened, and go on showing it (``stays``): whether all is well again they
do not tell. A door that is not there shows nothing, and the report says that it is not there.

A new eye is a function here and a line in EYES: docs/gameday.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.errors import Unavailable
from wherefrom.gameday.asking import Answer, Operator
from wherefrom.gameday.emitters import Counted
from wherefrom.gameday.processes import Commands
from wherefrom.gameday.shop import ENVIRONMENT, SERVICE

ANSWER_SECONDS: Final = 3.0
_WAITING_MIN: Final = 4_096
_BEHIND_MIN: Final = 1_000
_AUDIT_LINES_MAX: Final = 50
_PREFIX: Final = "wherefrom: "
_SHED: Final = re.compile(r'^wherefrom_shed_requests_total{sender="([^"]+)"} (\S+)', re.M)
_NO_ROUTE: Final = "no such route"


class Sighting(NamedTuple):
    """One thing that is wrong, as it is shown.

    key   what tells it from other things there; seen again under it, it is the same
    says  all that is shown of it, in one line
    """

    key: str
    says: str


class Absent(Exception):
    """This door is not there, in this version of wherefrom or in this set-up."""


class Door(NamedTuple):
    """What eyes look through.

    operator    who asks the server; ``data`` is its directory, ``errors`` its standard error
    senders     by their names; ``messages`` is what the webhook of the game day was sent
    commands    runs those that work on the directory
    """

    operator: Operator
    data: Path
    errors: Path
    senders: dict[str, Counted]
    messages: list[dict[str, Any]]
    commands: Commands

    def get(self, path: str, **query: str) -> Any:
        """What the server answers. Raises Absent for a route that is none, Unavailable."""
        answer = self.ask(path, **query)
        if answer.status == 404 and _NO_ROUTE in answer.text:
            raise Absent(path)
        if answer.status >= 400:
            raise Unavailable("the server does not say", where=path, got=answer.text[:200])
        return answer.json()

    def ask(self, path: str, **query: str) -> Answer:
        """The whole answer. Raises Unavailable."""
        return self.operator.get(path, timeout_s=ANSWER_SECONDS, **query)

    def command(self, *words: str) -> Any:
        """What a command on the directory answers in JSON. Raises Absent for one that is none."""
        done = self.commands.run(*words, "--data", self.data, "--json")
        if done.code == 2:
            raise Absent(" ".join(words))
        try:
            return json.loads(done.out)
        except ValueError as error:
            raise Unavailable("the command does not say", got=done.err[-200:]) from error


class Eye(NamedTuple):
    """One way of looking.

    asks     what a person would type or read
    every_s  seconds between two looks; ``looks`` in a row that must see a thing before it counts,
             where a healthy log shows it for a moment now and then
    tells    it comes by itself; ``stays``: what it showed it goes on showing
    """

    name: str
    asks: str
    look: Callable[[Door], Iterable[Sighting]]
    every_s: float = 0.5
    looks: int = 1
    tells: bool = False
    stays: bool = False


# -- what comes by itself


def _standard_error(door: Door) -> Iterator[Sighting]:
    for line in door.errors.read_text(errors="replace").splitlines():
        if line.startswith(_PREFIX):
            yield Sighting(line, line.removeprefix(_PREFIX))


def _messages(door: Door) -> Iterator[Sighting]:
    for message in list(door.messages):
        said = json.dumps(message.get("data", message), sort_keys=True, ensure_ascii=False)
        yield Sighting(said, f"{message.get('type', 'message')} {said}")


def _senders(door: Door) -> Iterator[Sighting]:
    for name, sender in door.senders.items():
        if sender.trouble:
            code = re.sub(r"\d+", "N", sender.trouble)
            yield Sighting(f"{name}: {code}", f"{name} is told: {sender.trouble}")


# -- what is there for who asks


def _ready(door: Door) -> Iterator[Sighting]:
    try:
        answer = door.ask("/readyz")
    except Unavailable as error:
        yield Sighting("no answer", str(error))
        return
    if answer.status != 200:
        said = answer.json()
        yield Sighting(str(said.get("code")), str(said.get("detail") or said))


def _log(door: Door) -> Iterator[Sighting]:
    told = door.get("/v1/log")
    witnessed = told.get("witnessed")
    if witnessed is not None and witnessed["size"] < told["size"]:
        by = ", ".join(witnessed["by"]) or "nobody"
        says = f"size {told['size']}, witnessed up to {witnessed['size']} by {by}"
        yield Sighting("not witnessed", says)
    for view, size in told["views"].items():
        if told["size"] - size >= _BEHIND_MIN:
            yield Sighting(view, f"the view {view} is {told['size'] - size} entries behind")


def _audit(door: Door) -> Iterator[Sighting]:
    for problem in door.command("log", "audit")["problems"][:_AUDIT_LINES_MAX]:
        says = f"{problem['file']}: {problem['what']}"
        yield Sighting(says, says)


def _verify(door: Door) -> Iterator[Sighting]:
    for place in door.get("/v1/running", scope=f"{ENVIRONMENT}/{SERVICE}")["places"]:
        for seen in place["observed"]:
            artifact = seen["value"]
            for step in door.get(f"/v1/verify/{artifact}")["steps"]:
                if not step["ok"]:
                    yield Sighting(f"{artifact} {step['name']}", f"{artifact}: {step['says']}")


def _gaps(door: Door) -> Iterator[Sighting]:
    told = door.get("/v1/catalog/gaps")
    for gap in told["gaps"]:
        of = f" of {', '.join(gap['without'])}" if gap["without"] else ""
        whose = f"{gap['service']} in {gap['environment']}, owner {gap['owner']}"
        says = f"{whose}: {gap['kind']} from {gap['emitter']} is {gap['state']}{of}"
        yield Sighting(says, says)
    for one in told["unknown"]:
        yield Sighting(f"unknown {one['service']}", f"no catalogue names {one['service']}")


def _clocks(door: Door) -> Iterator[Sighting]:
    for clock in door.get("/v1/clocks")["clocks"]:
        if clock["future"]:
            ahead = f"ahead at least {clock['ahead']:.0f} s"
            says = f"{clock['producer']}: {ahead}, {clock['future']} records dated in the future"
            yield Sighting(clock["producer"], says)


def _keys(door: Door) -> Iterator[Sighting]:
    for key in door.get("/v1/keys")["keys"]:
        if key["state"] != "revoked":
            continue
        for one in door.get(f"/v1/keys/{key['id']}/lost")["subjects"]:
            what = f"entry {one['entry']} of {one['name'] or one['id']} ({one['id']})"
            runs = f", which {', '.join(one['runs'])} runs" if one["runs"] else ""
            says = f"{key['id']} vouches no longer for {what}{runs}: {one['trust']} now"
            yield Sighting(f"{key['id']} {one['entry']} {one['id']}", says)


def _policy(door: Door) -> Iterator[Sighting]:
    for one in door.get("/v1/policy/status", environment=ENVIRONMENT)["running"]:
        if one["allowed"] is False:
            why = "; ".join(f"{rule['rule']}: {rule['says']}" for rule in one["failing"])
            says = f"{one['artifact']} ({one['name']}) is denied in {one['environment']}: {why}"
            yield Sighting(one["artifact"], says)


def _metrics(door: Door) -> Iterator[Sighting]:
    for line in door.ask("/metrics").text.splitlines():
        name, _, value = line.partition(" ")
        if name == "wherefrom_waiting_records" and float(value) >= _WAITING_MIN:
            yield Sighting(name, f"{float(value):.0f} records wait for an answer ({name})")


def _shed(door: Door) -> Iterator[Sighting]:
    for sender, times in _SHED.findall(door.ask("/metrics").text):
        says = f"too many records wait: {float(times):.0f} requests of {sender} were sent away"
        yield Sighting(sender, says)


def _health(door: Door) -> Iterator[Sighting]:
    for one in door.get("/v1/health", environment=ENVIRONMENT)["indicators"]:
        if one["met"] is False:
            yield Sighting(one["id"], f"{one['id']} {one['name']}: {one['says']}")


def _alerts(door: Door) -> Iterator[Sighting]:
    for one in door.get("/v1/alerts")["alerts"]:
        if one["closed"] is None:
            about = f"{one['root']['kind']} {one['root']['id']}"
            says = f"{one['severity']} {one['rule']}: {one['title']}, {about}: {one['text']}"
            entries = ", ".join(f"entry {number}" for number in one["entries"])
            yield Sighting(one["incident"], f"{says} ({entries})")


def _doctor(door: Door) -> Iterator[Sighting]:
    for one in door.command("doctor")["checks"]:
        if one["ok"] is False:
            says = f"{one['name']}: {one['says']}"
            yield Sighting(re.sub(r"\d+", "N", says), says)


EYES: Final[Sequence[Eye]] = (
    Eye("standard error", "the server's own lines", _standard_error, tells=True, stays=True),
    Eye("messages", "what notify.yaml sends", _messages, tells=True, stays=True),
    Eye("senders", "what senders are told, in their logs", _senders, tells=True),
    Eye("readyz", "GET /readyz", _ready),
    Eye("log", "wherefrom log status", _log, looks=4),
    Eye("audit", "wherefrom log audit", _audit, every_s=2.0),
    Eye("verify", "wherefrom verify ARTIFACT, of what runs", _verify, every_s=1.0),
    Eye("gaps", "wherefrom catalog gaps", _gaps, looks=2),
    Eye("clocks", "wherefrom clocks", _clocks, stays=True),
    Eye("keys", "GET /v1/keys/ID/lost, of each key revoked", _keys, stays=True),
    Eye("policy", "wherefrom policy status", _policy, looks=2),
    Eye("metrics", "GET /metrics", _metrics),
    Eye("shed", "GET /metrics, who is told to come again", _shed, stays=True),
    Eye("health", "wherefrom health -e gameday", _health, every_s=1.0, looks=2, stays=True),
    Eye("alerts", "wherefrom alerts", _alerts, every_s=1.0, stays=True),
    Eye("doctor", "wherefrom doctor", _doctor, every_s=3.0),
)
