"""The description, the page, the routes and the answers say the same."""

import json
import re
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

import jsonschema_rs
import pytest

from tests.folders import BUILDER
from tests.paths import REPOSITORY
from tests.rekords import request_of
from tests.served import event_bytes, ndjson
from tests.sigstore_world import world
from tests.unit.api.test_admin import a_key
from tests.unit.api.test_lineage import cloud_event
from tests.unit.formats.change_samples import CHANGES
from tests.unit.formats.test_otlp import TRACE, span
from tests.unit.formats.test_otlp import request as an_export
from tests.unit.formats.test_scitt import statement
from wherefrom.api.openapi import openapi
from wherefrom.api.problem_object import STATUSES
from wherefrom.capture import changes
from wherefrom.formats import cdevents, incident, release, response
from wherefrom.formats.anchor import Anchor
from wherefrom.formats.catalog import Catalog, to_statement
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.incident import IncidentStage
from wherefrom.formats.release import Code, Release
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import of_posix, to_text
from wherefrom.keys.cose import thumbprint
from wherefrom.keys.ed25519 import sign_note
from wherefrom.query import exports

A_MODE = "sha256:" + "5" * 64
METHODS = ("get", "post", "put", "delete", "patch")
PAGE = (REPOSITORY / "docs" / "http.md").read_text()


def operations():
    return {
        (method.upper(), path): operation
        for path, item in openapi()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def without_convertors(path):
    return re.sub(r":[a-z]+\}", "}", path)


def check(schema, value):
    """Raises if ``value`` is not as the schema of the document says."""
    whole = {**schema, "components": openapi()["components"]}
    jsonschema_rs.validator_for(whole).validate(value)


# -- the document


def test_every_route_is_described_and_every_description_has_a_route(server):
    routes = {
        (method, without_convertors(route.path))
        for route in server.app.routes
        for method in route.methods - {"HEAD"}
    }
    assert set(operations()) == routes


def test_the_reader_has_no_route_that_the_writer_does_not_pass_on(server):
    passed = {route.path for route in server.app.routes}
    assert {route.path for route in server.reader.routes} <= passed


def test_the_served_document_is_this_one(server):
    with server.as_() as anybody:
        assert anybody.get("/openapi.json").json() == json.loads(json.dumps(openapi()))


def test_every_operation_has_a_name_of_its_own_a_summary_and_its_parameters():
    ids = [operation["operationId"] for operation in operations().values()]
    assert len(ids) == len(set(ids))
    for (_, path), operation in operations().items():
        assert operation["summary"].endswith((".", "`."))
        named = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))
        assert set(operation["responses"]) & {"200", "201"}
        assert "503" in operation["responses"]


def test_every_reference_leads_somewhere_and_every_schema_is_used():
    text = json.dumps(openapi())
    used = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert used == set(openapi()["components"]["schemas"])


def test_every_schema_is_a_schema():
    for schema in openapi()["components"]["schemas"].values():
        jsonschema_rs.meta.validate(
            {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}
        )


def test_what_takes_a_token_says_which_role_it_must_have(server):
    for (method, path), operation in operations().items():
        asked = (
            path.replace("{index}", "0").replace("{id}", "entry:0").replace("{path}", "0/000.p/1")
        )
        for who, roles in {"reader": {"read"}, "sender": {"record"}, None: set()}.items():
            with server.as_(who) as client:
                status = client.request(method, asked).status_code
            needed = {role for scheme in operation["security"] for role in scheme["bearer"]}
            refused = 403 if who else 401
            assert (status == refused) == (not needed <= roles), (method, path, who, status)


# -- the answers


def an_anchor():
    """Over the first 50 entries of a log, unchecked as they are all when they are given out."""
    note = sign_note(Checkpoint("log.example/x", 50, bytes(32)).to_text(), name="x", key=BUILDER)
    return Anchor(note=note.decode(), key="a PEM", bundle={"mediaType": "x"})


def deployed():
    return cdevents.make(
        "service.deployed", "0.3.0", id="d1", source="/ci", timestamp="2026-01-01T12:00:00Z",
        subject="cart", content={"environment": {"id": "prod"}, "artifactId": "pkg:oci/cart@1"},
    )  # fmt: skip


