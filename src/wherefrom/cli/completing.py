"""What a shell may offer for a value: ids, services, environments, policies that a server knows.

    a word that is begun ──► the server of --server, --data, the environment ──► values, or nothing

A shell waits for this at every Tab, so nothing heavy is imported, and a server has ANSWER_SECONDS.
One that is slower, is away or does not know the token is passed over in silence, and so is a
directory that no server holds.

Sizes:  VALUES_MAX values
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import click
from click.shell_completion import CompletionItem

from wherefrom.cli.settings import DATA_DEFAULT, Where, where

ANSWER_SECONDS: Final = 0.15
VALUES_MAX: Final = 50
_BYTES_MAX: Final = 1024 * 1024
Values = Callable[[Where, str], list[CompletionItem]]


def ids(place: Where, begun: str) -> list[CompletionItem]:
    """Things whose id, name or tag begins so; of those found by name the id is offered too."""
    if not begun:
        return []  # of a whole log that is everything
    found = _ask(place, f"/v1/find?q={quote(begun, safe='')}")
    return [
        CompletionItem(one["id"], help=_said(one))
        for one in _listed(found, "matches")
        if str(one["id"]).startswith(begun)
    ]


def environments(place: Where, begun: str) -> list[CompletionItem]:
    """Environments that records name."""
    return _named(place, "environment:", begun)


def services(place: Where, begun: str) -> list[CompletionItem]:
    """Services that records name."""
    return _named(place, "service:", begun)


def scopes(place: Where, begun: str) -> list[CompletionItem]:
    """Environments; after one and a slash, the services in it; and services by themselves."""
    environment, slash, service = begun.partition("/")
    if slash:
        found = services(place, service)
        return [CompletionItem(f"{environment}/{one.value}", help=one.help) for one in found]
    return [*environments(place, begun), *services(place, begun)]


def policies(place: Where, begun: str) -> list[CompletionItem]:
    """Policies that records name, by name."""
    found = _listed(_ask(place, f"/v1/find?q={quote(begun, safe='')}"), "matches") if begun else []
    named = {str(one["name"]) for one in found if one["kind"] == "policy" and one["name"]}
    return [CompletionItem(name) for name in sorted(named) if name.startswith(begun)]


def kinds(_: Where, begun: str) -> list[CompletionItem]:
    """Kinds of things."""
    from wherefrom.formats.facts import KINDS

    return [CompletionItem(kind) for kind in KINDS if kind.startswith(begun)]


def ready(_: Where, begun: str) -> list[CompletionItem]:
    """Ready policies."""
    from wherefrom.policy.ready import READY

    return [CompletionItem(name) for name in READY if name.startswith(begun)]


def slots(_: Where, begun: str) -> list[CompletionItem]:
    """What a place may hold."""
    from wherefrom.formats.states import SLOTS

    return [CompletionItem(slot) for slot in SLOTS if slot.startswith(begun)]


# By the name of an option or argument, in any verb but those of ELSEWHERE.
BY_NAME: Final[Mapping[str, Values]] = {
    "id": ids, "what": ids, "artifact": ids, "target": ids, "text": ids,
    "environment": environments, "service": services, "scope": scopes, "a": scopes, "b": scopes,
    "kinds": kinds, "slots": slots, "slot": slots, "policy": policies,
}  # fmt: skip
# Verbs that mean something else by such a name; None: nothing that is known here.
ELSEWHERE: Final[Mapping[tuple[str, str], Values | None]] = {
    ("keys trust", "kinds"): None, ("tokens new", "kinds"): None, ("bundle diff", "a"): None,
    ("bundle diff", "b"): None, ("release diff", "a"): None, ("release diff", "b"): None,
    ("incident open", "text"): None, ("incident note", "text"): None,
    ("incident close", "text"): None, ("policy new", "name"): ready,
}  # fmt: skip


def complete(
    parameter: click.Parameter, context: click.Context, begun: str
) -> list[CompletionItem]:
    """What to offer for a parameter: what click knows of its type, else what a server knows."""
    known = parameter.type.shell_complete(context, parameter, begun)
    verb = context.command_path.partition(" ")[2]
    name = parameter.name or ""
    values = ELSEWHERE.get((verb, name), BY_NAME.get(name))
    if values is None or (known and known[0].type == "plain"):
        return known
    try:
        place = where(context.params.get("data"), context.params.get("server"), os.environ)
        return values(place, begun)[:VALUES_MAX] or known
    except Exception:  # noqa: BLE001 - whatever it is, a Tab is no place to say it
        return known


def _named(place: Where, prefix: str, begun: str) -> list[CompletionItem]:
    found = _ask(place, f"/v1/find?q={quote(prefix + begun, safe='')}")
    values = [str(one["id"]) for one in _listed(found, "matches")]
    return [
        CompletionItem(value.removeprefix(prefix))
        for value in values
        if value.startswith(prefix + begun)
    ]


def _listed(found: Any, key: str) -> list[dict[str, Any]]:
    return list(found[key]) if isinstance(found, dict) else []


def _said(match: dict[str, Any]) -> str:
    """Beside an id: what it is, and its name."""
    name = str(match.get("name") or "")
    said = f"{match['kind']} {name}".strip()
    return "".join(c if c.isprintable() else " " for c in said)


def _ask(place: Where, path: str) -> Any:
    """An answer; None if there is none in time."""
    said: list[Any] = []

    def ask() -> None:
        try:
            said.append(_get(place, path))
        except Exception:  # noqa: BLE001 - silence is the answer then
            said.append(None)

    # A socket's timeout is for each piece, and a name may take long to look up.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return said[0] if said else None


def _get(place: Where, path: str) -> Any:
    import http.client  # late: verbs and options need none

    url, token = place.server, place.token
    if url is None:
        url, token = _server_of(place.data, token)
    parts = urlsplit(url)
    kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
    more: dict[str, Any] = {}
    if parts.scheme == "https":
        import ssl

        kind = http.client.HTTPSConnection
        context = ssl.create_default_context(cafile=place.ca)
        if place.certificate is not None:
            context.load_cert_chain(place.certificate, place.key)
        more["context"] = context
    connection = kind(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS, **more)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return json.loads(answer.read(_BYTES_MAX)) if answer.status == 200 else None
    finally:
        connection.close()


def _server_of(data: Path, token: str | None) -> tuple[str, str]:
    """The server that says it holds a directory, and a token for it."""
    said = json.loads(((data or Path(DATA_DEFAULT)) / "server.json").read_text())
    return str(said["url"]), token or (data / "token").read_text().strip()
