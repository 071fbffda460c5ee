"""The server's own description, OpenAPI 3.1: what is served at ``/openapi.json``.

    PATHS ──► path ──► method ──► parameters, body, answers ──► components of ``schemas``

One entry a route, in the order of docs/http.md. The tests compare both with the routes of the
server, and what it answers with what stands here.

Source: OpenAPI 3.1.1
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from wherefrom import __version__
from wherefrom.api.postmortems import FORMATS as REPORT_FORMATS
from wherefrom.api.problems import MEDIA_TYPE
from wherefrom.api.schemas import Schema, ref, schemas
from wherefrom.formats import webhooks
from wherefrom.formats.states import MODES, SLOTS, Scope
from wherefrom.query import exports
from wherefrom.query.incident_answers import DIMENSIONS

_ANY_JSON: Final[Schema] = {"application/json": {}}
_TEXT: Final[Schema] = {"type": "string"}
_DESCRIPTION: Final = """\
Records where things come from and what became of them, in one tamper-evident log.

Send a bearer token, except for the log itself (`/checkpoint`, `/tile/`), `/healthz`, `/readyz`,
`/metrics` and this page. Every answer of 400 and above is a problem object (RFC 9457) unless it
says what became of each record. Whatever is sent twice is recorded once, so anything may be sent
again; 503 says after how many seconds."""


def _json(name: str) -> Schema:
    return {"application/json": {"schema": ref(name)}}


def _answer(description: str, content: Schema | None = None) -> Schema:
    return {"description": description, **({"content": content} if content else {})}


def _query(name: str, description: str, schema: Schema, *, required: bool = False) -> Schema:
    return {
        "name": name, "in": "query", "description": description, "schema": schema,
        "required": required,
    }  # fmt: skip


def _in_path(name: str, description: str, schema: Schema) -> Schema:
    return {
        "name": name, "in": "path", "description": description, "schema": schema, "required": True
    }  # fmt: skip


_SIZE: Final = {"type": "integer", "minimum": 0}
_INDEX: Final = _in_path("index", "The entry's index, from 0.", _SIZE)
_KEY: Final = _in_path("id", "The id of a key.", {"type": "string", "minLength": 1})
_ID: Final = _in_path(
    "id",
    "A digest, commit, package URL, `name:tag`, dataset, job, run, URI or `entry:N`, in any "
    "spelling, percent-encoded or as it is.",
    _TEXT,
)
_INCIDENT: Final = _in_path(
    "id", "Its id, its title, or its alert's name or fingerprint; the newest called so.", _TEXT
)
_RELEASED: Final = _in_path("name", "What is released; a slash in it is `%2F`.", _TEXT)
_AT: Final = _query(
    "at", "Only what is dated up to then, RFC 3339.", {"type": "string", "format": "date-time"}
)
_AS_OF: Final = _query("as_of", "Only entries below this log size, as trusted then.", _SIZE)
_OWN: Final = _query(
    "own", "As our own log knows it, without those it follows.", {"enum": ["0", "1"]}
)
_DATE_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_MILLISECONDS: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 99_999_999_999_999}
_ANNOTATION: Final[Schema] = {
    "type": "object",
    "required": ["time", "timeEnd", "isRegion", "title", "text", "tags"],
    "properties": {
        "time": _MILLISECONDS,
        "timeEnd": _MILLISECONDS,
        "isRegion": {"type": "boolean"},
        "title": _TEXT,
        "text": _TEXT,
        "tags": {"type": "array", "items": _TEXT},
    },
    "additionalProperties": False,
}
_SCOPE: Final = _query(
    "scope",
    "`ENVIRONMENT/SERVICE/REGION/POOL/INSTANCE` as far as wanted, or a service; `@{TIME}`, `~N` "
    "or `#N` at its end. All if not given.",
    _TEXT,
)
_MOMENT: Final = _query("at", "As it was then; now if not given.", _DATE_TIME)
_HEALTH: Final = (
    _query("environment", "Only there.", _TEXT), _query("service", "Only this one.", _TEXT),
    _query("kind", "Only of this kind.", _TEXT), _query("trust", "Only of this level.", _TEXT),
    _MOMENT, _AS_OF,
)  # fmt: skip
_INDICATOR: Final = _query("indicator", "By its id or name; `N1` if none.", _TEXT)
_ALERTED: Final = (
    _query("environment", "Only there.", _TEXT), _query("service", "Only this one.", _TEXT),
    _query("since", "From when on; only what is open now if not given.", _DATE_TIME),
    _query("until", "Up to when; now if not given.", _DATE_TIME), _AS_OF,
    _query("limit", "So many at most.", {**_SIZE, "minimum": 1, "maximum": 1_000}),
)  # fmt: skip
_WHAT: Final = (
    _query("slot", "Only these.", {"type": "array", "items": {"enum": list(SLOTS)}}),
    _query("mode", "Only what was decided, or only what was seen.", {"enum": list(MODES)}),
)
_WALK: Final = (
    _query("direction", "To causes, or to effects.", {"enum": ["up", "down"], "default": "up"}),
    _query("depth", "How many edges away at most.", _SIZE),
    _query("kind", "Show only things of these kinds.", {"type": "array", "items": _TEXT}),
    _query("to", "Answer with the shortest way to this thing instead.", _TEXT),
    _OWN,
    _query(
        "format",
        "How to write the answer.",
        {"enum": ["json", *exports.FORMATS], "default": "json"},
    ),
    _AT,
    _AS_OF,
)
_OVER: Final = (
    _query(
        "since", "Records received from then on, RFC 3339.",
        {"type": "string", "format": "date-time"},
    ),
    _query("last", "So many of the newest entries; 1,000.", _SIZE),
)  # fmt: skip
_FLAG: Final[Schema] = {"enum": ["0", "1"], "default": "0"}
_ENCODING: Final = {
    "name": "Content-Encoding",
    "in": "header",
    "description": "May be left out: the first bytes decide.",
    "schema": {"enum": ["identity", "gzip", "zstd", "bzip2"]},
}
_PROBLEMS: Final = {
    "400": "The request is broken.",
    "401": "No token, or one that nobody has.",
    "403": "The token does not cover this.",
    "404": "Nothing has this id, index or path.",
    "409": "The id could be several things, or the log does not allow this.",
    "413": "Over a limit; `expected` names it.",
    "415": "A kind of record or an encoding that is not read.",
    "422": "Refused; `code` says why.",
    "503": "Too busy, or a process is starting: try again after `Retry-After` seconds.",
}


def _problem(status: str) -> Schema:
    answer = _answer(_PROBLEMS[status], {MEDIA_TYPE: {"schema": ref("Problem")}})
    if status == "503":
        retry = {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}
        answer["headers"] = {"Retry-After": retry}
    return answer


def _operation(
    name: str,
    summary: str,
    answers: dict[str, Schema],
    *,
    problems: str = "",
    parameters: tuple[Schema, ...] = (),
    body: Schema | None = None,
    role: str | None = "read",
) -> Schema:
    """``problems`` are statuses; those of a token and of a busy server go without saying."""
    statuses = sorted({*problems.split(), "503", *(("401", "403") if role else ())})
    operation: Schema = {
        "operationId": name,
        "summary": summary,
        "security": [{"bearer": [role]}] if role else [],
        "responses": answers | {s: _problem(s) for s in statuses if s not in answers},
    }
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _ask(
    name: str, summary: str, content: Schema, *parameters: Schema, problems: str = "400 404"
) -> Schema:
    """A question that takes a token with the role ``read``."""
    answers = {"200": _answer("The answer.", content)}
    return {"get": _operation(name, summary, answers, problems=problems, parameters=parameters)}


def _public(name: str, summary: str, content: Schema, *parameters: Schema) -> Schema:
    """A question that anybody may ask."""
    problems = "404" if parameters else ""
    answers = {"200": _answer("The answer.", content)}
    return {
        "get": _operation(
            name, summary, answers, problems=problems, parameters=parameters, role=None
        )
    }


def _rekor(name: str, summary: str, content: Schema, *parameters: Schema) -> Schema:
    """As ``_public``; errors are Rekor's."""
    asked = _public(name, summary, content, *parameters)
    for status in ("404", "503"):
        if status in asked["get"]["responses"]:
            told = _answer(_PROBLEMS[status], _json("RekorError"))
            asked["get"]["responses"][status] = told
    return asked