def requests_of_all_kinds():
    event, other = event_bytes(1), event_bytes(2)
    pem = a_key()[1]
    yield "POST", "/v1/records", "/v1/records", event
    yield "POST", "/v1/records", "/v1/records?wait=proof", event
    yield "POST", "/v1/records", "/v1/records", b"[" + event + b"," + other + b"]"
    for body in (b"", b"{}", b"[]"):
        yield "POST", "/v1/records", "/v1/records", body
    yield "POST", "/v1/records", "/v1/records?wait=x", event
    yield "POST", "/api/v1/lineage", "/api/v1/lineage", event_bytes(3)
    for body in (event, b"{}", b"", b"[" + event + b"," + other + b"]"):
        yield "POST", "/api/v1/lineage", "/api/v1/lineage", body
    for body in (ndjson(range(40)), b"[" + event + b",{}]", b"[]"):
        yield "POST", "/api/v1/lineage/batch", "/api/v1/lineage/batch", body
    one = json.dumps(cloud_event(1)).encode()
    for body in (one, one, b"[" + one + b",{}]", event, b"{"):
        yield "POST", "/v1/events", "/v1/events", body
    hook = "/v1/webhooks/{adapter}"
    alert = json.dumps(CHANGES["alertmanager"]).encode()
    for body in (alert, alert, b"{}", b"[]", b"{"):
        yield "POST", hook, "/v1/webhooks/alertmanager?environment=prod", body
    audit = CHANGES["k8s_audit"]
    for items in ([audit], [audit, {**audit, "auditID": "b"}], [audit, 1]):
        listed = json.dumps({"kind": "EventList", "items": items}).encode()
        yield "POST", hook, "/v1/webhooks/kubernetes", listed
    yield "POST", hook, "/v1/webhooks/alertmanager?region=%00", alert
    yield "POST", hook, "/v1/webhooks/none", alert
    signed = statement()
    for body in (signed, signed, b"", b"{}"):
        yield "POST", "/entries", "/entries", body
    for index in ("1", "99999", "x"):
        yield "GET", "/entries/{index}", f"/entries/{index}", None
        yield "GET", "/entries/{index}/statement", f"/entries/{index}/statement", None
    yield "GET", "/entries/{index}/statement", "LOCATION/statement", None
    for kid in ("KID", "x"):
        yield "GET", "/.well-known/scitt-keys/{kid}", f"/.well-known/scitt-keys/{kid}", None
    for name in ("scitt-keys", "transparency-configuration"):
        yield "GET", f"/.well-known/{name}", f"/.well-known/{name}", None
    for index in ("1", "99999", "x"):
        for path in ("/v1/records/{index}", "/v1/records/{index}/content", "/v1/receipts/{index}"):
            yield "GET", path, path.replace("{index}", index), None
    for verb in ("trace", "show", "prove", "verify"):
        for id in ("entry:1", "s3://bucket/clean/1", "nothing", "raw/"):
            yield "GET", f"/v1/{verb}/{{id}}", f"/v1/{verb}/{id}", None
    for query in ("?to=entry:1", "?to=nothing", "?direction=down", "?depth=x", "?at=x",
                  *(f"?format={name}" for name in ("json", "tree", *exports.FORMATS))):  # fmt: skip
        yield "GET", "/v1/trace/{id}", "/v1/trace/s3://bucket/clean/1" + query, None
    for query in ("?content=1", "?trace=1"):
        yield "GET", "/v1/prove/{id}", "/v1/prove/entry:1" + query, None
    for query in ("", "?expires=30d", "?expires=soon"):
        yield "GET", "/v1/proof-token/{id}", "/v1/proof-token/entry:1" + query, None
    for query in ("?q=raw", "?q=", "?as_of=x", "?q=raw&as_of=99999"):
        yield "GET", "/v1/find", "/v1/find" + query, None
    for query in ("?from=1&to=2", "?from=2", "?from=2&to=99999"):
        yield "GET", "/v1/log/consistency", "/v1/log/consistency" + query, None
    for body in ({"action": "trust", "pem": pem, "names": ["a"]}, {"action": "x", "pem": pem}, {}):
        yield "POST", "/v1/keys", "/v1/keys", json.dumps(body).encode()
    yield "POST", "/v1/keys", "/v1/keys", b'{"action": "trust", "key": "k:none"}'
    yield "GET", "/v1/keys/{id}", "/v1/keys/k:none", None
    yield "GET", "/v1/keys/{id}", "/v1/keys/a", None
    yield "GET", "/v1/keys/{id}/lost", "/v1/keys/k:" + "0" * 32 + "/lost", None
    yield "GET", "/v1/keys/{id}/lost", "/v1/keys/a/lost", None
    for path in ("a/vouched", "a/vouched?from=2", "a/vouched?from=x", "none/vouched"):
        yield "GET", "/v1/keys/{id}/vouched", f"/v1/keys/{path}", None
    asked = json.dumps(request_of(b"described")).encode()
    for body in (asked, asked, b"{}", b"{", json.dumps(request_of(b"a", signed=b"b")).encode()):
        yield "POST", "/api/v2/log/entries", "/api/v2/log/entries", body
    yield "GET", "/api/v2/checkpoint", "/api/v2/checkpoint", None
    for path in ("0/000.p/1", "entries/000.p/1", "0/999", "x"):
        yield "GET", "/api/v2/tile/{path}", f"/api/v2/tile/{path}", None
    for path in ("/v1/receipts/1", "/v1/receipts/x", "/v1/prove/entry:1", "/v1/prove/nothing"):
        yield (
            "GET",
            path.rpartition("/")[0] + ("/{id}" if "prove" in path else "/{index}"),
            (path + "?format=cose"),
            None,
        )
    for query in ("?from=1&format=cose", "?from=0&format=cose", "?from=1&format=x"):
        yield "GET", "/v1/log/consistency", "/v1/log/consistency" + query, None
    for body in (b'{"to": "ed25519"}', b'{"to": "hv:key"}', b'{"to": "x"}', b"{}",
                 b'{"end": "00000000"}', b'{"every_days": -1}', b'{"every_days": 90}'):  # fmt: skip
        yield "POST", "/v1/log/keys", "/v1/log/keys", body
    yield "POST", "/v1/records", "/v1/records", json.dumps(deployed()).encode()
    entered = changes.place("safe_mode", "calm", A_MODE, Scope("prod", "cart"),
                            at=to_text(datetime.now(UTC)), source="/ci", told={})  # fmt: skip
    yield "POST", "/v1/records", "/v1/records", entered
    spans = json.dumps(an_export(span(1), span(2, traceId="x"), resource={"service.name": "a"}))
    for body in (spans.encode(), b"{}", b"[]", b"{"):
        yield "POST", "/v1/traces", "/v1/traces", body
    for body in (b'{"resourceMetrics": [1]}', b"{}", b"[]", b"{"):
        yield "POST", "/v1/metrics", "/v1/metrics", body
    head, row = "time,service,metric,value\n", f"{of_posix(int(time.time()))},cart,requests,9\n"
    for rows in (head + row, head, "x", head + "noon,cart,requests,1"):
        yield "POST", "/v1/series", "/v1/series", rows.encode()
    for query in ("", "?from=0&to=99999999999999&tags=deploy", "?from=x"):
        yield "GET", "/v1/annotations", "/v1/annotations" + query, None
    for query in ("", "?service=cart&since=2020-01-01T00:00:00Z", "?until=x"):
        yield "GET", "/v1/hours", "/v1/hours" + query, None
    for query in (
        "?service=cart&environment=prod",
        "?service=none&environment=prod",
        "",
        "?service=cart&environment=prod&window=x",
        "?service=cart&environment=nowhere",
    ):
        yield "GET", "/v1/safe-mode/effect", "/v1/safe-mode/effect" + query, None
    for path in ("/v1/impact", "/v1/why"):
        for query in ("", "?service=cart", "?service=nobody&environment=prod", "?alert=nothing",
                      "?alert=a1b2&since=x", "?as_of=0", "?since=2020-01-01T00:00:00Z",
                      ):  # fmt: skip
            yield "GET", path, path + query, None
    for query in ("?by=artifact&by=pool", "?by=x"):
        yield "GET", "/v1/impact", "/v1/impact" + query, None
    for query in ("?format=case", "?format=x", "?at=2020-01-01T00:00:00Z"):
        yield "GET", "/v1/why", "/v1/why" + query, None
    for path in ("pkg:oci/cart", "nothing", "CVE-2000-0001", "%00"):
        yield "GET", "/v1/affected/{id}", f"/v1/affected/{path}", None
    for path in ("s3://bucket/clean/0", "nothing", "%00"):
        yield "GET", "/v1/touched/{id}", f"/v1/touched/{path}", None
    for query in ("", "?since=2026-01-01T00:00:00Z", "?until=x"):
        yield "GET", "/v1/clocks", "/v1/clocks" + query, None
    released = release.to_statement(
        Release(name="a/b", version="1", released="2026-01-01T00:00:00.000000Z",
                code=Code(commit="c" * 40))
    )  # fmt: skip
    yield "POST", "/v1/records", "/v1/records", released
    for path in ("a%2Fb", "nothing", "%00", "a%2Fb?limit=0"):
        yield "GET", "/v1/releases/{name}", f"/v1/releases/{path}", None
    for path in ("a%2Fb/1", "a%2Fb/latest", "a%2Fb/2", "nothing/latest", "a/b/1"):
        yield "GET", "/v1/releases/{name}/{version}", f"/v1/releases/{path}", None
    for query in ("?a=a/b:1&b=a/b:latest", "?a=a/b:1", "?a=x&b=y", "?a=x:1&b=y:1"):
        yield "GET", "/v1/diff/releases", f"/v1/diff/releases{query}", None
    for query in ("?environment=prod", "?scope=prod/cart", "?environment=nowhere", "?as_of=x"):
        yield "GET", "/v1/checks/containment", f"/v1/checks/containment{query}", None
    looked = "environment=prod&since=2026-01-01T00:00:00Z&until=2026-01-01T01:00:00Z"
    for query in (f"{looked}&canary=pool%3Dcanary", f"{looked}&canary=x%3Dy", "?alpha=x"):
        yield "GET", "/v1/canary/{service}", f"/v1/canary/cart?{query}", None
    made = response.Plan(
        rule="back", rule_digest="sha256:" + "a" * 64, action="rollback", service="cart",
        environment="prod", made="2026-01-01T00:00:00.000000Z", trouble="by_hand",
        until="2026-01-01T01:00:00.000000Z", steps=[response.PlannedStep(argv=["true"])],
    )  # fmt: skip
    yield "POST", "/v1/records", "/v1/records", response.to_statement(response.asked(made))
    for query in ("", "?service=cart&limit=1", "?limit=0", "?as_of=x"):
        yield "GET", "/v1/responses", f"/v1/responses{query}", None
    for query in ("", "?service=cart&limit=1&since=2026-01-01T00:00:00Z", "?limit=0", "?as_of=x",
                  "?since=x", "?since=1970-01-01T00:00:00Z"):  # fmt: skip
        for path in ("/v1/alerts", "/v1/maintenances"):
            yield "GET", path, path + query, None
    for query in ("", "?name=a", "?name=b"):
        yield "GET", "/v1/objectives", f"/v1/objectives{query}", None
    for digest in (made.digest, made.digest[7:20], "0" * 64, "zz", "%00"):
        yield "GET", "/v1/responses/{plan}", f"/v1/responses/{digest}", None
    trouble = IncidentStage(
        incident="incident:x", stage="opened", at="2026-01-01T00:00:00.000000Z", service="cart",
        environment="prod", title="slow",
    )  # fmt: skip
    yield "POST", "/v1/records", "/v1/records", incident.to_statement(trouble)
    for query in ("", "?open=1", "?service=cart&limit=1", "?limit=0", "?as_of=x", "?open=x"):
        yield "GET", "/v1/incidents", f"/v1/incidents{query}", None
    for id in ("slow", "incident:x", "nobody", "slow?as_of=x", "%00"):
        yield "GET", "/v1/incidents/{id}", f"/v1/incidents/{id}", None
    for query in ("", "?format=markdown", "?format=html", "?format=pdf", "?format=x", "?as_of=99"):
        path = "/v1/incidents/{id}/report"
        yield "GET", path, f"/v1/incidents/slow/report{query}", None
    for id in ("slow", "nobody"):
        yield "GET", "/v1/incidents/{id}/evidence", f"/v1/incidents/{id}/evidence", None
    for query in ("", "?environment=prod", "?days=0", "?as_of=x", "?at=x"):
        yield "GET", "/v1/rollback/{service}", f"/v1/rollback/cart{query}", None
    for id in (TRACE, "nothing", "%00"):
        yield "GET", "/v1/request/{id}", f"/v1/request/{id}", None
    yield "POST", "/v1/records", "/v1/records", to_statement(Catalog(issued="2026-01-01T00:00:00Z"))
    an_inventory = {"kind": "list", "source": "x", "taken": "2026-01-01T00:00:00Z"}
    for inventory in ({**an_inventory, "listed": [{"what": "thing", "id": "sha256:0"}]}, {}):
        yield "POST", "/v1/reconcile", "/v1/reconcile", json.dumps(inventory).encode()
    for query in ("", "?format=cef", "?since=1&page=1", "?since=99999", "?format=x", "?since=x"):
        yield "GET", "/v1/siem", "/v1/siem" + query, None
    for body in (b'{"service": "cart"}', b"no alert"):
        yield "POST", "/v1/enrich", "/v1/enrich", body
    rules = {"name": "p", "version": "1", "rules": [{"name": "s", "needs": "sbom"}]}
    known = "sha256:" + "0" * 64
    for policy, artifact in (
        (rules, known),
        (rules, known),
        ({}, known),
        (rules, "nothing"),
        (known, known),
    ):
        asked = {"policy": policy, "environment": "prod"}
        for path, body in (
            ("/v1/decide", {**asked, "artifacts": [artifact], "explain": True}),
            ("/v1/gate", {**asked, "artifact": artifact}),
        ):
            yield "POST", path, path, json.dumps(body).encode()
    for body in (b"{", b'{"artifacts": [], "policy": {}}', b'{"artifact": 1}'):
        for path in ("/v1/decide", "/v1/gate"):
            yield "POST", path, path, body
    for query in ("", "?after=pkg:npm/x", "?after=%00", "?after=%ED%A0%80"):
        yield "GET", "/v1/packages", "/v1/packages" + query, None
    look = {"feed": "f", "at": "2026-01-01T00:00:00Z", "documents": 1, "recorded": 1}
    for body in (
        {"look": look, "digest": "sha256:" + "0" * 64},
        {"look": look, "digest": "0"},
        {"look": {**look, "recorded": 2}, "digest": "sha256:" + "0" * 64},
        {"look": {}, "digest": ""},
    ):
        yield "POST", "/v1/feeds/looks", "/v1/feeds/looks", json.dumps(body).encode()
    yield "POST", "/v1/gate", "/v1/gate", json.dumps({"artifact": known}).encode()
    yield "POST", "/v1/decide", "/v1/decide", json.dumps({"artifacts": [known]}).encode()
    for verb, query in (
        ("policy/in-force", ""),
        ("policy/in-force", "?environment=prod"),
        ("policy/status", ""),
        ("policy/status", "?environment=prod&limit=1"),
        ("policy/status", "?limit=0"),
        ("policy/status", "?limit=x"),
        ("running", ""),
        ("catalog", ""),
        ("catalog", "?service=nobody"),
        ("catalog/gaps", ""),
        ("running", "?scope=prod/cart&slot=artifact"),
        ("running", "?scope=nowhere"),
        ("drift", "?scope=prod"),
        ("drift", "?scope=prod%230"),
        ("drift", "?scope=nowhere"),
        ("changes", "?since=2020-01-01T00:00:00Z"),
        ("changes", "?limit=0"),
        ("changes", "?scope=nowhere"),
        ("diff", "?a=prod&b=prod~0"),
        ("diff", "?a=prod"),
        ("diff", "?a=prod&b=nowhere"),
    ):
        yield "GET", f"/v1/{verb}", f"/v1/{verb}{query}", None
    for path in ("/v1/health", "/v1/health/explain", "/v1/health/history"):
        for query in ("since=2026-01-01T00:00:00Z&step=52w", "at=x&since=x", "as_of=99999&since=x",
                      "indicator=N99&since=x", "as_of=x"):  # fmt: skip
            yield "GET", path, f"{path}?{query}", None
    for path in ("000.p/1", "000.p/99", "001", "x", "000.p/2?from=1", "000.p/1?from=x"):
        yield "GET", "/contents/{path}", f"/contents/{path}", None
    yield "GET", "/v1/trace/{id}", "/v1/trace/entry:1?own=1", None
    yield "GET", "/v1/log/keys", "/v1/log/keys", None
    for query in ("", "?entry=0", "?entry=99", "?entry=x"):
        yield "GET", "/v1/log/anchor", "/v1/log/anchor" + query, None
    rules = [{"name": "a", "kinds": ["sbom"], "least": "signed"}]
    for path, bodies in (
        ("/v1/intake/simulate", ({"rules": rules}, {"rules": [], "last": 99999}, {})),
        ("/v1/intake", ({"rules": rules}, {"rules": rules, "propose": True}, {}, {"envelope": {}})),
    ):
        for body in bodies:
            yield "POST", path, path, json.dumps(body).encode()
    root = json.dumps(world().root())
    for body in ({"trusted_root": root}, {"trusted_root": root, "propose": True},
                 {"trusted_root": "{}"}, {"warn_days": -1, "trusted_root": root}, {}):  # fmt: skip
        yield "POST", "/v1/roots", "/v1/roots", json.dumps(body).encode()
    for query in ("", "?version=1", "?version=99", "?version=x"):
        yield "GET", "/v1/roots", "/v1/roots" + query, None
    for query in ("", "?last=5", "?last=x", "?last=99999", "?since=x"):
        yield "GET", "/v1/intake/marks", "/v1/intake/marks" + query, None
    yield "POST", "/v1/verdicts/renew", "/v1/verdicts/renew", b""
    for index in ("1", "0", "99999", "x"):
        path = "/v1/records/{index}/erase"
        yield "POST", path, path.replace("{index}", index), b'{"reason": "asked to"}'
    yield "POST", "/v1/records/{index}/erase", "/v1/records/1/erase", b"{}"
    for path in ("/v1/log", "/v1/keys", "/v1/intake", "/v1/roots", "/checkpoint", "/healthz",
                 "/readyz", "/metrics", "/openapi.json"):  # fmt: skip
        yield "GET", path, path, None
    for tile in ("0/000.p/1", "entries/000.p/1", "9/999"):
        yield "GET", "/tile/{path}", "/tile/" + tile, None


