"""Every route, in the order of docs/http.md: one entry each, one function a chapter."""

from __future__ import annotations

from wherefrom.api.openapi.operations import (
    ADAPTER,
    ALERTED,
    ANNOTATION,
    ANY_JSON,
    AS_OF,
    AT,
    COSE,
    DATE_TIME,
    ENCODING,
    FLAG,
    HEALTH,
    ID,
    INCIDENT,
    INDEX,
    INDICATOR,
    KEY,
    MILLISECONDS,
    MOMENT,
    OVER,
    OWN,
    PLACES,
    PROBLEMS,
    PROOF,
    PROOF_FORMAT,
    RECORDS,
    RELEASED,
    SCOPE,
    SIZE,
    TAKEN,
    TEXT,
    TRACE,
    TROUBLE,
    WAIT,
    WALK,
    WHAT,
    ask,
    change,
    concise,
    fates,
    in_path,
    in_query,
    json_of,
    key_set,
    located,
    operation_of,
    public,
    rekor,
    respond,
    send,
)
from wherefrom.api.postmortems import FORMATS as REPORT_FORMATS
from wherefrom.api.schemas import Schema, ref
from wherefrom.query.incident_answers import DIMENSIONS


def paths() -> dict[str, Schema]:
    """All of them."""
    chapters = (
        _recorded,
        _measured,
        _real,
        _judged,
        _troubled,
        _proven,
        _trusted,
        _foreign,
        _open_to_all,
    )
    return {path: route for chapter in chapters for path, route in chapter().items()}


def _recorded() -> dict[str, Schema]:
    """What is recorded, and what it says of where things come from."""
    erased = {"200": respond("Done, and recorded.", json_of("Erased"))}
    octets: Schema = {"application/octet-stream": {}}
    text = {"text/plain": {"schema": TEXT}}
    return {
        "/v1/records": send(
            "record", "Record what is in the body: one document, an array or JSON Lines.",
            fates("Recorded"), RECORDS, WAIT,
        ),
        "/v1/records/{index}": ask("getRecord", "One entry.", json_of("LogRecord"), INDEX),
        "/v1/records/{index}/content": ask(
            "getContent", "The exact bytes of a record.", octets, INDEX
        ),
        "/v1/records/{index}/erase": {
            "post": change(
                "erase", "Remove a content and its nonce; its entry and every proof stay.",
                erased, "EraseRequest", INDEX,
            )
        },
        "/v1/receipts/{index}": ask(
            "getReceipt", "A proof of one entry, the entry inside.",
            text | {"application/cose": {}}, INDEX, PROOF_FORMAT,
        ),
        "/v1/trace/{id}": ask(
            "trace", "Where a thing came from, or what came of it.",
            TRACE,
            ID, *WALK, problems="400 404 409",
        ),
        "/v1/show/{id}": ask(
            "show", "All that is said of a thing.", json_of("Shown"), ID, AT, AS_OF, OWN,
            problems="400 404 409",
        ),
        "/v1/find": ask(
            "find", "What a text may mean.", json_of("Found"),
            in_query(
                "q", "An id, tag or name, or how one begins; not blank.",
                {"type": "string", "minLength": 1}, required=True,
            ),
            AS_OF, OWN,
        ),
        "/v1/packages": ask(
            "packages", "A page of the packages that the log names, without versions.",
            json_of("Packages"),
            in_query("after", "Where the page before ended.", TEXT),
        ),
    }  # fmt: skip


def _measured() -> dict[str, Schema]:
    """What was measured: traces, metrics, series."""
    return {
        "/v1/traces": {
            "post": operation_of(
                "traces", "Spans of OpenTelemetry, as OTLP/HTTP has them.",
                {"200": respond(
                    "Taken; those that could not be read are counted.",
                    json_of("SpansTaken") | {"application/x-protobuf": {}},
                )},
                problems="400 413 415", parameters=(ENCODING,), role="record",
                body={"application/json": {}, "application/x-protobuf": {}},
            )
        },
        "/v1/metrics": {
            "post": operation_of(
                "metrics", "Metrics of OpenTelemetry, as OTLP/HTTP has them.",
                {"200": respond(
                    "Taken; points that could not be read are counted.",
                    json_of("MetricsTaken") | {"application/x-protobuf": {}},
                )},
                problems="400 413 415", parameters=(ENCODING,), role="record",
                body={"application/json": {}, "application/x-protobuf": {}},
            )
        },
        "/v1/series": {
            "post": operation_of(
                "series", "Measurements of services: rows as CSV or JSON Lines.",
                {"200": respond("Taken, all or none.", json_of("SeriesTaken"))},
                problems="400 413 415", parameters=(ENCODING,), role="record",
                body={"text/csv": {"schema": TEXT}, "application/x-ndjson": {"schema": TEXT}},
            )
        },
    }  # fmt: skip