def _send(
    name: str,
    summary: str,
    answers: dict[str, Schema],
    body: Schema,
    *parameters: Schema,
    problems: str = "",
) -> Schema:
    """What takes a token with the role ``record``; a refusal says what became of each record."""
    return {
        "post": _operation(
            name, summary, answers, problems=f"400 413 415 422 {problems}", body=body,
            parameters=(_ENCODING, *parameters), role="record",
        )
    }  # fmt: skip


def _change(name: str, summary: str, answers: dict[str, Schema], body: str, *p: Schema) -> Schema:
    problems = "400 404 409 413"
    return _operation(
        name, summary, answers, problems=problems, body=_json(body), parameters=p, role="admin"
    )


def _fates(schema: str, *, several: bool = True) -> dict[str, Schema]:
    """All new, all known, some of each or some refused; and each way that all can be refused."""
    said = _json(schema)
    refused = said | {MEDIA_TYPE: {"schema": ref("Problem")}}
    return {
        "201": _answer("All of them are new.", said),
        "200": _answer("All of them were known.", said),
        **({"207": _answer("Some of each, or some were refused.", said)} if several else {}),
        **{s: _answer(_PROBLEMS[s], refused) for s in ("400", "403", "413", "415", "422")},
    }


_RECORDS: Final[Schema] = {
    "application/json": {},
    "application/x-ndjson": {"schema": _TEXT},
    "application/gzip": {},
    "application/zstd": {},
    "application/x-bzip2": {},
}
_WAIT: Final = _query(
    "wait", "`proof` adds each record's receipt, a tlog-proof, to its item.", {"enum": ["proof"]}
)
_ADAPTER: Final = _in_path("adapter", "What posts.", {"enum": sorted(webhooks.ADAPTERS)})
_PLACES: Final = tuple(
    _query(part, "Where it is of, if the body does not say.", {"type": "string", "maxLength": 256})
    for part in Scope._fields
)
_TAKEN: Final = {
    "204": _answer("All of them were taken."),
    "200": _answer("Some were refused; the others are recorded.", _json("LineageSummary")),
}
_TRACE: Final[Schema] = {
    **{export.media_type: {"schema": _TEXT} for export in exports.FORMATS.values()},
    "application/json": {"schema": {"anyOf": [ref("Trace"), ref("Path"), ref("ProvJson")]}},
}
_PROOF: Final = {
    "text/plain": {"schema": _TEXT},
    "application/cose": {},
    "application/zip": {},
}
_PROOF_FORMAT: Final = _query(
    "format",
    "What proves one entry: a tlog-proof, or a COSE receipt (RFC 9942).",
    {"enum": ["tlog-proof", "cose"], "default": "tlog-proof"},
)
_COSE: Final[Schema] = {"application/cose": {}}


