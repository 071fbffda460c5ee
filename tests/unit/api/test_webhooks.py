"""What other systems post: whose it is, what becomes of it, and what is refused at the door."""

import base64
import gzip
import hashlib
import hmac
import json
import threading

import pytest

from tests.unit.formats.change_samples import CHANGES
from wherefrom.formats.states import Scope

SECRET = "a secret of sixteen or more"
ALERTS = CHANGES["alertmanager"]


@pytest.fixture(scope="module")
def hooks(server):
    """One hook of each kind that signs, and a second one of GitHub's for production only."""
    held = server.folder.hooks
    for adapter in ("github", "gitlab", "launchdarkly", "flux"):
        held.add(adapter, adapter, Scope(), secret=SECRET)
    held.add("shop", "github", Scope("prod"), secret="another " + SECRET)
    return held


@pytest.fixture
def anybody(server, hooks):
    with server.as_() as client:
        yield client


def release(number):
    return {**CHANGES["github_webhook"], "release": {"tag_name": f"v{number}"}}


def signed(body, secret=SECRET, header="X-Hub-Signature-256", prefix="sha256="):
    return {header: prefix + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def code_of(answer):
    """Why nothing was recorded: of the request, or of its one record."""
    said = answer.json()
    return said["code"] if "code" in said else said["items"][0]["code"]


def event_of(server, answer):
    """The document that was recorded."""
    (item,) = answer.json()["items"]
    return json.loads(server.client.get(f"/v1/records/{item['index']}/content").content)


# -- signatures


def test_a_signed_delivery_is_recorded_without_a_token_as_an_event_around_its_very_bytes(
    server, anybody, number
):
    body = json.dumps(release(number()), indent=3).encode()
    answer = anybody.post("/v1/webhooks/github?environment=test", content=body,
                          headers=signed(body))  # fmt: skip
    assert answer.status_code == 201, answer.text
    (item,) = answer.json()["items"]
    kept = server.client.get(f"/v1/records/{item['index']}/content").content
    assert body in kept
    said = json.loads(kept)
    assert (said["source"], said["type"]) == ("https://github.com/o/r", "com.github.release")
    assert said["environment"] == "test"


@pytest.mark.parametrize(
    "change",
    [
        lambda body, headers: (body + b" ", headers),
        lambda body, headers: (body, signed(body, "not " + SECRET)),
        lambda body, headers: (body, {"X-Hub-Signature-256": headers["X-Hub-Signature-256"][7:]}),
        lambda body, headers: (body, {"X-Hub-Signature-256": "sha256="}),
        lambda body, headers: (body, {"X-Hub-Signature-256": b"sha256=\xff\xe9"}),
        lambda body, headers: (body, {"X-Hub-Signature-256": "sha256=" + SECRET}),
        lambda body, headers: (body, {}),
        lambda body, headers: (body, {"Authorization": f"Bearer {SECRET}", **headers}),
    ],
    ids=["other bytes", "other secret", "no prefix", "no digits", "no ASCII", "the secret itself",
         "nothing", "a token that nobody has"],
)  # fmt: skip
def test_a_wrong_signature_is_401_and_leaves_nothing(server, anybody, number, change):
    body = json.dumps(release(number())).encode()
    size = server.recorder.writer.size
    body, headers = change(body, signed(body))
    answer = anybody.post("/v1/webhooks/github", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert SECRET not in answer.text
    assert server.recorder.writer.size == size


@pytest.mark.parametrize(
    ("adapter", "sample", "headers"),
    [
        ("gitlab", "gitlab_webhook", lambda _: {"X-Gitlab-Token": SECRET}),
        ("launchdarkly", "launchdarkly", lambda b: signed(b, header="X-LD-Signature", prefix="")),
        ("flux", "flux", lambda b: signed(b, header="X-Signature")),
    ],
)
def test_every_sender_shows_its_secret_in_its_own_way(anybody, adapter, sample, headers):
    body = json.dumps(CHANGES[sample]).encode()
    path = f"/v1/webhooks/{adapter}"
    assert anybody.post(path, content=body, headers=headers(body)).status_code == 201
    assert anybody.post(path, content=body, headers=headers(body + b"x")).status_code == (
        200 if adapter == "gitlab" else 401
    )
    wrong = {name: value[:-1] + "~" for name, value in headers(body).items()}
    assert anybody.post(path, content=body, headers=wrong).status_code == 401


def test_a_secret_of_one_sender_opens_no_other_door(anybody, number):
    body = json.dumps(release(number())).encode()
    for adapter in ("gitlab", "launchdarkly", "flux", "alertmanager"):
        answer = anybody.post(f"/v1/webhooks/{adapter}", content=body, headers=signed(body))
        assert answer.status_code == 401, adapter


def test_the_place_that_a_secret_is_for_cannot_be_another_in_the_address(server, anybody, number):
    body = json.dumps(release(number())).encode()
    headers = signed(body, "another " + SECRET)
    answer = anybody.post("/v1/webhooks/github?environment=test", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    answer = anybody.post("/v1/webhooks/github?service=cart", content=body, headers=headers)
    said = event_of(server, answer)
    assert (said["environment"], said["service"]) == ("prod", "cart")


def test_what_is_delivered_again_is_known_whatever_its_unsigned_headers_say(
    server, anybody, number
):
    body = json.dumps(release(number())).encode()
    first, *again = (
        anybody.post("/v1/webhooks/github", content=body,
                     headers={**signed(body), "X-GitHub-Delivery": delivery,
                              "X-GitHub-Event": event})
        for delivery, event in (("1", "release"), ("2", "release"), ("3", "push"))
    )  # fmt: skip
    assert first.status_code == 201
    for answer in again:
        assert answer.status_code == 200
        assert answer.json()["items"][0]["index"] == first.json()["items"][0]["index"]


def test_a_secret_that_is_made_or_removed_counts_on_a_running_server(server, anybody, number):
    body = json.dumps(release(number())).encode()
    headers = signed(body, "a third " + SECRET)
    post = lambda: anybody.post("/v1/webhooks/github", content=body, headers=headers)  # noqa: E731
    assert post().status_code == 401
    server.folder.hooks.add("third", "github", Scope(), secret="a third " + SECRET)
    server.app.state.hooks.list()  # it looks again every half second, or when it is asked for all
    assert post().status_code == 201
    server.folder.hooks.remove("third")
    server.app.state.hooks.list()
    assert post().status_code == 401


# -- tokens


def test_all_others_send_a_token_as_bearer_or_password(server, anybody):
    body = json.dumps({**ALERTS, "groupKey": "token"}).encode()
    path = "/v1/webhooks/alertmanager"
    assert anybody.post(path, content=body).status_code == 401
    with server.as_("reader") as reader:
        assert reader.post(path, content=body).status_code == 403
    with server.as_("sender") as sender:
        assert sender.post(path, content=body).status_code == 201
    answer = anybody.post(path, content=body, auth=("any", server.token["sender"]))
    assert answer.status_code == 200


def test_a_sender_that_could_sign_may_send_a_token_instead(server, anybody, number):
    with server.as_("sender") as sender:
        answer = sender.post("/v1/webhooks/github", json=release(number()))
    assert answer.status_code == 201


def test_the_scopes_of_a_token_hold_for_what_it_posts(server):
    with server.as_("sboms") as sboms:
        answer = sboms.post("/v1/webhooks/alertmanager", json={**ALERTS, "groupKey": "scoped"})
    assert (answer.status_code, code_of(answer)) == (403, "not_allowed")


# -- bodies


def test_each_event_of_a_list_is_a_record_and_a_broken_one_costs_the_others_nothing(client):
    audit = CHANGES["k8s_audit"]
    items = [{**audit, "auditID": id} for id in ("l1", "l2")]
    items.append({**audit, "auditID": "l3", "requestReceivedTimestamp": "yesterday"})
    answer = client.post("/v1/webhooks/kubernetes", json={"kind": "EventList", "items": items})
    assert answer.status_code == 201
    assert [item["status"] for item in answer.json()["items"]] == ["recorded"] * 3


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("alertmanager", b"", 400, "malformed"),
        ("alertmanager", b"{", 400, "malformed"),
        ("alertmanager", b"[]", 415, "unsupported"),
        ("alertmanager", b'{"a": 1}', 415, "unsupported"),
        ("alertmanager", b'{"a": 1, "a": 2}', 400, "malformed"),
        ("kubernetes", b'{"kind": "EventList", "items": []}', 400, "malformed"),
        ("kubernetes", b'{"items": {}}', 400, "malformed"),
        ("nothing", b"{}", 404, "not_found"),
        ("alertmanager?environment=a%0Ab", b"{}", 400, "malformed"),
        ("alertmanager?service=" + "x" * 257, b"{}", 400, "malformed"),
        ("alertmanager?source=%20", json.dumps(ALERTS).encode(), 400, "malformed"),
    ],
)
def test_what_is_no_webhook_is_refused_and_leaves_nothing(server, path, body, status, code):
    size = server.recorder.writer.size
    answer = server.client.post(f"/v1/webhooks/{path}", content=body)
    assert (answer.status_code, code_of(answer)) == (status, code), answer.text
    assert server.recorder.writer.size == size


def test_a_form_is_refused_with_what_to_set(client):
    answer = client.post("/v1/webhooks/alertmanager", data={"payload": "{}"})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["do"]


def test_a_compressed_body_is_taken(client):
    body = gzip.compress(json.dumps({**ALERTS, "groupKey": "gzip"}).encode())
    headers = {"Content-Encoding": "gzip"}
    answer = client.post("/v1/webhooks/alertmanager", content=body, headers=headers)
    assert answer.status_code == 201


def test_a_body_over_the_limit_is_413_before_it_is_read_and_while_it_is(client, monkeypatch):
    monkeypatch.setattr("wherefrom.api.webhooks.BODY_BYTES_MAX", 1000)
    chunks = (b" " * 400 for _ in range(5))
    for content in (b" " * 1001, chunks):
        answer = client.post("/v1/webhooks/alertmanager", content=content)
        assert (answer.status_code, answer.json()["code"]) == (413, "limit")


def test_a_flag_file_that_goes_back_to_what_it_was_is_a_new_event(client):
    flags = {"flags": {"back": {"state": "ENABLED", "variants": {"on": 1, "off": 0}}}}
    for variant in ("on", "off", "on"):
        flags["flags"]["back"]["defaultVariant"] = variant
        answer = client.post("/v1/webhooks/flagd?environment=prod", json=flags)
        assert answer.status_code == 201, answer.text


def test_deliveries_at_once_are_each_recorded_once(server, anybody, number):
    bodies = [json.dumps(release(number())).encode() for _ in range(8)]
    size = server.recorder.writer.size
    statuses = []

    def post_all():
        with server.as_() as client:
            for body in bodies:
                answer = client.post("/v1/webhooks/github", content=body, headers=signed(body))
                statuses.append(answer.status_code)

    threads = [threading.Thread(target=post_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(statuses)) in ([200, 201], [201])
    assert server.recorder.writer.size == size + len(bodies)


# -- audit logs of clouds


@pytest.fixture
def cloud_secret(server):
    for adapter in ("google", "azure"):
        if adapter not in [hook.name for hook in server.folder.hooks.list()]:
            server.folder.hooks.add(adapter, adapter, Scope("prod"), secret=SECRET)
    server.app.state.hooks.list()


def google(number):
    inner = {**CHANGES["google_audit"], "insertId": f"i{number}"}
    data = base64.b64encode(json.dumps(inner).encode()).decode()
    return {"message": {"data": data, "messageId": "1"}, "subscription": "projects/p/s/a"}


def grid(number):
    return {
        "id": f"g{number}", "eventType": "Microsoft.Resources.ResourceWriteSuccess",
        "eventTime": "2026-01-01T10:00:00Z",
        "data": {
            "correlationId": f"c{number}", "resourceUri": "/subscriptions/s/resourceGroups/r",
            "operationName": "Microsoft.Resources/subscriptions/resourceGroups/write",
            "status": "Succeeded", "claims": {"upn": "jane@example.org"},
        },
    }  # fmt: skip


def test_each_event_of_a_file_of_the_trail_is_a_record(client, server, number):
    records = [{**CHANGES["cloudtrail"], "eventID": f"e{number()}"} for _ in range(3)]
    answer = client.post("/v1/webhooks/aws?environment=prod", json={"Records": records})
    assert answer.status_code == 201, answer.text
    items = answer.json()["items"]
    assert len(items) == 3
    kept = json.loads(client.get(f"/v1/records/{items[0]['index']}/content").content)
    assert (kept["id"], kept["time"]) == (records[0]["eventID"], "2026-01-01T10:00:00.000000Z")


def test_pipelines_that_the_address_declares_stand_with_the_event(client, server, number):
    event = {**CHANGES["cloudtrail"], "eventID": f"e{number()}"}
    path = "/v1/webhooks/aws?environment=prod&pipeline=*:role/deploy&pipeline=my-deployer/*"
    said = event_of(server, client.post(path, json=event))
    assert said["pipelines"] == "*:role/deploy my-deployer/*"
    for wrong in ("%00", "&pipeline=".join("a" * 40)):
        answer = client.post(f"/v1/webhooks/aws?pipeline={wrong}", json=event)
        assert answer.status_code in (400, 413, 422), answer.text


def test_a_subscription_of_SNS_is_kept_with_what_to_do_and_fetched_from_nowhere(
    client, server, number
):
    body = {
        "Type": "SubscriptionConfirmation", "MessageId": f"m{number()}", "Token": "t0ken",
        "TopicArn": "arn:aws:sns:x:1:audit", "Message": "You have chosen to subscribe",
        "SubscribeURL": "http://127.0.0.1:9/?Action=ConfirmSubscription",
    }  # fmt: skip
    answer = client.post(
        "/v1/webhooks/aws", content=json.dumps(body), headers={"Content-Type": "text/plain"}
    )
    assert answer.status_code == 201, answer.text
    assert event_of(server, answer)["type"] == "com.amazonaws.sns.SubscriptionConfirmation"


def test_who_can_set_no_header_shows_a_secret_in_the_address(server, anybody, cloud_secret, number):
    for adapter, body in (
        ("google", google(number())),
        ("azure", [grid(number()), grid(number())]),
    ):
        path = f"/v1/webhooks/{adapter}"
        for query in ("", "?secret=", f"?secret={SECRET}x"):
            answer = anybody.post(path + query, json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
            assert SECRET not in answer.text
        headers = {"Authorization": "Bearer a.token.of-google"}
        answer = anybody.post(f"{path}?secret={SECRET}", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["items"]) == (2 if adapter == "azure" else 1)
        answer = anybody.post(f"{path}?secret={SECRET}&environment=test", json=body)
        assert answer.status_code == 403


def test_a_message_of_something_else_is_refused(anybody, cloud_secret, server):
    body = {"message": {"data": "e30=", "messageId": "1"}, "subscription": "s"}
    answer = anybody.post(f"/v1/webhooks/google?secret={SECRET}", json=body)
    assert (answer.status_code, code_of(answer)) == (415, "unsupported")


def test_event_grid_is_answered_only_if_it_knows_the_secret(anybody, cloud_secret, server):
    asked = [{
        "id": "1", "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "512d38b6", "validationUrl": "https://127.0.0.1:9/validate"},
    }]  # fmt: skip
    headers = {"aeg-event-type": "SubscriptionValidation"}
    size = server.recorder.writer.size
    refused = anybody.post("/v1/webhooks/azure", json=asked, headers=headers)
    assert refused.status_code == 401
    assert "512d38b6" not in refused.text
    path = f"/v1/webhooks/azure?secret={SECRET}"
    answer = anybody.post(path, json=asked, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"validationResponse": "512d38b6"})
    for broken in ([], [{}], asked * 2, [{**asked[0], "data": {}}], {"a": 1}, "x"):
        answer = anybody.post(path, json=broken, headers=headers)
        assert answer.status_code in (400, 415), answer.text
    assert server.recorder.writer.size == size