def _real() -> dict[str, Schema]:
    """What runs, changed and is expected where."""
    return {
        "/v1/running": ask(
            "running", "What is declared and observed in a scope, now or at a time.",
            json_of("Running"), SCOPE, MOMENT, AS_OF, *WHAT,
            in_query("materials", "Also what the artifacts are made of.", {"type": "boolean"}),
            in_query("part", "The same, but only what holds this text.", TEXT),
            problems="400 404",
        ),
        "/v1/drift": ask(
            "drift", "The places of `running` where declared and observed differ.",
            json_of("Running"), SCOPE, MOMENT, AS_OF, *WHAT, problems="400 404",
        ),
        "/v1/changes": ask(
            "changes", "What changed in a scope in a window, newest first.", json_of("Changes"),
            SCOPE, in_query("since", "From then on; a day back if not given.", DATE_TIME),
            in_query("until", "Before then; now if not given.", DATE_TIME), AS_OF, *WHAT,
            in_query("limit", "So many of the newest.", {**SIZE, "minimum": 1, "maximum": 10_000}),
            problems="400 404",
        ),
        "/v1/annotations": ask(
            "annotations", "What changed, as Grafana's datasources of JSON read it.",
            {"application/json": {"schema": {"type": "array", "items": ANNOTATION}}},
            SCOPE, in_query("from", "Milliseconds since 1970; a day before `to`.", MILLISECONDS),
            in_query("to", "The same; now if not given.", MILLISECONDS),
            in_query("tags", "Only with all of these, divided by commas.", TEXT),
            in_query("limit", "Of so many of the newest changes.",
                   {**SIZE, "minimum": 1, "maximum": 1_000}),
            problems="400 404",
        ),
        "/v1/diff": ask(
            "diff", "How two scopes, or one at two times, differ.", json_of("Difference"),
            in_query("a", "A scope, as of `running`.", TEXT, required=True),
            in_query("b", "The other.", TEXT, required=True), AS_OF, *WHAT, problems="400 404",
        ),
        "/v1/diff/releases": ask(
            "diffReleases", "How two releases differ.", json_of("ReleaseDifference"),
            in_query("a", "`NAME:VERSION`; `latest` is a version too.", TEXT, required=True),
            in_query("b", "The other.", TEXT, required=True), AS_OF, problems="400 404",
        ),
        "/v1/releases/{name}": ask(
            "listReleases", "The releases of something, newest first.", json_of("Releases"),
            RELEASED, AS_OF,
            in_query("limit", "So many of the newest.", {**SIZE, "minimum": 1, "maximum": 1_000}),
            problems="400 404",
        ),
        "/v1/releases/{name}/{version}": ask(
            "showRelease", "What a release was made of, by every record that tells of it.",
            json_of("ReleaseShown"), RELEASED,
            in_path("version", "Its version, or `latest`.", TEXT), AS_OF, problems="400 404",
        ),
        "/v1/checks/containment": ask(
            "checkContainment", "Whether timeouts, retries, breakers and fallbacks would hold.",
            json_of("Containment"), in_query("environment", "An environment; all if none.", TEXT),
            SCOPE, MOMENT, AS_OF, problems="400 404",
        ),
        "/v1/affected/{id}": ask(
            "affected", "How far a thing or a vulnerability reaches, down to what runs.",
            json_of("Affected"), ID, MOMENT, AS_OF, WHAT[1], problems="400 404 409",
        ),
        "/v1/clocks": ask(
            "clocks", "How far each producer's clock can be believed, in a window of hours.",
            json_of("Clocks"),
            in_query("since", "From then on; a day back if not given.", DATE_TIME),
            in_query("until", "Up to then; now if not given.", DATE_TIME), problems="400",
        ),
        "/v1/rollback/{service}": ask(
            "rollback", "The last reality that was good, and how to go back to it.",
            json_of("Rollback"), in_path("service", "What is to go back.", TEXT),
            in_query("environment", "Where.", TEXT), MOMENT, AS_OF,
            in_query("days", "How far back is looked.", {**SIZE, "minimum": 1, "maximum": 3_660}),
            in_query(
                "gone", "A value that is known to be nowhere; may be given several times.",
                {"type": "array", "items": TEXT},
            ),
            problems="400 404",
        ),
        "/v1/touched/{id}": ask(
            "touched", "What changed or wrote a table, dataset or column, newest first.",
            json_of("Touched"), ID,
            in_query("since", "From then on; ever if not given.", DATE_TIME),
            in_query("until", "Before then.", DATE_TIME), AS_OF,
            in_query("limit", "So many of the newest.", {**SIZE, "minimum": 1, "maximum": 10_000}),
            problems="400 404",
        ),
        "/v1/catalog": ask(
            "catalog", "Which services there are, whose they are, and who was heard of them.",
            json_of("CatalogShown"), in_query("service", "Only this one.", TEXT), MOMENT, AS_OF,
            problems="400 404",
        ),
        "/v1/catalog/gaps": ask(
            "catalogGaps", "Who should have sent what, and did not; how much is covered.",
            json_of("Gaps"), in_query("service", "Only this one.", TEXT),
            in_query("environment", "Only there.", TEXT), MOMENT, AS_OF, problems="400 404",
        ),
    }  # fmt: skip


