"""A Wherefrom server, over HTTP.

Every answer is read back into the value that a directory would give, and every problem object
into the error it was. What is sent twice is recorded once, so a lost answer is asked for again.

Sizes:  a request waits READ_SECONDS; a busy server is tried again for BUSY_SECONDS
Source: INTERFACES, "HTTP"; RFC 9457
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import quote, unquote

import httpx
import msgspec

from wherefrom.cli.places import LogAt
from wherefrom.cli.settings import Where
from wherefrom.errors import Corrupt, Error, NotAllowed, Refused, SettingError, Unavailable
from wherefrom.formats import checkpoint, note, recognise, strict_json
from wherefrom.formats.anchor import Anchor
from wherefrom.formats.feed import Looked
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.inventory import Inventory
from wherefrom.keys.changes import KeyWish, RootWish
from wherefrom.keys.keyring import KeyHistory, Keys
from wherefrom.log.decisions import IntakeTold
from wherefrom.log.look_back import Marked, Simulated
from wherefrom.log.own_keys import LogKeysTold, LogKeysWish
from wherefrom.log.recorder import IntakeChanged, KeyChanged, Outcome, refused
from wherefrom.log.renewal import Renewing
from wherefrom.log.roots import RootChanged, RootsTold
from wherefrom.log.vouched import Vouched
from wherefrom.query import Found, Shown, Trace
from wherefrom.query import Path as Way
from wherefrom.query.canary.live import CanaryOptions
from wherefrom.query.canary_answers import Canary
from wherefrom.query.catalog.answers import CatalogShown, Gaps
from wherefrom.query.catalog.questions import CatalogOptions
from wherefrom.query.catalog.reconcile import Reconciled
from wherefrom.query.containment import Containment
from wherefrom.query.desk import LogStatus, Proof, TokenMade, TraceOptions
from wherefrom.query.enrich import Enriched
from wherefrom.query.health import Health, HealthExplained, HealthOptions, History
from wherefrom.query.hours import HourOptions, Hours
from wherefrom.query.incident_answers import Impact, Why
from wherefrom.query.incidents import EffectOptions, IncidentOptions
from wherefrom.query.lost import Lost
from wherefrom.query.mode_effect import ModeEffect
from wherefrom.query.packages import Packages
from wherefrom.query.postmortem.question import IncidentsWanted
from wherefrom.query.postmortem_answers import IncidentList, IncidentShown, Postmortem
from wherefrom.query.reality import RealityOptions
from wherefrom.query.reality_answers import Affected, Changes, Clocks, Difference, Running, Touched
from wherefrom.query.release_answers import ReleaseDifference, Releases, ReleaseShown
from wherefrom.query.requests import RequestPath
from wherefrom.query.response_answers import ResponseList, ResponseShown
from wherefrom.query.rollback.question import RollbackOptions
from wherefrom.query.rollback_answers import Rollback
from wherefrom.query.security import SecurityPage
from wherefrom.verify.steps import Report

if TYPE_CHECKING:
    from wherefrom.policy.gate import Decided, Gated, GateRequest, Question
    from wherefrom.policy.in_force import Standing
    from wherefrom.policy.status import PolicyStatus
    from wherefrom.query.alerts.answers import AlertList, MaintenanceList, ObjectiveStatus
    from wherefrom.query.alerts.desk import AlertOptions

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 120.0
BUSY_SECONDS: Final = 30.0
ENRICH_SECONDS: Final = 2.0
ANSWERED_WITHIN_SECONDS: Final = 2.0
_TRIES_MAX: Final = 3
T = TypeVar("T")


class Remote:
    """Questions and changes to a server."""

    def __init__(self, where: Where) -> None:
        assert where.server is not None
        self._url = where.server
        self._client = httpx.Client(
            base_url=where.server,
            headers={"Authorization": f"Bearer {where.token}"} if where.token else {},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            verify=certificates(where),
        )
        self._position: LogAt | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    # -- questions

    def trace(self, text: str, options: TraceOptions) -> Trace:
        return self._ask(Trace, "trace", text, _query(options))

    def path(self, a: str, b: str, options: TraceOptions) -> Way:
        return self._ask(Way, "trace", a, {**_query(options), "to": b})

    def show(self, text: str, options: TraceOptions) -> Shown:
        return self._ask(Shown, "show", text, _query(options))

    def find(self, text: str, *, as_of: int | None, own: bool) -> Found:
        query: dict[str, Any] = {"q": text, "own": int(own)}
        if as_of is not None:
            query["as_of"] = as_of
        return _read(self._get("/v1/find", query), Found)

    def running(self, text: str, options: RealityOptions, *, drifting: bool) -> Running:
        verb = "drift" if drifting else "running"
        return _read(self._get(f"/v1/{verb}", {"scope": text, **_asked(options)}), Running)

    def changes(self, text: str, options: RealityOptions) -> Changes:
        return _read(self._get("/v1/changes", {"scope": text, **_asked(options)}), Changes)

    def diff(self, a: str, b: str, options: RealityOptions) -> Difference:
        return _read(self._get("/v1/diff", {"a": a, "b": b, **_asked(options)}), Difference)

    def containment(self, text: str, options: RealityOptions) -> Containment:
        query = {"scope": text, **_given(at=options.at, as_of=options.as_of)}
        return _read(self._get("/v1/checks/containment", query), Containment)

    def affected(self, text: str, options: RealityOptions) -> Affected:
        return self._ask(Affected, "affected", text, _asked(options))

    def touched(self, text: str, options: RealityOptions) -> Touched:
        return self._ask(Touched, "touched", text, _asked(options))

    def clocks(self, *, since: str | None, until: str | None) -> Clocks:
        window = {"since": since, "until": until}
        asked = {name: text for name, text in window.items() if text is not None}
        return _read(self._get("/v1/clocks", asked), Clocks)

    def releases(self, name: str, *, limit: int, as_of: int | None) -> Releases:
        return self._ask(Releases, "releases", name, _given(limit=limit, as_of=as_of))

    def release(self, name: str, version: str, *, as_of: int | None) -> ReleaseShown:
        path = f"/v1/releases/{quote(name, safe='')}/{quote(version, safe='')}"
        return _read(self._get(path, _given(as_of=as_of)), ReleaseShown)

    def release_diff(self, a: str, b: str, *, as_of: int | None) -> ReleaseDifference:
        query = _given(a=a, b=b, as_of=as_of)
        return _read(self._get("/v1/diff/releases", query), ReleaseDifference)

    def catalog(self, name: str, options: CatalogOptions) -> CatalogShown:
        return _read(self._get("/v1/catalog", _of_service(name, options)), CatalogShown)

    def gaps(self, name: str, options: CatalogOptions) -> Gaps:
        return _read(self._get("/v1/catalog/gaps", _of_service(name, options)), Gaps)

    def reconcile(self, inventory: Inventory, options: CatalogOptions) -> Reconciled:
        answer = self._request(
            "POST", "/v1/reconcile", params=_of_service("", options),
            content=msgspec.json.encode(inventory),
        )  # fmt: skip
        return _read(self._checked(answer), Reconciled)

    def health(self, options: HealthOptions) -> Health:
        return _read(self._get("/v1/health", _given_of(options)), Health)

    def health_explained(self, indicator: str, options: HealthOptions) -> HealthExplained:
        query = {"indicator": indicator, **_given_of(options)}
        return _read(self._get("/v1/health/explain", query), HealthExplained)

    def health_history(
        self, indicator: str, options: HealthOptions, *, since: str, until: str | None, step_s: int
    ) -> History:
        asked = {"indicator": indicator, "since": since, "step": f"{step_s}s"}
        query = {**asked, **_given(until=until), **_given_of(options)}
        return _read(self._get("/v1/health/history", query), History)

    def request(self, text: str) -> RequestPath:
        return self._ask(RequestPath, "request", text, {})

    def hours(self, options: HourOptions) -> Hours:
        query = {k: v for k, v in msgspec.structs.asdict(options).items() if v}
        return _read(self._get("/v1/hours", query), Hours)

    def impact(self, options: IncidentOptions) -> Impact:
        return _read(self._get("/v1/impact", _asked_of_trouble(options)), Impact)

    def canary(self, options: CanaryOptions) -> Canary:
        said = _given(
            environment=options.environment, canary=options.canary, baseline=options.baseline,
            since=options.since, until=options.until, as_of=options.as_of, alpha=options.alpha,
        )  # fmt: skip
        said["tolerate"] = [f"{name}={most!r}" for name, most in options.tolerances.items()]
        return self._ask(Canary, "canary", options.service, said)

    def rollback(self, options: RollbackOptions) -> Rollback:
        said = {k: v for k, v in msgspec.structs.asdict(options).items() if v not in (None, "")}
        said.pop("service")
        return self._ask(Rollback, "rollback", options.service, {**said, "gone": [*options.gone]})

    def response(self, text: str, *, as_of: int | None) -> ResponseShown:
        return self._ask(ResponseShown, "responses", text, _given(as_of=as_of))

    def responses(
        self, *, service: str, environment: str, limit: int, as_of: int | None
    ) -> ResponseList:
        said = _given(service=service, environment=environment, limit=limit, as_of=as_of)
        return _read(self._get("/v1/responses", said), ResponseList)

    def mode_effect(self, options: EffectOptions) -> ModeEffect:
        asked = {
            "service": options.service, "environment": options.environment, "name": options.name,
            "at": options.at, "window": f"{options.window}s",
        }  # fmt: skip
        said = {key: value for key, value in asked.items() if value is not None}
        return _read(self._get("/v1/safe-mode/effect", said), ModeEffect)

    def why(self, options: IncidentOptions) -> Why:
        return _read(self._get("/v1/why", _asked_of_trouble(options)), Why)

    def why_case(self, options: IncidentOptions) -> dict[str, bytes]:
        query = {**_asked_of_trouble(options), "format": "case"}
        files = _read(self._get("/v1/why", query), dict[str, str])
        return {name: text.encode() for name, text in files.items()}

    def enrich(self, body: bytes) -> Enriched:
        """Asked once, and not for long: an alert must go on."""
        try:
            answer = self._client.post("/v1/enrich", content=body, timeout=ENRICH_SECONDS)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise _no_answer(self._url, error) from error
        said = unquote(self._checked(answer).headers.get("x-wherefrom-note", ""))
        return Enriched(answer.content, (said,) if said else ())

    def siem(self, format: str, since: int) -> SecurityPage:
        asked = {"format": format, "since": since, "page": 1}
        return _read(self._get("/v1/siem", asked), SecurityPage)

    def incidents(self, wanted: IncidentsWanted) -> IncidentList:
        said = {k: v for k, v in msgspec.structs.asdict(wanted).items() if v not in (None, "")}
        return _read(self._get("/v1/incidents", {**said, "open": int(wanted.open)}), IncidentList)

    def incident(self, text: str, *, as_of: int | None) -> IncidentShown:
        return self._ask(IncidentShown, "incidents", text, _given(as_of=as_of))

    def postmortem(self, text: str, *, as_of: int | None) -> Postmortem:
        path = f"/v1/incidents/{quote(text, safe='')}/report"
        return _read(self._get(path, _given(as_of=as_of)), Postmortem)

    def postmortem_evidence(self, text: str, *, as_of: int | None) -> Proof:
        path = f"/v1/incidents/{quote(text, safe='')}/evidence"
        return _proof(self._get(path, _given(as_of=as_of)))

    def verify(self, text: str) -> Report:
        return self._ask(Report, "verify", text, {})

    def prove(self, text: str, *, whole_trace: bool, content: bool, format: str) -> Proof:
        query = {"trace": int(whole_trace), "content": int(content), "format": format}
        return _proof(self._get(f"/v1/prove/{quote(text, safe='')}", query))

    def proof_token(self, text: str, *, expires: str | None) -> TokenMade:
        query = {} if expires is None else {"expires": expires}
        return self._ask(TokenMade, "proof-token", text, query)

    def consistency(self, size1: int, size2: int) -> list[str]:
        return _read(self._get("/v1/log/consistency", {"from": size1, "to": size2}), list[str])

    def status(self) -> LogStatus:
        return _read(self._get("/v1/log"), LogStatus)

    def decide(self, asked: Question) -> Decided:
        from wherefrom.policy.gate import Decided

        answer = self._request("POST", "/v1/decide", content=msgspec.json.encode(asked))
        return _read(self._checked(answer), Decided)

    def in_force(self, environment: str) -> list[Standing]:
        from wherefrom.policy.in_force import Standing

        answer = self._get("/v1/policy/in-force", {"environment": environment})
        return _read(answer, list[Standing])

    def alerts(self, options: AlertOptions) -> AlertList:
        from wherefrom.query.alerts.answers import AlertList

        return _read(self._get("/v1/alerts", _given(**msgspec.to_builtins(options))), AlertList)

    def objectives(self, name: str) -> ObjectiveStatus:
        from wherefrom.query.alerts.answers import ObjectiveStatus

        return _read(self._get("/v1/objectives", _given(name=name)), ObjectiveStatus)

    def maintenances(self, options: AlertOptions) -> MaintenanceList:
        from wherefrom.query.alerts.answers import MaintenanceList

        asked = _given(**msgspec.to_builtins(options))
        return _read(self._get("/v1/maintenances", asked), MaintenanceList)

    def policy_status(
        self, environment: str, *, limit: int, at: str | None = None, as_of: int | None = None
    ) -> PolicyStatus:
        from wherefrom.policy.status import PolicyStatus

        asked = _given(environment=environment, limit=limit, at=at, as_of=as_of)
        return _read(self._get("/v1/policy/status", asked), PolicyStatus)

    def keys(self, as_of: int | None = None) -> Keys:
        return _read(self._get("/v1/keys", _given(as_of=as_of)), Keys)

    def key(self, hint: str) -> KeyHistory:
        return _read(self._get(f"/v1/keys/{quote(hint, safe='')}"), KeyHistory)

    def packages(self, after: str) -> Packages:
        return _read(self._get("/v1/packages", {"after": after}), Packages)

    def lost(self, id: str) -> Lost:
        return _read(self._get(f"/v1/keys/{quote(id, safe='')}/lost"), Lost)

    def vouched(self, id: str, *, first: int) -> Vouched:
        return _read(self._get(f"/v1/keys/{quote(id)}/vouched", {"from": first}), Vouched)

    def content(self, index: int) -> bytes:
        return self._get(f"/v1/records/{index}/content").content

    def anchor(self, entry: int | None) -> Anchor:
        query = {} if entry is None else {"entry": entry}
        return _read(self._get("/v1/log/anchor", query), Anchor)

    def log_keys(self) -> LogKeysTold:
        return _read(self._get("/v1/log/keys"), LogKeysTold)

    def intake(self) -> IntakeTold:
        return _read(self._get("/v1/intake"), IntakeTold)

    def simulate_intake(
        self, rules: Sequence[IntakeRule], *, since: str | None, last: int | None
    ) -> Simulated:
        wanted = {"rules": msgspec.to_builtins(list(rules)), "since": since, "last": last}
        answer = self._request("POST", "/v1/intake/simulate", json=wanted)
        return _read(self._checked(answer), Simulated)

    def intake_marks(self, *, since: str | None, last: int | None) -> Marked:
        query = {k: v for k, v in (("since", since), ("last", last)) if v is not None}
        return _read(self._get("/v1/intake/marks", query), Marked)

    def roots(self, *, version: int | None) -> RootsTold:
        query = {} if version is None else {"version": version}
        return _read(self._get("/v1/roots", query), RootsTold)

    def _ask(self, kind: type[T], verb: str, text: str, query: dict[str, Any]) -> T:
        return _read(self._get(f"/v1/{verb}/{quote(text, safe='')}", query), kind)

    # -- changes

    def record(self, contents: Sequence[bytes]) -> Sequence[Outcome]:
        """Send contents as they are: whole documents alone, the others as one array.

        An array's elements are trimmed at the other end; a document keeps its last line's end.
        What cannot be read is refused here, as it would be there, and cannot break the array.
        """
        outcomes: list[Outcome | None] = [_refused_here(content) for content in contents]
        good = [place for place, outcome in enumerate(outcomes) if outcome is None]
        together = [place for place in good if _is_trimmed(contents[place])]
        alone = [[place] for place in good if not _is_trimmed(contents[place])]
        for places in ([together] if together else []) + alone:
            some = [contents[place] for place in places]
            body = b"[" + b",\n".join(some) + b"]" if _is_trimmed(some[0]) else some[0]
            for place, outcome in zip(places, self._send(body, len(some)), strict=True):
                outcomes[place] = outcome
        return [o for o in outcomes if o is not None]

    def _send(self, body: bytes, number: int) -> Sequence[Outcome]:
        answer = self._request("POST", "/v1/records", content=body)
        said = _json(answer)
        if "items" not in said:
            raise _error_of(answer, self._url)
        items = msgspec.convert(said["items"], list[Outcome])
        if len(items) != number:
            raise Corrupt(
                "the server answered for other records than were sent",
                where=self._url, expected=f"{number} items", got=len(items),
            )  # fmt: skip
        self._position = LogAt(said["log"]["size"], said["log"]["root"])
        return items

    def gate(self, asked: GateRequest) -> Gated:
        from wherefrom.policy.gate import Gated

        answer = self._request("POST", "/v1/gate", content=msgspec.json.encode(asked))
        return _read(self._checked(answer), Gated)

    def look(self, said: Looked, digest: str) -> int:
        wanted = {"look": msgspec.to_builtins(said), "digest": digest}
        answer = self._checked(self._request("POST", "/v1/feeds/looks", json=wanted))
        made: int = _json(answer)["entry"]
        return made

    def change_key(self, wish: KeyWish) -> KeyChanged:
        return self._changed(msgspec.to_builtins(wish))

    def apply_key_change(self, envelope: bytes) -> KeyChanged:
        document = strict_json.as_object(strict_json.decode(envelope), where="")
        return self._changed({"envelope": document})

    def _changed(self, wanted: dict[str, Any]) -> KeyChanged:
        answer = self._checked(self._request("POST", "/v1/keys", json=wanted))
        return _read(answer, KeyChanged)

    def change_log_keys(self, wish: LogKeysWish) -> LogKeysTold:
        wanted = msgspec.to_builtins(wish)
        return _read(self._checked(self._request("POST", "/v1/log/keys", json=wanted)), LogKeysTold)

    def set_intake(self, rules: Sequence[IntakeRule], *, reason: str) -> IntakeChanged:
        wanted = {"rules": msgspec.to_builtins(list(rules)), "reason": reason}
        return _read(self._set_intake(wanted), IntakeChanged)

    def propose_intake(self, rules: Sequence[IntakeRule], *, reason: str) -> bytes:
        wanted = {"rules": msgspec.to_builtins(list(rules)), "reason": reason, "propose": True}
        envelope: dict[str, Any] = _json(self._set_intake(wanted))["envelope"]
        return msgspec.json.encode(envelope)

    def apply_intake(self, envelope: bytes) -> IntakeChanged:
        document = strict_json.as_object(strict_json.decode(envelope), where="")
        return _read(self._set_intake({"envelope": document}), IntakeChanged)

    def _set_intake(self, wanted: dict[str, Any]) -> httpx.Response:
        return self._checked(self._request("POST", "/v1/intake", json=wanted))

    def set_root(self, wish: RootWish) -> RootChanged:
        return _read(self._set_root(msgspec.to_builtins(wish)), RootChanged)

    def propose_root(self, wish: RootWish) -> bytes:
        answer = self._set_root(msgspec.to_builtins(wish) | {"propose": True})
        return msgspec.json.encode(_json(answer)["envelope"])

    def apply_root(self, envelope: bytes) -> RootChanged:
        document = strict_json.as_object(strict_json.decode(envelope), where="")
        return _read(self._set_root({"envelope": document}), RootChanged)

    def _set_root(self, wanted: dict[str, Any]) -> httpx.Response:
        return self._checked(self._request("POST", "/v1/roots", json=wanted))

    def renew(self) -> Renewing:
        return _read(self._checked(self._request("POST", "/v1/verdicts/renew")), Renewing)

    def erase(self, index: int, *, reason: str) -> int:
        answer = self._request("POST", f"/v1/records/{index}/erase", json={"reason": reason})
        tombstone: int = _json(self._checked(answer))["tombstone"]
        return tombstone

    def position(self) -> LogAt:
        """After the last change, as its answer or the newest checkpoint says."""
        if self._position is None:
            signed = checkpoint.parse(note.parse(self._get("/checkpoint").content).text)
            self._position = LogAt(signed.size, signed.root.hex())
        return self._position

    def wait_until_answered(self) -> None:
        """Return when the server's views have what was sent, or it is too busy to have them."""
        until = time.monotonic() + ANSWERED_WITHIN_SECONDS
        wanted = self._position.size if self._position is not None else 0
        while wanted and time.monotonic() < until:
            try:
                if all(size >= wanted for size in self.status().views.values()):
                    return
            except (NotAllowed, Unavailable):
                return  # a token that may only record
            time.sleep(0.02)

    # -- the wire

    def _get(self, path: str, query: dict[str, Any] | None = None) -> httpx.Response:
        return self._checked(self._request("GET", path, params=query or {}))

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        raise _error_of(answer, self._url)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        until = time.monotonic() + BUSY_SECONDS
        tries = 0
        while True:
            tries += 1
            try:
                answer = self._client.request(method, path, **options)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL) as error:
                raise _no_answer(self._url, error) from error
            except httpx.TransportError as error:
                if tries >= _TRIES_MAX:
                    raise _no_answer(self._url, error) from error
                continue
            if answer.status_code != 503 or time.monotonic() > until:
                return answer
            time.sleep(_seconds(answer.headers.get("retry-after", "")))