def check_answer(operation, answer):
    status = str(answer.status_code)
    assert status in operation["responses"], (answer.request.url, status, answer.text)
    described = operation["responses"][status]
    for name, header in described.get("headers", {}).items():
        assert name in answer.headers or not header["required"]
    if "content" not in described:
        assert answer.content == b""
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in described["content"], (answer.request.url, status, media_type)
    if media_type.endswith(("/json", "+json")) and (
        schema := described["content"][media_type].get("schema")
    ):
        check(schema, answer.json())


def test_every_answer_is_as_it_is_described(server, client):
    seen, location = set(), ""
    objective = "{name: a, target: 99, service: cart, series: errors}"
    (server.folder.path / "objectives.yaml").write_text(f"objectives: [{objective}]")
    server.folder.anchors.keep(an_anchor())
    kid = urlsafe_b64encode(thumbprint(server.folder.log_vkey().public_key)).decode().rstrip("=")
    for method, path, asked, body in requests_of_all_kinds():
        server.fold()
        operation = operations()[method, path]
        kind = {"/entries": "application/cose", "/v1/series": "text/csv"}.get(
            path, "application/json"
        )
        headers = {"Content-Type": kind} if body is not None else {}
        asked = asked.replace("LOCATION", location).replace("KID", kid)
        answer = client.request(method, asked, content=body, headers=headers)
        check_answer(operation, answer)
        if path == "/entries" and answer.is_success:
            location = answer.headers["location"]
        if body and answer.is_success and "keys" in path + asked:
            check(
                operation["requestBody"]["content"]["application/json"]["schema"], json.loads(body)
            )
        seen.add((operation["operationId"], str(answer.status_code)))
    good = {
        (operation["operationId"], status)
        for operation in operations().values()
        for status in operation["responses"]
        if status[0] == "2"
    }
    assert good <= seen