def _judged() -> dict[str, Schema]:
    """How good the evidence is, and what policies say of it."""
    return {
        "/v1/health": ask(
            "health", "How good the evidence is: every indicator, against its target.",
            json_of("Health"), *HEALTH, problems="400 404",
        ),
        "/v1/health/explain": ask(
            "explainHealth", "What stands behind one indicator, and which fix closes most.",
            json_of("HealthExplained"), INDICATOR, *HEALTH, problems="400 404",
        ),
        "/v1/health/history": ask(
            "healthHistory", "One indicator at moments of the past, as it was known then.",
            json_of("History"), INDICATOR,
            in_query("since", "The first moment.", DATE_TIME, required=True),
            in_query("until", "The last; now if not given.", DATE_TIME),
            in_query("step", "How far moments lie apart: `1d` if not given.", TEXT),
            *HEALTH[:4], problems="400 404 413",
        ),
        "/v1/reconcile": {
            "post": operation_of(
                "reconcile", "What an inventory lists, against what the log holds.",
                {"200": respond("Each difference, named.", json_of("Reconciled"))},
                problems="400 404 413", parameters=(MOMENT, AS_OF), body=json_of("Inventory"),
            )
        },
        "/v1/decide": {
            "post": operation_of(
                "decide", "What a policy says of artifacts. Nothing is recorded.",
                {"200": respond("A verdict each, in their order.", json_of("Decided"))},
                problems="400 404 409 413", body=json_of("Question"),
            )
        },
        "/v1/feeds/looks": {
            "post": operation_of(
                "look", "That a feed of advisories was looked at, as the log signs it.",
                {"201": respond("Recorded.", json_of("LookMade"))},
                problems="400 413 422", body=json_of("LookRequest"), role="admin",
            )
        },
        "/v1/siem": ask(
            "siem", "What in the log concerns security, as OCSF or CEF, a line each; "
            "`X-Wherefrom-Next` is where to go on.",
            {"application/x-ndjson": {}, "text/plain": {}} | json_of("SecurityPage"),
            in_query("format", "How to write an event.", {"enum": ["ocsf", "cef"]}),
            in_query("since", "From this record on; the first if not given.", SIZE),
            in_query("page", "As one JSON object, with where to go on.", FLAG),
            problems="400",
        ),
        "/v1/policy/in-force": ask(
            "policiesInForce", "Which policy decides in which environment, and by whose word.",
            {"application/json": {"schema": {"type": "array", "items": ref("Standing")}}},
            in_query("environment", "Only there.", TEXT), problems="",
        ),
        "/v1/policy/status": ask(
            "policyStatus", "What runs where policies are in force, and what was signed of it.",
            json_of("PolicyStatus"),
            in_query("environment", "Only there.", TEXT),
            in_query("limit", "So many things; all are counted.",
                   {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1_000}),
            MOMENT, AS_OF, problems="400 404",
        ),
        "/v1/gate": {
            "post": operation_of(
                "gate", "Whether an artifact may go in now, as a summary that the log signs.",
                {
                    "201": respond("The verdict, and its summary.", json_of("Gated")),
                    "200": respond("One that counts was looked up.", json_of("Gated")),
                },
                problems="400 404 409 413", body=json_of("GateRequest"), role="record",
            )
        },
    }  # fmt: skip