def certificates(where: Where) -> ssl.SSLContext | bool:
    if where.server is None or not where.server.startswith("https:"):
        return False  # nothing to check, and reading the system's certificates takes 20 ms
    try:
        context = ssl.create_default_context(cafile=where.ca)
        if where.certificate is not None:
            context.load_cert_chain(where.certificate, where.key)
    except OSError as error:
        raise SettingError(
            "the certificate files cannot be used",
            got=error,
            do="Mend ca, certificate and key in the file that WHEREFROM_CONFIG names",
        ) from error
    return context


def _given(**said: Any) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


def _asked(options: RealityOptions) -> dict[str, Any]:
    said = {name: getattr(options, name) for name in ("at", "as_of", "since", "until", "limit")}
    said |= {"slot": list(options.slots), "mode": options.mode, "part": options.part}
    said["materials"] = 1 if options.materials else None
    return {name: value for name, value in said.items() if value not in (None, "", [])}


def _of_service(name: str, options: CatalogOptions) -> dict[str, Any]:
    said: dict[str, Any] = {
        "service": name, "at": options.at, "as_of": options.as_of,
        "environment": options.environment,
    }  # fmt: skip
    return {key: value for key, value in said.items() if value not in (None, "")}


def _asked_of_trouble(options: IncidentOptions) -> dict[str, Any]:
    said = msgspec.structs.asdict(options) | {"by": list(options.by)}
    return {name: value for name, value in said.items() if value not in (None, "", [])}