def test_an_answer_that_is_not_as_described_is_found():
    with pytest.raises(jsonschema_rs.ValidationError, match="Additional properties"):
        check({"$ref": "#/components/schemas/Erased"}, {"erased": 1, "tombstone": 2, "more": 3})
    with pytest.raises(jsonschema_rs.ValidationError, match="required"):
        check({"$ref": "#/components/schemas/Problem"}, {"title": "no"})


# -- the page


def rows(section):
    """The cells of the first table under a heading, without its head."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_page_lists_every_route_with_its_role_and_its_good_answers():
    described = {}
    for (method, path), operation in operations().items():
        roles = [role for scheme in operation["security"] for role in scheme["bearer"]]
        good = {status for status in operation["responses"] if status[0] == "2"}
        described[f"`{method} {path}`"] = (roles[0] if roles else "–", good)
    listed = {route: (role, set(answers.split(", "))) for route, role, answers, _ in rows("Routes")}
    assert listed == described


def test_the_page_lists_every_code_under_its_status():
    listed = {
        code: int(status)
        for status, codes, _ in rows("Problems")
        for code in codes.replace("`", "").split(", ")
        if status not in ("408", "431")  # found before there is a request (``wire``)
    }
    others = {"not_authenticated": 401, "method_not_allowed": 405}
    assert listed == {**STATUSES, **others}
