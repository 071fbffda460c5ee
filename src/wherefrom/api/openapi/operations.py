"""What the description of a route is made of: parameters, bodies, answers, and what goes without
saying of each kind of route."""

from __future__ import annotations

from typing import Final

from wherefrom.api.problems import MEDIA_TYPE
from wherefrom.api.schemas import Schema, ref
from wherefrom.formats import webhooks
from wherefrom.formats.states import MODES, SLOTS, Scope
from wherefrom.query import exports

ANY_JSON: Final[Schema] = {"application/json": {}}
TEXT: Final[Schema] = {"type": "string"}


def json_of(name: str) -> Schema:
    return {"application/json": {"schema": ref(name)}}


def respond(description: str, content: Schema | None = None) -> Schema:
    return {"description": description, **({"content": content} if content else {})}


def in_query(name: str, description: str, schema: Schema, *, required: bool = False) -> Schema:
    return {
        "name": name, "in": "query", "description": description, "schema": schema,
        "required": required,
    }  # fmt: skip


def in_path(name: str, description: str, schema: Schema) -> Schema:
    return {
        "name": name, "in": "path", "description": description, "schema": schema, "required": True
    }  # fmt: skip


SIZE: Final = {"type": "integer", "minimum": 0}
INDEX: Final = in_path("index", "The entry's index, from 0.", SIZE)
KEY: Final = in_path("id", "The id of a key.", {"type": "string", "minLength": 1})
ID: Final = in_path(
    "id",
    "A digest, commit, package URL, `name:tag`, dataset, job, run, URI or `entry:N`, in any "
    "spelling, percent-encoded or as it is.",
    TEXT,
)
INCIDENT: Final = in_path(
    "id", "Its id, its title, or its alert's name or fingerprint; the newest called so.", TEXT
)
RELEASED: Final = in_path("name", "What is released; a slash in it is `%2F`.", TEXT)
AT: Final = in_query(
    "at", "Only what is dated up to then, RFC 3339.", {"type": "string", "format": "date-time"}
)
AS_OF: Final = in_query("as_of", "Only entries below this log size, as trusted then.", SIZE)
OWN: Final = in_query(
    "own", "As our own log knows it, without those it follows.", {"enum": ["0", "1"]}
)
DATE_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
MILLISECONDS: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 99_999_999_999_999}
ANNOTATION: Final[Schema] = {
    "type": "object",
    "required": ["time", "timeEnd", "isRegion", "title", "text", "tags"],
    "properties": {
        "time": MILLISECONDS,
        "timeEnd": MILLISECONDS,
        "isRegion": {"type": "boolean"},
        "title": TEXT,
        "text": TEXT,
        "tags": {"type": "array", "items": TEXT},
    },
    "additionalProperties": False,
}
SCOPE: Final = in_query(
    "scope",
    "`ENVIRONMENT/SERVICE/REGION/POOL/INSTANCE` as far as wanted, or a service; `@{TIME}`, `~N` "
    "or `#N` at its end. All if not given.",
    TEXT,
)
MOMENT: Final = in_query("at", "As it was then; now if not given.", DATE_TIME)
HEALTH: Final = (
    in_query("environment", "Only there.", TEXT), in_query("service", "Only this one.", TEXT),
    in_query("kind", "Only of this kind.", TEXT), in_query("trust", "Only of this level.", TEXT),
    MOMENT, AS_OF,
)  # fmt: skip
INDICATOR: Final = in_query("indicator", "By its id or name; `N1` if none.", TEXT)
ALERTED: Final = (
    in_query("environment", "Only there.", TEXT), in_query("service", "Only this one.", TEXT),
    in_query("since", "From when on; only what is open now if not given.", DATE_TIME),
    in_query("until", "Up to when; now if not given.", DATE_TIME), AS_OF,
    in_query("limit", "So many at most.", {**SIZE, "minimum": 1, "maximum": 1_000}),
)  # fmt: skip
WHAT: Final = (
    in_query("slot", "Only these.", {"type": "array", "items": {"enum": list(SLOTS)}}),
    in_query("mode", "Only what was decided, or only what was seen.", {"enum": list(MODES)}),
)
WALK: Final = (
    in_query("direction", "To causes, or to effects.", {"enum": ["up", "down"], "default": "up"}),
    in_query("depth", "How many edges away at most.", SIZE),
    in_query("kind", "Show only things of these kinds.", {"type": "array", "items": TEXT}),
    in_query("to", "Answer with the shortest way to this thing instead.", TEXT),
    OWN,
    in_query(
        "format",
        "How to write the answer.",
        {"enum": ["json", *exports.FORMATS], "default": "json"},
    ),
    AT,
    AS_OF,
)
OVER: Final = (
    in_query(
        "since", "Records received from then on, RFC 3339.",
        {"type": "string", "format": "date-time"},
    ),
    in_query("last", "So many of the newest entries; 1,000.", SIZE),
)  # fmt: skip
FLAG: Final[Schema] = {"enum": ["0", "1"], "default": "0"}
ENCODING: Final = {
    "name": "Content-Encoding",
    "in": "header",
    "description": "May be left out: the first bytes decide.",
    "schema": {"enum": ["identity", "gzip", "zstd", "bzip2"]},
}
PROBLEMS: Final = {
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


def problem_of(status: str) -> Schema:
    answer = respond(PROBLEMS[status], {MEDIA_TYPE: {"schema": ref("Problem")}})
    if status == "503":
        retry = {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}
        answer["headers"] = {"Retry-After": retry}
    return answer


def operation_of(
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
        "responses": answers | {s: problem_of(s) for s in statuses if s not in answers},
    }
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def ask(
    name: str, summary: str, content: Schema, *parameters: Schema, problems: str = "400 404"
) -> Schema:
    """A question that takes a token with the role ``read``."""
    answers = {"200": respond("The answer.", content)}
    return {"get": operation_of(name, summary, answers, problems=problems, parameters=parameters)}


def public(name: str, summary: str, content: Schema, *parameters: Schema) -> Schema:
    """A question that anybody may ask."""
    problems = "404" if parameters else ""
    answers = {"200": respond("The answer.", content)}
    return {
        "get": operation_of(
            name, summary, answers, problems=problems, parameters=parameters, role=None
        )
    }


def rekor(name: str, summary: str, content: Schema, *parameters: Schema) -> Schema:
    """As ``_public``; errors are Rekor's."""
    asked = public(name, summary, content, *parameters)
    for status in ("404", "503"):
        if status in asked["get"]["responses"]:
            told = respond(PROBLEMS[status], json_of("RekorError"))
            asked["get"]["responses"][status] = told
    return asked


def send(
    name: str,
    summary: str,
    answers: dict[str, Schema],
    body: Schema,
    *parameters: Schema,
    problems: str = "",
) -> Schema:
    """What takes a token with the role ``record``; a refusal says what became of each record."""
    return {
        "post": operation_of(
            name, summary, answers, problems=f"400 413 415 422 {problems}", body=body,
            parameters=(ENCODING, *parameters), role="record",
        )
    }  # fmt: skip


def change(name: str, summary: str, answers: dict[str, Schema], body: str, *p: Schema) -> Schema:
    problems = "400 404 409 413"
    return operation_of(
        name, summary, answers, problems=problems, body=json_of(body), parameters=p, role="admin"
    )


def fates(schema: str, *, several: bool = True) -> dict[str, Schema]:
    """All new, all known, some of each or some refused; and each way that all can be refused."""
    said = json_of(schema)
    refused = said | {MEDIA_TYPE: {"schema": ref("Problem")}}
    return {
        "201": respond("All of them are new.", said),
        "200": respond("All of them were known.", said),
        **({"207": respond("Some of each, or some were refused.", said)} if several else {}),
        **{s: respond(PROBLEMS[s], refused) for s in ("400", "403", "413", "415", "422")},
    }


RECORDS: Final[Schema] = {
    "application/json": {},
    "application/x-ndjson": {"schema": TEXT},
    "application/gzip": {},
    "application/zstd": {},
    "application/x-bzip2": {},
}
WAIT: Final = in_query(
    "wait", "`proof` adds each record's receipt, a tlog-proof, to its item.", {"enum": ["proof"]}
)
ADAPTER: Final = in_path("adapter", "What posts.", {"enum": sorted(webhooks.ADAPTERS)})
PLACES: Final = tuple(
    in_query(
        part, "Where it is of, if the body does not say.", {"type": "string", "maxLength": 256}
    )
    for part in Scope._fields
)
TAKEN: Final = {
    "204": respond("All of them were taken."),
    "200": respond("Some were refused; the others are recorded.", json_of("LineageSummary")),
}
TRACE: Final[Schema] = {
    **{export.media_type: {"schema": TEXT} for export in exports.FORMATS.values()},
    "application/json": {"schema": {"anyOf": [ref("Trace"), ref("Path"), ref("ProvJson")]}},
}
PROOF: Final = {
    "text/plain": {"schema": TEXT},
    "application/cose": {},
    "application/zip": {},
}
PROOF_FORMAT: Final = in_query(
    "format",
    "What proves one entry: a tlog-proof, or a COSE receipt (RFC 9942).",
    {"enum": ["tlog-proof", "cose"], "default": "tlog-proof"},
)
COSE: Final[Schema] = {"application/cose": {}}


def concise(statuses: str) -> dict[str, Schema]:
    """Errors as SCITT's clients expect them: concise problem details (RFC 9290)."""
    answers = {}
    for status in statuses.split():
        answers[status] = problem_of(status)
        answers[status]["content"] = {"application/concise-problem-details+cbor": {}}
    return answers


def located(description: str, content: Schema | None = None, *, retry: bool = False) -> Schema:
    answer = respond(description, content)
    answer["headers"] = {
        "Location": {"description": "Where a receipt is.", "schema": TEXT, "required": True}
    }
    if retry:
        seconds = {"description": "Seconds.", "schema": {"type": "integer"}, "required": True}
        answer["headers"]["Retry-After"] = seconds
    return answer


def key_set(name: str, summary: str, problems: str, *parameters: Schema) -> Schema:
    answers = {"200": respond("The answer.", {"application/cbor": {}})}
    told = concise(f"{problems} 503")
    return {"get": operation_of(name, summary, answers | told, parameters=parameters, role=None)}


TROUBLE: Final = (
    in_query("service", "Where it hurts.", TEXT),
    in_query("environment", "Only there.", TEXT),
    in_query("alert", "An incident: its id, its alert's name or fingerprint.", TEXT),
    in_query("since", "From then on.", DATE_TIME),
    in_query("until", "Nothing later is used; now if not given.", DATE_TIME),
    AS_OF,
)