def _query(options: TraceOptions) -> dict[str, Any]:
    query = {
        "direction": options.direction,
        "depth": options.depth,
        "kind": list(options.kinds),
        "at": options.at,
        "as_of": options.as_of,
        "own": 1 if options.own else None,
    }
    return {k: v for k, v in query.items() if v is not None}


def _refused_here(content: bytes) -> Outcome | None:
    try:
        recognise.read(content)
    except Refused as error:
        return refused(error)
    return None


def _is_trimmed(content: bytes) -> bool:
    return content[:1] not in b" \t\r\n" and content[-1:] not in b" \t\r\n"


def _seconds(retry_after: str) -> float:
    return min(5.0, float(retry_after)) if retry_after.isdecimal() else 0.5


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        said = None
    return said if isinstance(said, dict) else {}


def _read(answer: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable(
            "the server's answer cannot be read", where=str(answer.url), got=str(error),
            do="Is it a Wherefrom server of this version?",
        ) from error  # fmt: skip


def _proof(answer: httpx.Response) -> Proof:
    named = answer.headers.get("content-disposition", "")
    name = named.partition('filename="')[2].rstrip('"')
    entries = [int(i) for i in answer.headers.get("x-wherefrom-entries", "").split()]
    return Proof(name, answer.content, entries)


def _no_answer(url: str, error: Exception) -> Unavailable:
    said = str(error) or type(error).__name__
    what, do = "the server does not answer", "Is it running? Start one with: wherefrom up"
    if "CERTIFICATE_VERIFY_FAILED" in said:
        what = "the server's certificate is not trusted here"
        do = 'Name its authority: ca = "FILE" in the file that WHEREFROM_CONFIG names'
    return Unavailable(what, where=url, got=said, do=do)


def _error_of(answer: httpx.Response, url: str) -> Error:
    """The error behind an answer that is no success."""
    problem = _json(answer)
    code = problem.get("code")
    if answer.status_code == 401:
        known = "does not know this token" if "authorization" in answer.request.headers else None
        return SettingError(
            f"the server {known or 'wants a bearer token'}",
            where=url,
            do="Set WHEREFROM_TOKEN; the administrator's lies in the file token of the directory",
        )
    if not isinstance(code, str):
        return Unavailable(
            "this is not how a Wherefrom server answers", where=str(answer.url),
            got=f"HTTP {answer.status_code}",
            do="Is the address right? It is that of the server, without a path",
        )  # fmt: skip
    title = str(problem.get("title") or "the server refused")
    parts = {k: _text(problem.get(k)) for k in ("where", "expected", "got", "do")}
    kind = _CLASSES.get(code, Error)
    if parts["do"] == kind.do_else:  # which this side would say too
        parts["do"] = None
    return kind(title, **parts)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _classes(base: type[Error]) -> dict[str, type[Error]]:
    found = {base.code: base}
    for below in base.__subclasses__():
        if below.__module__ == Error.__module__:  # doors have some of their own, made otherwise
            found |= _classes(below)
    return found


_CLASSES: Final = _classes(Error)


def _given_of(options: HealthOptions) -> dict[str, Any]:
    """The fields that say something."""
    return {k: v for k, v in msgspec.structs.asdict(options).items() if v not in (None, "")}