def _troubled() -> dict[str, Schema]:
    """Trouble: whom it concerns, why it is, what was done."""
    return {
        "/v1/request/{id}": ask(
            "request", "The way of a request, and what each hop was made of.",
            json_of("RequestPath"),
            in_path(
                "id", "A traceparent, a trace id, or the id that the request came with.", TEXT
            ),
        ),
        "/v1/hours": ask(
            "hours", "Sums by the hour of spans and samples whose time is over, the newest first.",
            json_of("Hours"), *TROUBLE[:2], *TROUBLE[3:5], problems="400",
        ),
        "/v1/impact": ask(
            "impact", "Where requests fail or are slow, and where that concentrates.",
            json_of("Impact"), *TROUBLE,
            in_query("by", "Split by this; may be given several times.",
                     {"enum": list(DIMENSIONS)}),
            problems="400 404 413",
        ),
        "/v1/canary/{service}": ask(
            "canary", "Whether a canary does worse than what runs beside it, by a test that holds "
            "whenever it is asked.",
            json_of("Canary"), in_path("service", "Whose canary.", TEXT),
            in_query("environment", "Where.", TEXT),
            in_query("canary", "`LABEL=VALUE` or an artifact; else what came last.", TEXT),
            in_query("baseline", "Likewise; else all the rest.", TEXT),
            in_query("since", "From then on; else since the canary began.", DATE_TIME),
            in_query("until", "Nothing later is used; now if not given.", DATE_TIME), AS_OF,
            in_query("alpha", "The chance of a false verdict.", {"type": "number"}),
            in_query(
                "tolerate", "How much worse is borne, such as `failing=0.01`.",
                {"type": "array", "items": TEXT},
            ),
            problems="400 404 413",
        ),
        "/v1/safe-mode/effect": ask(
            "effect", "What a service's safe mode changed, by what was measured then.",
            json_of("ModeEffect"), in_query("service", "Whose safe mode.", TEXT, required=True),
            in_query("environment", "Where.", TEXT, required=True),
            in_query("name", "Which mode; the one entered last if not given.", TEXT),
            in_query("at", "Entered last by then.", DATE_TIME),
            in_query("window", "How long before and after is compared, such as `1h`.", TEXT),
            problems="400 404 413",
        ),
        "/v1/alerts": ask(
            "listAlerts", "The alerts that are open, and those of a window.", json_of("AlertList"),
            *ALERTED, problems="400 404",
        ),
        "/v1/objectives": ask(
            "getObjectives", "How objectives stand, and what burns.", json_of("ObjectiveStatus"),
            in_query("name", "Only this one.", TEXT), problems="404",
        ),
        "/v1/maintenances": ask(
            "listMaintenances", "Maintenances that last, and those of a window.",
            json_of("MaintenanceList"), *ALERTED, problems="400 404",
        ),
        "/v1/responses": ask(
            "listResponses", "What answered trouble, the newest first.", json_of("ResponseList"),
            in_query("service", "Only of this one.", TEXT),
            in_query("environment", "Only there.", TEXT), AS_OF,
            in_query("limit", "So many of the newest.", {**SIZE, "minimum": 1, "maximum": 1_000}),
            problems="400 404",
        ),
        "/v1/responses/{plan}": ask(
            "showResponse", "One plan, and every record of what became of it.",
            json_of("ResponseShown"),
            in_path("plan", "Its digest, or how that begins.", TEXT), AS_OF,
            problems="400 404",
        ),
        "/v1/incidents": ask(
            "listIncidents", "Which incidents there were, the newest first.",
            json_of("IncidentList"), in_query("service", "Only of this one.", TEXT),
            in_query("environment", "Only there.", TEXT), AS_OF,
            in_query("open", "Only those that are open.", FLAG),
            in_query("limit", "So many of the newest.", {**SIZE, "minimum": 1, "maximum": 1_000}),
            problems="400 404",
        ),
        "/v1/incidents/{id}": ask(
            "showIncident", "One incident, and every record about it.", json_of("IncidentShown"),
            INCIDENT, AS_OF, problems="400 404",
        ),
        "/v1/incidents/{id}/report": ask(
            "reportIncident", "What happened, what was known when, what was uncertain, and what "
            "mends that.",
            {
                **json_of("Postmortem"), "text/markdown": {"schema": TEXT},
                "text/html": {"schema": TEXT}, "application/pdf": {},
            },
            INCIDENT, AS_OF,
            in_query("format", "How it is written.", {"enum": list(REPORT_FORMATS)}),
            problems="400 404 413",
        ),
        "/v1/incidents/{id}/evidence": ask(
            "proveIncident", "Every record that its report rests on, to be checked without this "
            "server.",
            {"application/zip": {}}, INCIDENT, AS_OF, problems="400 404 409 413",
        ),
        "/v1/why": ask(
            "why", "Which change did it, likeliest first, with the records behind each.",
            {"application/json": {"schema": {"anyOf": [ref("Why"), ref("WhyCaseFiles")]}}},
            *TROUBLE, in_query("at", "When it was detected, if no alert says so.", DATE_TIME),
            in_query(
                "format", "The answer, or the question as a why-case.", {"enum": ["json", "case"]}
            ),
            problems="400 404 413",
        ),
        "/v1/enrich": {
            "post": operation_of(
                "enrich", "An alert in its own shape, with what is known of it; never an error "
                "that loses it.",
                {"200": respond("The alert.", ANY_JSON)}, problems="413", body=ANY_JSON,
            )
        },
    }  # fmt: skip


