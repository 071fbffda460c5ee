"""Reviews are read exactly, and answered within what an API server shows."""

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reviews import image, pod, review
from wherefrom.errors import Error, LimitPassed, Malformed, Unsupported
from wherefrom.formats import admission_review
from wherefrom.formats.admission_review import Answer, parse, to_response


def read(document):
    return parse(json.dumps(document).encode())


def test_a_review_is_read():
    found = read(review(pod(image(1)), namespace="shop", dryRun=True))
    assert found.uid == "705ab4f5-6393-11e8-b7cc-42010a800002"
    assert (found.operation, found.kind, found.group, found.namespace) == (
        "CREATE", "Pod", "", "shop",
    )  # fmt: skip
    assert found.dry_run is True
    assert [use.image for use in found.images()] == [image(1)]


def test_what_it_ran_before_is_only_looked_at_in_an_update():
    old, new = pod(image(1)), pod(image(2))
    assert read(review(new, old=old, operation="UPDATE")).images_before() == {image(1)}
    assert read(review(new, old=old)).images_before() == frozenset()
    broken = {"spec": {"containers": "x"}}
    assert read(review(new, old=broken, operation="UPDATE")).images_before() == frozenset()


@pytest.mark.parametrize("missing", ["uid", "operation", "kind"])
def test_a_review_without_what_it_needs_is_refused(missing):
    document = review(pod(image(1)))
    del document["request"][missing]
    with pytest.raises(Malformed, match=f"request.{missing}"):
        read(document)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"uid": 7}, "uid"), ({"uid": ""}, "uid"), ({"operation": "create"}, "not an operation"),
        ({"operation": "PATCH"}, "not an operation"), ({"dryRun": "false"}, "dryRun"),
        ({"object": []}, "request.object"), ({"oldObject": "x"}, "request.oldObject"),
        ({"kind": "Pod"}, "request.kind"), ({"namespace": {}}, "namespace"),
        ({"kind": {"kind": ["Pod"]}}, "request.kind"),
    ],
)  # fmt: skip
def test_a_field_of_another_type_is_refused(change, says):
    with pytest.raises(Malformed, match=says):
        read(review(pod(image(1)), **change))


def test_another_version_is_said_to_be_one():
    with pytest.raises(Unsupported, match=r"expected admission\.k8s\.io/v1"):
        read({**review(pod()), "apiVersion": "admission.k8s.io/v1beta1"})


@pytest.mark.parametrize(
    "written",
    [b"", b"null", b"[]", b"{}", b"{", b'"x"', b'{"kind":"AdmissionReview"}', b"\xff\xfe",
     b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":null}'],
)  # fmt: skip
def test_what_is_no_review_is_refused(written):
    with pytest.raises((Malformed, Unsupported)):
        parse(written)


def test_a_key_that_is_there_twice_is_refused():
    written = json.dumps(review(pod(image(1)))).replace('"spec":', '"spec": {}, "spec":', 1)
    with pytest.raises(Malformed, match="names one key twice"):
        parse(written.encode())


def test_what_is_too_deep_or_too_large_is_refused_by_its_limit(monkeypatch):
    deep = pod(image(1))
    deep["metadata"]["x"] = json.loads("[" * 80 + "]" * 80)
    with pytest.raises(LimitPassed, match="depth_max 64"):
        read(review(deep))
    with pytest.raises(LimitPassed, match="deep"):
        parse(b"[" * 100_000)
    with pytest.raises(LimitPassed, match="uid"):
        read(review(pod(), uid="x" * 300))
    monkeypatch.setattr(admission_review, "BYTES_MAX", 100)
    with pytest.raises(LimitPassed, match="bytes_max 100"):
        read(review(pod(image(1))))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_review_or_refused(written):
    with contextlib.suppress(Error):
        parse(written)


def test_an_answer_has_the_uid_and_what_the_protocol_says():
    said = json.loads(to_response("u-1", Answer(False, "no", audit={"why": "x"})))
    assert said == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {
            "uid": "u-1",
            "allowed": False,
            "status": {
                "code": 403, "status": "Failure", "reason": "Forbidden", "message": "no",
            },
            "auditAnnotations": {"why": "x"},
        },
    }  # fmt: skip
    assert json.loads(to_response("u", Answer(True)))["response"] == {"uid": "u", "allowed": True}


def test_a_patch_is_base64_of_json_patch():
    patch = [{"op": "replace", "path": "/spec", "value": "x"}]
    said = json.loads(to_response("u", Answer(True, patch=patch)))["response"]
    assert said["patchType"] == "JSONPatch"
    assert json.loads(base64.b64decode(said["patch"])) == patch


@given(st.lists(st.text(max_size=400), max_size=80))
def test_warnings_are_never_more_than_is_shown(said):
    kept = admission_review.warnings(said)
    assert all(len(one) <= 120 and one.isprintable() for one in kept)
    assert sum(len(one.encode()) for one in kept) <= 4096


def test_a_message_is_one_printable_line_of_bounded_length():
    said = json.loads(to_response("u", Answer(False, "a\nb\x00" + "c" * 9_000)))
    message = said["response"]["status"]["message"]
    assert len(message) == admission_review.MESSAGE_CHARS_MAX
    assert message.isprintable()
