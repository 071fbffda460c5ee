"""Every operation of the served description, asked as it says and as it does not, by schemathesis.

    /openapi.json of a real server ──► requests that fit it, and that break it ──► as described?

Whatever is sent, with a token and without: no 500, a status and a media type that the operation
names, headers and bodies as their schemas say. ``make fuzz`` asks far more of them.
"""

import json
import os
import re
from urllib.parse import unquote

import cbor2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.folders import BUILDER, envelope, public, statement
from tests.served import ServerProcess, event_bytes
from tests.unit.formats.change_samples import CHANGES
from tests.unit.formats.test_scitt import statement as signed_statement
from wherefrom.api.openapi import openapi

EXAMPLES = int(os.environ.get("WHEREFROM_SCHEMA_EXAMPLES", "12"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
OPERATIONS = sorted(
    operation["operationId"] for item in openapi()["paths"].values() for operation in item.values()
)
DOTS = re.compile(r"(^|/)\.\.(/|$)")
# What generated values would never hit.
KNOWN = {
    "index": ["0", "1", "2", "3", "01", "-1", "9" * 30, "٣"],
    "id": ["entry:1", "app", "dataset:s3%3A//bucket:raw%2F1", "sha256:6170", "raw/1", "%00", ".."],
    "adapter": ["github", "alertmanager", "kubernetes", "flagd", "none", "%00"],
    "name": ["cart", "nothing", "a%2Fb", "%00"],
    "version": ["1", "latest", "%00"],
    "kid": ["x", "%00", "a" * 43],
    "service": ["cart", "nothing", "a%2Fb", "%00"],
    "plan": ["0" * 64, "00000000", "sha256:0", "%00"],
    "path": ["0/000.p/1", "entries/000.p/2", "0/000", "..", "9/999", "entries/x001/000"],
}
STATEMENTS = [signed_statement(), signed_statement(claims=None), b"\xd2\x84", b"", b"{}"]
WEBHOOKS = [*CHANGES.values(), {"kind": "EventList", "items": [CHANGES["k8s_audit"], 1, {}]}]
BODIES = [event_bytes(1), event_bytes(2), envelope(statement("app"), BUILDER), b"", b"[", b"\xff"]


@schemathesis.serializer("application/cose", "application/scitt-statement+cose")
def in_cbor(_, value):
    """Whatever the description lets through, as CBOR: statements are drawn beside it."""
    return value if isinstance(value, bytes) else cbor2.dumps(value)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("schema") / "data") as server:
        with server.client() as client:
            key = {"action": "trust", "pem": public(BUILDER).to_pem()}
            assert client.post("/v1/keys", json=key).status_code == 201
            sent = b"\n".join([envelope(statement("app"), BUILDER), event_bytes(0), event_bytes(1)])
            assert client.post("/v1/records", content=sent).status_code == 201
        yield server
        assert "Traceback" not in server.errors(), server.errors()


@pytest.fixture(scope="module")
def described(server):
    """The operations as the running server describes them, by name."""
    with server.client() as client:
        # Not from_url: it leaves out the route that it read the description from.
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    found = [result.ok() for result in schema.get_all_operations()]
    named = {operation.definition.raw["operationId"]: operation for operation in found}
    assert sorted(named) == OPERATIONS
    return named


@pytest.mark.parametrize(
    ("path", "change", "says"),
    [
        ("/v1/log", lambda get: get["responses"].pop("200"), "Undocumented status code"),
        (
            "/v1/log",
            lambda get: get["responses"]["200"].update(content={"text/plain": {}}),
            "Undocumented content type|Undocumented Content-Type",
        ),
        (
            "/v1/log",
            lambda get: get["responses"]["200"]["content"].update(
                {"application/json": {"schema": {"required": ["nothing"]}}}
            ),
            "'nothing' is a required property|\"nothing\" is a required property",
        ),
    ],
)
def test_an_answer_that_is_not_as_described_is_found(server, path, change, says):
    document = json.loads(json.dumps(openapi()))
    change(document["paths"][path]["get"])
    operation = schemathesis.openapi.from_dict(document)[path]["GET"]
    with pytest.raises(FailureGroup, match=says):
        operation.Case().call_and_validate(
            base_url=server.url,
            headers={"Authorization": f"Bearer {server.token}"},
            checks=CHECKS,
        )


@pytest.mark.parametrize("token", ["administrator", "none", "wrong"])
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_as_the_description_says(server, described, name, mode, token):
    operation = described[name]
    bearer = {"administrator": server.token, "wrong": "wf_x"}.get(token)
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    examples = EXAMPLES if token == "administrator" else max(3, EXAMPLES // 6)

    @seed(f"{name} {mode} {token}")
    @settings(
        max_examples=examples,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode), data=st.data())
    def ask(case, data):
        for parameter in case.path_parameters or {}:
            if data.draw(st.booleans()):
                case.path_parameters[parameter] = data.draw(st.sampled_from(KNOWN[parameter]))
            # A client makes another path of it, and then a page answers.
            up = DOTS.search(unquote(str(case.path_parameters[parameter])))
            assume(not up or operation.path.startswith("/v1/"))
        if name == "webhook" and data.draw(st.booleans()):
            case.body = json.dumps(data.draw(st.sampled_from(WEBHOOKS))).encode()
        if name in ("record", "lineage", "lineageBatch", "events", "webhook") and data.draw(
            st.booleans()
        ):
            case.body = data.draw(st.sampled_from(BODIES))
        if name == "registerStatement" and data.draw(st.booleans()):
            case.body = data.draw(st.sampled_from(STATEMENTS))
        case.headers.pop("Authorization", None)
        case.call_and_validate(base_url=server.url, headers=headers, checks=CHECKS, timeout=30)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing can be wrong about it