def _proven() -> dict[str, Schema]:
    """Proofs, and the log that they are of."""
    return {
        "/v1/prove/{id}": ask(
            "prove", "Evidence to be checked without this server.", PROOF, ID,
            in_query("content", "With the contents: a zip.", FLAG),
            in_query("trace", "With all that its trace rests on: a zip.", FLAG),
            PROOF_FORMAT,
            problems="400 404 409",
        ),
        "/v1/proof-token/{id}": ask(
            "makeProofToken", "A short reference to a thing or an entry, signed by the log.",
            json_of("TokenMade"), ID,
            in_query("expires", "So long from now, `90m`, `30d`, or a time; else never.", TEXT),
            problems="400 404 409 413",
        ),
        "/v1/verify/{id}": ask(
            "verify", "Check every record that speaks of a thing.", json_of("Report"), ID,
            problems="400 404 409",
        ),
        "/v1/log": ask(
            "getLog", "The log, and how far each view has come.", json_of("LogStatus"), problems=""
        ),
        "/v1/log/keys": public(
            "getLogKeys", "What the log signs with, and how each key was named by one before.",
            json_of("LogKeysTold"),
        ) | {
            "post": change(
                "changeLogKeys", "Replace or end a key that the log signs with, or plan it.",
                {"201": respond("Done, and recorded.", json_of("LogKeysTold"))}, "LogKeysRequest",
            )
        },
        "/v1/log/anchor": ask(
            "getAnchor", "A checkpoint that others hold: the first over an entry, or the newest.",
            json_of("Anchor"), in_query("entry", "The index of the entry.", SIZE),
            problems="400 404",
        ),
        "/v1/log/consistency": ask(
            "getConsistency", "Hashes that show that a tree begins with an older one.",
            json_of("Hashes") | {"application/cose": {}},
            in_query("from", "The older size.", SIZE, required=True),
            in_query("to", "The newer size; of a receipt, the log's size now.", SIZE),
            in_query(
                "format", "Base64 hashes, or a COSE receipt (RFC 9942).",
                {"enum": ["json", "cose"], "default": "json"},
            ),
        ),
    }  # fmt: skip


