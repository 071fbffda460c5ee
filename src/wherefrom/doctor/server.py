"""Does the server answer: the one that holds this directory, or one at an address?

    served    of a directory: its process answers, is ready, and is of this version
    REMOTE    of an address: what can be seen from there, by the questions that anybody may ask

Source: INTERFACES, "HTTP"
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from wherefrom import __version__
from wherefrom.doctor.found import Found, Ground, Look, span
from wherefrom.doctor.keys import keyring, root
from wherefrom.errors import Unavailable
from wherefrom.formats import timestamps
from wherefrom.keys.keyring import Keys
from wherefrom.log.roots import RootsTold
from wherefrom.query.desk import LogStatus

WAIT_SECONDS: Final = 5.0
CLOCKS_APART_S: Final = 5.0
CERTIFICATE_DAYS: Final = 21
_START: Final = "Start it again, and read what it says on standard error: wherefrom up"
_TOKEN: Final = "Set WHEREFROM_TOKEN; the administrator's lies in the file token of the directory"
T = TypeVar("T")


# -- of a directory


def served(ground: Ground) -> Iterator[Found]:
    """The server that holds the directory, if one does."""
    if ground.served is None:
        yield Found(True, "no server holds this directory")
        return
    url, pid = ground.served
    # Its certificate is looked at, not asked for who it is: this is its own machine.
    with httpx.Client(base_url=url, timeout=WAIT_SECONDS, verify=False) as client:
        said = list(_answers(client, f"process {pid} at {url}"))
    yield from said
    if said[-1].ok is not False:
        yield from certificate(url)


# -- of an address


class Far(msgspec.Struct, frozen=True):
    """A server at an address, and how to ask it."""

    url: str
    client: httpx.Client
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    files: tuple[Path, ...] = ()

    def age_s(self, at: str) -> float:
        """Seconds since a time, by the clock here."""
        now = timestamps.micros(timestamps.to_text(self.clock()))
        return (now - timestamps.micros(at)) / 1_000_000

    def ask(self, path: str, kind: type[T]) -> T:
        """An answer. Raises Unavailable where it cannot be had."""
        answer = _get(self.client, path)
        if answer.status_code in (401, 403):
            raise Unavailable("this token may not ask for it", where=path, do=_TOKEN)
        try:
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=kind)
        except (httpx.HTTPStatusError, msgspec.DecodeError) as error:
            raise Unavailable(
                "the answer cannot be used", where=path, got=f"HTTP {answer.status_code}",
                do="Is it a Wherefrom server of this version?",
            ) from error  # fmt: skip


def server(far: Far) -> Iterator[Found]:
    """It answers, is ready, knows the token, and is of this version."""
    said = list(_answers(far.client, far.url))
    yield from said
    if said[-1].ok is False:
        return
    status = _get(far.client, "/v1/log").status_code
    if status in (401, 403):
        shown = "authorization" in far.client.headers
        yield Found(False, "it does not know this token" if shown else "it wants a token", _TOKEN)


def clock(far: Far) -> Iterator[Found]:
    """Its clock and ours agree."""
    date = _get(far.client, "/healthz").headers.get("date")
    if date is None:
        yield Found(None, "it does not say what time it is")
        return
    apart = (far.clock() - parsedate_to_datetime(date)).total_seconds()
    if abs(apart) > CLOCKS_APART_S:
        says = (
            f"the server's clock is {span(abs(apart))} {'behind' if apart > 0 else 'ahead of'} ours"
        )
        yield Found(False, says, "See on both which one is wrong: timedatectl")
    else:
        yield Found(True, "the server's clock and ours agree")


def tls(far: Far) -> Iterator[Found]:
    """Its certificate, and that which is shown to it."""
    found = [
        *certificate(far.url),
        *(f for file in far.files for f in _client_certificate(file, far)),
    ]
    yield from found or [Found(True, "it is spoken to without TLS")]


def views(far: Far) -> Iterator[Found]:
    """Its views have what its log has."""
    status = far.ask("/v1/log", LogStatus)
    behind = {name: status.size - size for name, size in status.views.items() if size < status.size}
    if not behind:
        yield Found(True, f"{' and '.join(status.views)} have all {status.size:,} entries")
        return
    again = far.ask("/v1/log", LogStatus)
    if all(again.views[name] > status.views[name] or again.views[name] >= status.size
           for name in behind):  # fmt: skip
        yield Found(True, "they follow the log")
    else:
        said = ", ".join(f"{name} by {number:,}" for name, number in behind.items())
        fix = "Ask again in a moment; if they stand still, run wherefrom doctor on its machine"
        yield Found(None, f"views are behind the log: {said} entries", fix)


def witnesses(far: Far) -> Iterator[Found]:
    """The quorum of its witnesses is reached."""
    said = far.ask("/v1/log", LogStatus).witnessed
    if said is None:
        yield Found(True, "its log has no witnesses")
    elif not said.reached:
        by = ", ".join(said.by) or "nobody"
        fix = "Run wherefrom doctor on its machine: it says which do not answer"
        yield Found(False, f"the quorum is not reached: cosigned by {by}", fix)
    else:
        yield Found(True, f"{len(said.by)} of {said.of} cosigned {said.size:,} entries")


def keys(far: Far) -> Iterator[Found]:
    """Keys that end soon."""
    told = far.ask("/v1/keys", Keys)
    found = list(keyring(told, far.age_s))
    yield from found or [Found(True, f"none of {len(told.keys):,} ends soon")]


def roots(far: Far) -> Iterator[Found]:
    """How old its trusted root is."""
    yield root(far.ask("/v1/roots", RootsTold))


REMOTE: Final[Mapping[str, Look]] = {
    "server": server, "clock": clock, "certificate": tls, "views": views, "witnesses": witnesses,
    "keys": keys, "roots": roots,
}  # fmt: skip


# -- of both


def _get(client: httpx.Client, path: str) -> httpx.Response:
    try:
        return client.get(path)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        do = "Is it running, and is the address right?"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            do = 'Name its authority: ca = "FILE" in the file that WHEREFROM_CONFIG names'
        raise Unavailable(
            "it does not answer", where=str(client.base_url),
            got=str(error) or type(error).__name__, do=do,
        ) from error  # fmt: skip


def _answers(client: httpx.Client, name: str) -> Iterator[Found]:
    try:
        alive = _get(client, "/healthz")
    except Unavailable as error:
        yield Found(False, f"{name} does not answer: {error.got}", error.next_step)
        return
    if alive.text.strip() != "ok":
        says = f"{name} answers, but not as a Wherefrom server does: HTTP {alive.status_code}"
        yield Found(False, says, "Name the address of a Wherefrom server, without a path")
        return
    ready = _get(client, "/readyz")
    if ready.status_code != 200:
        yield Found(False, f"{name} is not ready: {_title(ready)}", _START)
    elif "\n" in ready.text.strip():
        yield Found(None, ready.text.strip().split("\n", 1)[1], "wherefrom roots set")
    version = _version(client)
    if version is not None and version != __version__:
        says = f"{name} is version {version}, and this is {__version__}"
        yield Found(None, says, "Use the same version on both sides; the older one may lack verbs")
    elif ready.status_code == 200:
        yield Found(True, f"{name} answers, and is ready")


def _title(answer: httpx.Response) -> str:
    try:
        said: dict[str, Any] = answer.json()
        return str(said.get("title") or answer.status_code)
    except (ValueError, AttributeError):
        return f"HTTP {answer.status_code}"


def _version(client: httpx.Client) -> str | None:
    try:
        said = _get(client, "/openapi.json").json()
        return str(said["info"]["version"])
    except (Unavailable, ValueError, KeyError, TypeError):
        return None


def certificate(url: str) -> Iterator[Found]:
    """How long the certificate lasts that is shown at an address; nothing without TLS."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return
    address = (parts.hostname or "", parts.port or 443)
    try:
        shown = ssl.get_server_certificate(address, timeout=WAIT_SECONDS)
    except (OSError, ValueError) as error:
        yield Found(None, f"its certificate cannot be looked at: {error}")
        return
    yield _lasting("the server's certificate", shown.encode(), datetime.now(UTC))


def _client_certificate(path: Path, far: Far) -> Iterator[Found]:
    try:
        yield _lasting(f"{path}", path.read_bytes(), far.clock())
    except OSError as error:
        fix = "Name it in the file that WHEREFROM_CONFIG names"
        yield Found(False, f"{path} cannot be read: {(error.strerror or '').lower()}", fix)


def _lasting(name: str, pem: bytes, now: datetime) -> Found:
    from cryptography import x509  # late: few servers have one

    try:
        ends = x509.load_pem_x509_certificate(pem).not_valid_after_utc
    except ValueError as error:
        return Found(False, f"{name} is no certificate: {error}", "Name a PEM file of one")
    left = (ends - now).total_seconds()
    fix = "Renew it; then start the server again with --tls-cert and --tls-key"
    if left <= 0:
        return Found(False, f"{name} ended on {ends:%Y-%m-%d}", fix)
    if left < CERTIFICATE_DAYS * 86_400:
        return Found(None, f"{name} ends in {span(left)}, on {ends:%Y-%m-%d}", fix)
    return Found(True, f"{name} lasts for {span(left)}")