def _concise(statuses: str) -> dict[str, Schema]:
    """Errors as SCITT's clients expect them: concise problem details (RFC 9290)."""
    answers = {}
    for status in statuses.split():
        answers[status] = _problem(status)
        answers[status]["content"] = {"application/concise-problem-details+cbor": {}}
    return answers


def _located(description: str, content: Schema | None = None, *, retry: bool = False) -> Schema:
    answer = _answer(description, content)
    answer["headers"] = {
        "Location": {"description": "Where a receipt is.", "schema": _TEXT, "required": True}
    }
    if retry:
        seconds = {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}
        answer["headers"]["Retry-After"] = seconds
    return answer


def _key_set(name: str, summary: str, problems: str, *parameters: Schema) -> Schema:
    answers = {"200": _answer("The answer.", {"application/cbor": {}})}
    told = _concise(f"{problems} 503")
    return {"get": _operation(name, summary, answers | told, parameters=parameters, role=None)}


_TROUBLE: Final = (
    _query("service", "Where it hurts.", _TEXT),
    _query("environment", "Only there.", _TEXT),
    _query("alert", "An incident: its id, its alert's name or fingerprint.", _TEXT),
    _query("since", "From then on.", _DATE_TIME),
    _query("until", "Nothing later is used; now if not given.", _DATE_TIME),
    _AS_OF,
)