def _trusted() -> dict[str, Schema]:
    """Whose word counts, and who may record what."""
    keys = ask("listKeys", "Every key that a record has named.", json_of("Keys"), AS_OF)
    changed = {"201": respond("Done, and recorded.", json_of("KeyChanged"))}
    return {
        "/v1/keys": keys | {
            "post": change(
                "changeKey", "Trust, retire or revoke a key.", changed, "KeyRequest"
            )
        },
        "/v1/keys/{id}": ask(
            "getKey", "A key, and every change that the log holds of it.", json_of("KeyHistory"),
            KEY, problems="404 409",
        ),
        "/v1/keys/{id}/lost": ask(
            "lost", "What a key vouched for and no longer does, things that run first.",
            json_of("Lost"), KEY, problems="400 404",
        ),
        "/v1/keys/{id}/vouched": ask(
            "vouched", "A page of the entries that a key vouches for now.", json_of("Vouched"), KEY,
            in_query("from", "The entry to begin at.", SIZE), problems="400 404 409",
        ),
        "/v1/intake": ask(
            "getIntake", "The intake rules in force.", json_of("IntakeTold"), problems=""
        ) | {
            "post": change(
                "setIntake", "Other intake rules from now on, or a proposal of them.",
                {"201": respond("Done, and recorded.", json_of("IntakeChanged")),
                 "200": respond("Proposed; nothing changed.", json_of("Proposed"))},
                "IntakeRequest",
            )
        },
        "/v1/intake/simulate": {
            "post": change(
                "simulateIntake", "What records in the log would have got under these rules.",
                {"200": respond("The answer.", json_of("Simulated"))}, "SimulateRequest",
            )
        },
        "/v1/intake/marks": ask(
            "listMarks", "What came in and does not keep a rule that only marks.",
            json_of("Marked"), *OVER, problems="400 413",
        ),
        "/v1/roots": ask(
            "getRoots", "The trusted root that Sigstore's signatures are judged under.",
            json_of("RootsTold"),
            in_query("version", "As this version said it; else the one in force.", SIZE),
        ) | {
            "post": change(
                "setRoot", "Another trusted root from now on, or a proposal of it.",
                {"201": respond("Done, and recorded.", json_of("RootChanged")),
                 "200": respond("Proposed; nothing changed.", json_of("Proposed"))},
                "RootRequest",
            )
        },
        "/v1/verdicts/renew": {
            "post": operation_of(
                "renewVerdicts",
                "One more step of judging everything signed again; the last one has an `entry`.",
                {"200": respond("How far it has come.", json_of("Renewing"))}, role="admin",
            )
        },
    }  # fmt: skip