def _paths() -> dict[str, Schema]:
    keys = _ask("listKeys", "Every key that a record has named.", _json("Keys"), problems="")
    changed = {"201": _answer("Done, and recorded.", _json("KeyChanged"))}
    erased = {"200": _answer("Done, and recorded.", _json("Erased"))}
    octets: Schema = {"application/octet-stream": {}}
    text = {"text/plain": {"schema": _TEXT}}
    return {
        "/v1/records": _send(
            "record", "Record what is in the body: one document, an array or JSON Lines.",
            _fates("Recorded"), _RECORDS, _WAIT,
        ),
        "/v1/records/{index}": _ask("getRecord", "One entry.", _json("LogRecord"), _INDEX),
        "/v1/records/{index}/content": _ask(
            "getContent", "The exact bytes of a record.", octets, _INDEX
        ),
        "/v1/records/{index}/erase": {
            "post": _change(
                "erase", "Remove a content and its nonce; its entry and every proof stay.",
                erased, "EraseRequest", _INDEX,
            )
        },
        "/v1/receipts/{index}": _ask(
            "getReceipt", "A proof of one entry, the entry inside.",
            text | {"application/cose": {}}, _INDEX, _PROOF_FORMAT,
        ),
        "/v1/trace/{id}": _ask(
            "trace", "Where a thing came from, or what came of it.",
            _TRACE,
            _ID, *_WALK, problems="400 404 409",
        ),
        "/v1/show/{id}": _ask(
            "show", "All that is said of a thing.", _json("Shown"), _ID, _AT, _AS_OF, _OWN,
            problems="400 404 409",
        ),
        "/v1/find": _ask(
            "find", "What a text may mean.", _json("Found"),
            _query(
                "q", "An id, tag or name, or how one begins; not blank.",
                {"type": "string", "minLength": 1}, required=True,
            ),
            _AS_OF, _OWN,
        ),
        "/v1/packages": _ask(
            "packages", "A page of the packages that the log names, without versions.",
            _json("Packages"),
            _query("after", "Where the page before ended.", _TEXT),
        ),
        "/v1/traces": {
            "post": _operation(
                "traces", "Spans of OpenTelemetry, as OTLP/HTTP has them.",
                {"200": _answer(
                    "Taken; those that could not be read are counted.",
                    _json("SpansTaken") | {"application/x-protobuf": {}},
                )},
                problems="400 413 415", parameters=(_ENCODING,), role="record",
                body={"application/json": {}, "application/x-protobuf": {}},
            )
        },
        "/v1/metrics": {
            "post": _operation(
                "metrics", "Metrics of OpenTelemetry, as OTLP/HTTP has them.",
                {"200": _answer(
                    "Taken; points that could not be read are counted.",
                    _json("MetricsTaken") | {"application/x-protobuf": {}},
                )},
                problems="400 413 415", parameters=(_ENCODING,), role="record",
                body={"application/json": {}, "application/x-protobuf": {}},
            )
        },
        "/v1/series": {
            "post": _operation(
                "series", "Measurements of services: rows as CSV or JSON Lines.",
                {"200": _answer("Taken, all or none.", _json("SeriesTaken"))},
                problems="400 413 415", parameters=(_ENCODING,), role="record",
                body={"text/csv": {"schema": _TEXT}, "application/x-ndjson": {"schema": _TEXT}},
            )
        },
        "/v1/running": _ask(
            "running", "What is declared and observed in a scope, now or at a time.",
            _json("Running"), _SCOPE, _MOMENT, _AS_OF, *_WHAT,
            _query("materials", "Also what the artifacts are made of.", {"type": "boolean"}),
            _query("part", "The same, but only what holds this text.", _TEXT),
            problems="400 404",
        ),
        "/v1/drift": _ask(
            "drift", "The places of `running` where declared and observed differ.",
            _json("Running"), _SCOPE, _MOMENT, _AS_OF, *_WHAT, problems="400 404",
        ),
        "/v1/changes": _ask(
            "changes", "What changed in a scope in a window, newest first.", _json("Changes"),
            _SCOPE, _query("since", "From then on; a day back if not given.", _DATE_TIME),
            _query("until", "Before then; now if not given.", _DATE_TIME), _AS_OF, *_WHAT,
            _query("limit", "So many of the newest.", {**_SIZE, "minimum": 1, "maximum": 10_000}),
            problems="400 404",
        ),
        "/v1/annotations": _ask(
            "annotations", "What changed, as Grafana's datasources of JSON read it.",
            {"application/json": {"schema": {"type": "array", "items": _ANNOTATION}}},
            _SCOPE, _query("from", "Milliseconds since 1970; a day before `to`.", _MILLISECONDS),
            _query("to", "The same; now if not given.", _MILLISECONDS),
            _query("tags", "Only with all of these, divided by commas.", _TEXT),
            _query("limit", "Of so many of the newest changes.",
                   {**_SIZE, "minimum": 1, "maximum": 1_000}),
            problems="400 404",
        ),
        "/v1/diff": _ask(
            "diff", "How two scopes, or one at two times, differ.", _json("Difference"),
            _query("a", "A scope, as of `running`.", _TEXT, required=True),
            _query("b", "The other.", _TEXT, required=True), _AS_OF, *_WHAT, problems="400 404",
        ),
        "/v1/diff/releases": _ask(
            "diffReleases", "How two releases differ.", _json("ReleaseDifference"),
            _query("a", "`NAME:VERSION`; `latest` is a version too.", _TEXT, required=True),
            _query("b", "The other.", _TEXT, required=True), _AS_OF, problems="400 404",
        ),
        "/v1/releases/{name}": _ask(
            "listReleases", "The releases of something, newest first.", _json("Releases"),
            _RELEASED, _AS_OF,
            _query("limit", "So many of the newest.", {**_SIZE, "minimum": 1, "maximum": 1_000}),
            problems="400 404",
        ),
        "/v1/releases/{name}/{version}": _ask(
            "showRelease", "What a release was made of, by every record that tells of it.",
            _json("ReleaseShown"), _RELEASED,
            _in_path("version", "Its version, or `latest`.", _TEXT), _AS_OF, problems="400 404",
        ),
        "/v1/checks/containment": _ask(
            "checkContainment", "Whether timeouts, retries, breakers and fallbacks would hold.",
            _json("Containment"), _query("environment", "An environment; all if none.", _TEXT),
            _SCOPE, _MOMENT, _AS_OF, problems="400 404",
        ),
        "/v1/affected/{id}": _ask(
            "affected", "How far a thing or a vulnerability reaches, down to what runs.",
            _json("Affected"), _ID, _MOMENT, _AS_OF, _WHAT[1], problems="400 404 409",
        ),
        "/v1/clocks": _ask(
            "clocks", "How far each producer's clock can be believed, in a window of hours.",
            _json("Clocks"), _query("since", "From then on; a day back if not given.", _DATE_TIME),
            _query("until", "Up to then; now if not given.", _DATE_TIME), problems="400",
        ),
        "/v1/rollback/{service}": _ask(
            "rollback", "The last reality that was good, and how to go back to it.",
            _json("Rollback"), _in_path("service", "What is to go back.", _TEXT),
            _query("environment", "Where.", _TEXT), _MOMENT, _AS_OF,
            _query("days", "How far back is looked.", {**_SIZE, "minimum": 1, "maximum": 3_660}),
            _query(
                "gone", "A value that is known to be nowhere; may be given several times.",
                {"type": "array", "items": _TEXT},
            ),
            problems="400 404",
        ),
        "/v1/touched/{id}": _ask(
            "touched", "What changed or wrote a table, dataset or column, newest first.",
            _json("Touched"), _ID, _query("since", "From then on; ever if not given.", _DATE_TIME),
            _query("until", "Before then.", _DATE_TIME), _AS_OF,
            _query("limit", "So many of the newest.", {**_SIZE, "minimum": 1, "maximum": 10_000}),
            problems="400 404",
        ),
        "/v1/catalog": _ask(
            "catalog", "Which services there are, whose they are, and who was heard of them.",
            _json("CatalogShown"), _query("service", "Only this one.", _TEXT), _MOMENT, _AS_OF,
            problems="400 404",
        ),
        "/v1/catalog/gaps": _ask(
            "catalogGaps", "Who should have sent what, and did not; how much is covered.",
            _json("Gaps"), _query("service", "Only this one.", _TEXT),
            _query("environment", "Only there.", _TEXT), _MOMENT, _AS_OF, problems="400 404",
        ),
        "/v1/health": _ask(
            "health", "How good the evidence is: every indicator, against its target.",
            _json("Health"), *_HEALTH, problems="400 404",
        ),
        "/v1/health/explain": _ask(
            "explainHealth", "What stands behind one indicator, and which fix closes most.",
            _json("HealthExplained"), _INDICATOR, *_HEALTH, problems="400 404",
        ),
        "/v1/health/history": _ask(
            "healthHistory", "One indicator at moments of the past, as it was known then.",
            _json("History"), _INDICATOR,
            _query("since", "The first moment.", _DATE_TIME, required=True),
            _query("until", "The last; now if not given.", _DATE_TIME),
            _query("step", "How far moments lie apart: `1d` if not given.", _TEXT),
            *_HEALTH[:4], problems="400 404 413",
        ),
        "/v1/reconcile": {
            "post": _operation(
                "reconcile", "What an inventory lists, against what the log holds.",
                {"200": _answer("Each difference, named.", _json("Reconciled"))},
                problems="400 404 413", parameters=(_MOMENT, _AS_OF), body=_json("Inventory"),
            )
        },
        "/v1/decide": {
            "post": _operation(
                "decide", "What a policy says of artifacts. Nothing is recorded.",
                {"200": _answer("A verdict each, in their order.", _json("Decided"))},
                problems="400 404 409 413", body=_json("Question"),
            )
        },
        "/v1/feeds/looks": {
            "post": _operation(
                "look", "That a feed of advisories was looked at, as the log signs it.",
                {"201": _answer("Recorded.", _json("LookMade"))},
                problems="400 413 422", body=_json("LookRequest"), role="admin",
            )
        },
        "/v1/siem": _ask(
            "siem", "What in the log concerns security, as OCSF or CEF, a line each; "
            "`X-Wherefrom-Next` is where to go on.",
            {"application/x-ndjson": {}, "text/plain": {}} | _json("SecurityPage"),
            _query("format", "How to write an event.", {"enum": ["ocsf", "cef"]}),
            _query("since", "From this record on; the first if not given.", _SIZE),
            _query("page", "As one JSON object, with where to go on.", _FLAG),
            problems="400",
        ),
        "/v1/policy/in-force": _ask(
            "policiesInForce", "Which policy decides in which environment, and by whose word.",
            {"application/json": {"schema": {"type": "array", "items": ref("Standing")}}},
            _query("environment", "Only there.", _TEXT), problems="",
        ),
        "/v1/policy/status": _ask(
            "policyStatus", "What runs where policies are in force, and what was signed of it.",
            _json("PolicyStatus"),
            _query("environment", "Only there.", _TEXT),
            _query("limit", "So many things; all are counted.",
                   {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1_000}),
            problems="400",
        ),
        "/v1/gate": {
            "post": _operation(
                "gate", "Whether an artifact may go in now, as a summary that the log signs.",
                {
                    "201": _answer("The verdict, and its summary.", _json("Gated")),
                    "200": _answer("One that counts was looked up.", _json("Gated")),
                },
                problems="400 404 409 413", body=_json("GateRequest"), role="record",
            )
        },
        "/v1/request/{id}": _ask(
            "request", "The way of a request, and what each hop was made of.",
            _json("RequestPath"),
            _in_path(
                "id", "A traceparent, a trace id, or the id that the request came with.", _TEXT
            ),
        ),
        "/v1/hours": _ask(
            "hours", "Sums by the hour of spans and samples whose time is over, the newest first.",
            _json("Hours"), *_TROUBLE[:2], *_TROUBLE[3:5], problems="400",
        ),
        "/v1/impact": _ask(
            "impact", "Where requests fail or are slow, and where that concentrates.",
            _json("Impact"), *_TROUBLE,
            _query("by", "Split by this; may be given several times.", {"enum": list(DIMENSIONS)}),
            problems="400 404 413",
        ),
        "/v1/canary/{service}": _ask(
            "canary", "Whether a canary does worse than what runs beside it, by a test that holds "
            "whenever it is asked.",
            _json("Canary"), _in_path("service", "Whose canary.", _TEXT),
            _query("environment", "Where.", _TEXT),
            _query("canary", "`LABEL=VALUE` or an artifact; else what came last.", _TEXT),
            _query("baseline", "Likewise; else all the rest.", _TEXT),
            _query("since", "From then on; else since the canary began.", _DATE_TIME),
            _query("until", "Nothing later is used; now if not given.", _DATE_TIME), _AS_OF,
            _query("alpha", "The chance of a false verdict.", {"type": "number"}),
            _query(
                "tolerate", "How much worse is borne, such as `failing=0.01`.",
                {"type": "array", "items": _TEXT},
            ),
            problems="400 404 413",
        ),
        "/v1/safe-mode/effect": _ask(
            "effect", "What a service's safe mode changed, by what was measured then.",
            _json("ModeEffect"), _query("service", "Whose safe mode.", _TEXT, required=True),
            _query("environment", "Where.", _TEXT, required=True),
            _query("name", "Which mode; the one entered last if not given.", _TEXT),
            _query("at", "Entered last by then.", _DATE_TIME),
            _query("window", "How long before and after is compared, such as `1h`.", _TEXT),
            problems="400 404 413",
        ),
        "/v1/alerts": _ask(
            "listAlerts", "The alerts that are open, and those of a window.", _json("AlertList"),
            *_ALERTED, problems="400 404",
        ),
        "/v1/objectives": _ask(
            "getObjectives", "How objectives stand, and what burns.", _json("ObjectiveStatus"),
            _query("name", "Only this one.", _TEXT), problems="404",
        ),
        "/v1/maintenances": _ask(
            "listMaintenances", "Maintenances that last, and those of a window.",
            _json("MaintenanceList"), *_ALERTED, problems="400 404",
        ),
        "/v1/responses": _ask(
            "listResponses", "What answered trouble, the newest first.", _json("ResponseList"),
            _query("service", "Only of this one.", _TEXT),
            _query("environment", "Only there.", _TEXT), _AS_OF,
            _query("limit", "So many of the newest.", {**_SIZE, "minimum": 1, "maximum": 1_000}),
            problems="400 404",
        ),
        "/v1/responses/{plan}": _ask(
            "showResponse", "One plan, and every record of what became of it.",
            _json("ResponseShown"),
            _in_path("plan", "Its digest, or how that begins.", _TEXT), _AS_OF,
            problems="400 404",
        ),
        "/v1/incidents": _ask(
            "listIncidents", "Which incidents there were, the newest first.",
            _json("IncidentList"), _query("service", "Only of this one.", _TEXT),
            _query("environment", "Only there.", _TEXT), _AS_OF,
            _query("open", "Only those that are open.", _FLAG),
            _query("limit", "So many of the newest.", {**_SIZE, "minimum": 1, "maximum": 1_000}),
            problems="400 404",
        ),
        "/v1/incidents/{id}": _ask(
            "showIncident", "One incident, and every record about it.", _json("IncidentShown"),
            _INCIDENT, _AS_OF, problems="400 404",
        ),
        "/v1/incidents/{id}/report": _ask(
            "reportIncident", "What happened, what was known when, what was uncertain, and what "
            "mends that.",
            {
                **_json("Postmortem"), "text/markdown": {"schema": _TEXT},
                "text/html": {"schema": _TEXT}, "application/pdf": {},
            },
            _INCIDENT, _AS_OF,
            _query("format", "How it is written.", {"enum": list(REPORT_FORMATS)}),
            problems="400 404 413",
        ),
        "/v1/incidents/{id}/evidence": _ask(
            "proveIncident", "Every record that its report rests on, to be checked without this "
            "server.",
            {"application/zip": {}}, _INCIDENT, _AS_OF, problems="400 404 409 413",
        ),
        "/v1/why": _ask(
            "why", "Which change did it, likeliest first, with the records behind each.",
            {"application/json": {"schema": {"anyOf": [ref("Why"), ref("WhyCaseFiles")]}}},
            *_TROUBLE, _query("at", "When it was detected, if no alert says so.", _DATE_TIME),
            _query(
                "format", "The answer, or the question as a why-case.", {"enum": ["json", "case"]}
            ),
            problems="400 404 413",
        ),
        "/v1/enrich": {
            "post": _operation(
                "enrich", "An alert in its own shape, with what is known of it; never an error "
                "that loses it.",
                {"200": _answer("The alert.", _ANY_JSON)}, problems="413", body=_ANY_JSON,
            )
        },
        "/v1/prove/{id}": _ask(
            "prove", "Evidence to be checked without this server.", _PROOF, _ID,
            _query("content", "With the contents: a zip.", _FLAG),
            _query("trace", "With all that its trace rests on: a zip.", _FLAG),
            _PROOF_FORMAT,
            problems="400 404 409",
        ),
        "/v1/proof-token/{id}": _ask(
            "makeProofToken", "A short reference to a thing or an entry, signed by the log.",
            _json("TokenMade"), _ID,
            _query("expires", "So long from now, `90m`, `30d`, or a time; else never.", _TEXT),
            problems="400 404 409 413",
        ),
        "/v1/verify/{id}": _ask(
            "verify", "Check every record that speaks of a thing.", _json("Report"), _ID,
            problems="400 404 409",
        ),
        "/v1/log": _ask(
            "getLog", "The log, and how far each view has come.", _json("LogStatus"), problems=""
        ),
        "/v1/log/keys": _public(
            "getLogKeys", "What the log signs with, and how each key was named by one before.",
            _json("LogKeysTold"),
        ) | {
            "post": _change(
                "changeLogKeys", "Replace or end a key that the log signs with, or plan it.",
                {"201": _answer("Done, and recorded.", _json("LogKeysTold"))}, "LogKeysRequest",
            )
        },
        "/v1/log/anchor": _ask(
            "getAnchor", "A checkpoint that others hold: the first over an entry, or the newest.",
            _json("Anchor"), _query("entry", "The index of the entry.", _SIZE), problems="400 404",
        ),
        "/v1/log/consistency": _ask(
            "getConsistency", "Hashes that show that a tree begins with an older one.",
            _json("Hashes") | {"application/cose": {}},
            _query("from", "The older size.", _SIZE, required=True),
            _query("to", "The newer size; of a receipt, the log's size now.", _SIZE),
            _query(
                "format", "Base64 hashes, or a COSE receipt (RFC 9942).",
                {"enum": ["json", "cose"], "default": "json"},
            ),
        ),
        "/v1/keys": keys | {
            "post": _change(
                "changeKey", "Trust, retire or revoke a key.", changed, "KeyRequest"
            )
        },
        "/v1/keys/{id}": _ask(
            "getKey", "A key, and every change that the log holds of it.", _json("KeyHistory"),
            _KEY, problems="404 409",
        ),
        "/v1/keys/{id}/lost": _ask(
            "lost", "What a key vouched for and no longer does, things that run first.",
            _json("Lost"), _KEY, problems="400 404",
        ),
        "/v1/keys/{id}/vouched": _ask(
            "vouched", "A page of the entries that a key vouches for now.", _json("Vouched"), _KEY,
            _query("from", "The entry to begin at.", _SIZE), problems="400 404 409",
        ),
        "/v1/intake": _ask(
            "getIntake", "The intake rules in force.", _json("IntakeTold"), problems=""
        ) | {
            "post": _change(
                "setIntake", "Other intake rules from now on, or a proposal of them.",
                {"201": _answer("Done, and recorded.", _json("IntakeChanged")),
                 "200": _answer("Proposed; nothing changed.", _json("Proposed"))},
                "IntakeRequest",
            )
        },
        "/v1/intake/simulate": {
            "post": _change(
                "simulateIntake", "What records in the log would have got under these rules.",
                {"200": _answer("The answer.", _json("Simulated"))}, "SimulateRequest",
            )
        },
        "/v1/intake/marks": _ask(
            "listMarks", "What came in and does not keep a rule that only marks.",
            _json("Marked"), *_OVER, problems="400 413",
        ),
        "/v1/roots": _ask(
            "getRoots", "The trusted root that Sigstore's signatures are judged under.",
            _json("RootsTold"),
            _query("version", "As this version said it; else the one in force.", _SIZE),
        ) | {
            "post": _change(
                "setRoot", "Another trusted root from now on, or a proposal of it.",
                {"201": _answer("Done, and recorded.", _json("RootChanged")),
                 "200": _answer("Proposed; nothing changed.", _json("Proposed"))},
                "RootRequest",
            )
        },
        "/v1/verdicts/renew": {
            "post": _operation(
                "renewVerdicts",
                "One more step of judging everything signed again; the last one has an `entry`.",
                {"200": _answer("How far it has come.", _json("Renewing"))}, role="admin",
            )
        },
        "/api/v1/lineage": _send(
            "lineage", "One OpenLineage event.", _fates("Item", several=False), _ANY_JSON
        ),
        "/api/v1/lineage/batch": _send(
            "lineageBatch", "OpenLineage events in an array.", _TAKEN, _ANY_JSON
        ),
        "/v1/events": _send(
            "events", "CloudEvents in structured mode, one or a batch, or one in binary mode: its "
            "attributes in `ce-` headers, its data the body, of any type.", _fates("Events"),
            {"application/cloudevents+json": {}, "application/cloudevents-batch+json": {}}
            | _ANY_JSON | {"*/*": {}},
        ),
        "/v1/webhooks/{adapter}": _send(
            "webhook", "What another system posts when something changes. GitHub, GitLab, "
            "LaunchDarkly, Flux, Pub/Sub and Event Grid show a secret of their own; all others "
            "send a token, which may be a password. What Event Grid asks first is answered.",
            _fates("Webhook"), _ANY_JSON, _ADAPTER,
            _query("secret", "Of Pub/Sub and Event Grid, which can set no header.", _TEXT),
            _query("pipeline", "Principals or user agents that changes of a cloud may come by, "
                   "patterns with `*`; may be given several times.", _TEXT),
            _query("source", "Who sends it, if the body does not say.", {"type": "string"}),
            *_PLACES, problems="404",
        ),
        "/api/v2/log/entries": {"post": _operation(
            "rekorEntry", "Log a signature as in a Rekor v2 log; a token may be a password.",
            {"201": _answer("It is new.", _json("LogEntry")),
             "200": _answer("It was known.", _json("LogEntry")),
             **{status: _answer(_PROBLEMS[status], _json("RekorError"))
                for status in ("400", "401", "403", "503")}},
            body=_json("RekorRequest"), role="record",
        )},
        "/api/v2/checkpoint": _rekor(
            "rekorCheckpoint", "The newest signed checkpoint of the Rekor tree.", text
        ),
        "/api/v2/tile/{path}": _rekor(
            "rekorTile", "A tile of the Rekor tree, or a bundle of its bodies.", octets,
            _in_path("path", "As C2SP tlog-tiles spells it, slashes and all.", _TEXT),
        ),
        "/entries": {"post": _operation(
            "registerStatement", "Register a SCITT signed statement; a token may be a password.",
            {"201": _located("It is new: its receipt.", _COSE),
             "200": _located("It was known: its receipt.", _COSE),
             "303": _located("It is registered; its receipt comes with the witnesses.", retry=True),
             **_concise("400 401 403 413 503")},
            body={"application/cose": {}, "application/scitt-statement+cose": {}}, role="record",
        )},
        "/entries/{index}": {"get": _operation(
            "getEntryReceipt", "A fresh receipt of a registered statement, or of any entry.",
            {"200": _located("The receipt.", _COSE),
             "302": _located("Its witnesses have not cosigned it yet.", retry=True),
             **_concise("400 401 403 404 503")}, parameters=(_INDEX,),
        )},
        "/entries/{index}/statement": {"get": _operation(
            "getStatement", "The transparent statement: the statement with a receipt in it.",
            {"200": _answer("The answer.", _COSE), **_concise("400 401 403 404 503")},
            parameters=(_INDEX,),
        )},
        "/.well-known/scitt-keys": _key_set(
            "scittKeys", "The keys that receipts are signed by: a COSE key set.", ""
        ),
        "/.well-known/scitt-keys/{kid}": _key_set(
            "scittKey", "One of them, by its id in base64url.", "404",
            _in_path("kid", "As a receipt names it.", _TEXT),
        ),
        "/.well-known/transparency-configuration": _key_set(
            "scittConfiguration", "Who signs receipts, and where its keys are.", ""
        ),
        "/checkpoint": _public(
            "getCheckpoint", "The newest signed checkpoint; of a log with witnesses, the last that "
            "they cosigned.", text,
        ),
        "/tile/{path}": _public(
            "getTile", "A tile, `0/x001/x234/067`, or an entry bundle, `entries/273.p/112`.",
            octets, _in_path("path", "As C2SP tlog-tiles spells it, slashes and all.", _TEXT),
        ),
        "/contents/{path}": _ask(
            "getContents", "What the entries of a bundle commit to: nonce and content of each.",
            octets, _in_path("path", "As of an entry bundle, `273.p/112`.", _TEXT),
            _query("from", "The entry of the bundle to begin at, from 0.", _SIZE),
            problems="400 404",
        ),
        "/healthz": _public("isAlive", "The server runs.", text),
        "/readyz": _public("isReady", "It answers questions too.", text),
        "/metrics": _public(
            "getMetrics", "Counters, in Prometheus's text format or as OpenMetrics.",
            text | {"application/openmetrics-text": {"schema": {"type": "string"}}},
        ),
        "/openapi.json": _public("getOpenapi", "This document.", {"application/json": {}}),
    }  # fmt: skip


@cache
def openapi() -> dict[str, Any]:
    """The document at ``/openapi.json``."""
    scheme = {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the roles `read`, `record` or `admin`: `wherefrom tokens new`.",
    }
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Wherefrom",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {"schemas": schemas(), "securitySchemes": {"bearer": scheme}},
    }