def _foreign() -> dict[str, Schema]:
    """What clients of others speak: OpenLineage, CloudEvents, Rekor, SCITT."""
    octets: Schema = {"application/octet-stream": {}}
    text = {"text/plain": {"schema": TEXT}}
    return {
        "/api/v1/lineage": send(
            "lineage", "One OpenLineage event.", fates("Item", several=False), ANY_JSON
        ),
        "/api/v1/lineage/batch": send(
            "lineageBatch", "OpenLineage events in an array.", TAKEN, ANY_JSON
        ),
        "/v1/events": send(
            "events", "CloudEvents in structured mode, one or a batch, or one in binary mode: its "
            "attributes in `ce-` headers, its data the body, of any type.", fates("Events"),
            {"application/cloudevents+json": {}, "application/cloudevents-batch+json": {}}
            | ANY_JSON | {"*/*": {}},
        ),
        "/v1/webhooks/{adapter}": send(
            "webhook", "What another system posts when something changes. GitHub, GitLab, "
            "LaunchDarkly, Flux, Pub/Sub and Event Grid show a secret of their own; all others "
            "send a token, which may be a password. What Event Grid asks first is answered.",
            fates("Webhook"), ANY_JSON, ADAPTER,
            in_query("secret", "Of Pub/Sub and Event Grid, which can set no header.", TEXT),
            in_query("pipeline", "Principals or user agents that changes of a cloud may come by, "
                   "patterns with `*`; may be given several times.", TEXT),
            in_query("source", "Who sends it, if the body does not say.", {"type": "string"}),
            *PLACES, problems="404",
        ),
        "/api/v2/log/entries": {"post": operation_of(
            "rekorEntry", "Log a signature as in a Rekor v2 log; a token may be a password.",
            {"201": respond("It is new.", json_of("LogEntry")),
             "200": respond("It was known.", json_of("LogEntry")),
             **{status: respond(PROBLEMS[status], json_of("RekorError"))
                for status in ("400", "401", "403", "503")}},
            body=json_of("RekorRequest"), role="record",
        )},
        "/api/v2/checkpoint": rekor(
            "rekorCheckpoint", "The newest signed checkpoint of the Rekor tree.", text
        ),
        "/api/v2/tile/{path}": rekor(
            "rekorTile", "A tile of the Rekor tree, or a bundle of its bodies.", octets,
            in_path("path", "As C2SP tlog-tiles spells it, slashes and all.", TEXT),
        ),
        "/entries": {"post": operation_of(
            "registerStatement", "Register a SCITT signed statement; a token may be a password.",
            {"201": located("It is new: its receipt.", COSE),
             "200": located("It was known: its receipt.", COSE),
             "303": located("It is registered; its receipt comes with the witnesses.", retry=True),
             **concise("400 401 403 413 503")},
            body={"application/cose": {}, "application/scitt-statement+cose": {}}, role="record",
        )},
        "/entries/{index}": {"get": operation_of(
            "getEntryReceipt", "A fresh receipt of a registered statement, or of any entry.",
            {"200": located("The receipt.", COSE),
             "302": located("Its witnesses have not cosigned it yet.", retry=True),
             **concise("400 401 403 404 503")}, parameters=(INDEX,),
        )},
        "/entries/{index}/statement": {"get": operation_of(
            "getStatement", "The transparent statement: the statement with a receipt in it.",
            {"200": respond("The answer.", COSE), **concise("400 401 403 404 503")},
            parameters=(INDEX,),
        )},
        "/.well-known/scitt-keys": key_set(
            "scittKeys", "The keys that receipts are signed by: a COSE key set.", ""
        ),
        "/.well-known/scitt-keys/{kid}": key_set(
            "scittKey", "One of them, by its id in base64url.", "404",
            in_path("kid", "As a receipt names it.", TEXT),
        ),
        "/.well-known/transparency-configuration": key_set(
            "scittConfiguration", "Who signs receipts, and where its keys are.", ""
        ),
    }  # fmt: skip


def _open_to_all() -> dict[str, Schema]:
    """The log itself, and the server."""
    octets: Schema = {"application/octet-stream": {}}
    text = {"text/plain": {"schema": TEXT}}
    return {
        "/checkpoint": public(
            "getCheckpoint", "The newest signed checkpoint; of a log with witnesses, the last that "
            "they cosigned.", text,
        ),
        "/tile/{path}": public(
            "getTile", "A tile, `0/x001/x234/067`, or an entry bundle, `entries/273.p/112`.",
            octets, in_path("path", "As C2SP tlog-tiles spells it, slashes and all.", TEXT),
        ),
        "/contents/{path}": ask(
            "getContents", "What the entries of a bundle commit to: nonce and content of each.",
            octets, in_path("path", "As of an entry bundle, `273.p/112`.", TEXT),
            in_query("from", "The entry of the bundle to begin at, from 0.", SIZE),
            problems="400 404",
        ),
        "/healthz": public("isAlive", "The server runs.", text),
        "/readyz": public("isReady", "It answers questions too.", text),
        "/metrics": public(
            "getMetrics", "Counters, in Prometheus's text format or as OpenMetrics.",
            text | {"application/openmetrics-text": {"schema": {"type": "string"}}},
        ),
        "/openapi.json": public("getOpenapi", "This document.", {"application/json": {}}),
    }  # fmt: skip
