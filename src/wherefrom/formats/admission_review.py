"""What a Kubernetes API server asks before it lets an object in, and what it is answered.

    {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid", "kind",
     "operation", "namespace", "object", "oldObject", "dryRun", …}} ──parse──► Review
    Answer ──to_response──► {…, "response": {"uid", "allowed", "status", "warnings",
                                             "auditAnnotations", "patchType", "patch"}}

The uid goes back as it came. Nothing is read of an object but what it is to run: annotations and
labels are whoever's who wrote it (kyverno#16336).

Sizes:  a review BYTES_MAX, DEPTH_MAX deep · a warning 120 characters, all of them 4,096 · a message
        MESSAGE_CHARS_MAX · an audit annotation ANNOTATION_CHARS_MAX
Source: kubernetes.io, apiserver-admission.v1, extensible-admission-controllers; RFC 6902
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import strict_json
from wherefrom.formats.pod_images import ImageUse, images_of

GROUP: Final = "admission.k8s.io"
VERSION: Final = f"{GROUP}/v1"
OPERATIONS: Final = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})
# An API server takes 3 MiB and etcd 1.5; in JSON a ``<`` is six bytes, and an update brings the
# object twice. What it let in and we did not read would be a way past an open namespace.
BYTES_MAX: Final = 32 * 1024 * 1024
DEPTH_MAX: Final = 64
UID_CHARS_MAX: Final = 256
WARNING_CHARS_MAX: Final = 120
WARNINGS_CHARS_MAX: Final = 4_096
MESSAGE_CHARS_MAX: Final = 4_000
ANNOTATION_CHARS_MAX: Final = 1_000


class Review(NamedTuple):
    """One question.

    kind, group  of the object; ``sub_resource`` such as ``ephemeralcontainers``, or empty
    name         may be empty: the server has not made one up yet
    """

    uid: str
    operation: str
    kind: str
    group: str
    sub_resource: str
    namespace: str
    name: str
    object: Mapping[str, Any] | None
    old_object: Mapping[str, Any] | None
    dry_run: bool

    def images(self) -> list[ImageUse]:
        """What the object is to run. Raises Malformed, LimitPassed."""
        if self.object is None:
            raise Malformed("no object came", where="request.object", expected="the object")
        if self.object.get("kind", self.kind) != self.kind:
            raise Malformed(
                "the object is of another kind than the review says", where="request.object.kind",
                expected=self.kind, got=str(self.object["kind"]),
            )  # fmt: skip
        return images_of(self.object, kind=self.kind, group=self.group)

    def images_before(self) -> frozenset[str]:
        """What it ran before an update; nothing, where that cannot be read."""
        if self.operation != "UPDATE" or self.old_object is None:
            return frozenset()
        try:
            before = images_of(self.old_object, kind=self.kind, group=self.group)
        except (Malformed, LimitPassed):
            return frozenset()
        return frozenset(use.image for use in before)


class Answer(NamedTuple):
    """What goes back.

    message   why not, or empty
    audit     what the audit log of the API server keeps of it
    patch     operations of a JSON Patch
    """

    allowed: bool
    message: str = ""
    warnings: Sequence[str] = ()
    audit: Mapping[str, str] = {}
    patch: Sequence[Mapping[str, Any]] = ()


def parse(written: bytes) -> Review:
    """Read a question. Raises Malformed, LimitPassed; Unsupported for another version."""
    if len(written) > BYTES_MAX:
        raise LimitPassed(
            "a review is too large", expected=f"bytes_max {BYTES_MAX}", got=len(written)
        )
    document = strict_json.as_object(strict_json.decode(written, depth_max=DEPTH_MAX), where="")
    if document.get("kind") != "AdmissionReview" or document.get("apiVersion") != VERSION:
        said = f"{document.get('apiVersion')} {document.get('kind')}"
        if document.get("kind") == "AdmissionReview":
            raise Unsupported("a review of another version", expected=VERSION, got=said)
        raise Malformed("not a review", expected=f"{VERSION} AdmissionReview", got=said)
    request = strict_json.need_object(document, "request")
    where = "request"
    uid = strict_json.need_string(request, "uid", where=where)
    if len(uid) > UID_CHARS_MAX:
        raise LimitPassed("a uid is too long", where="request.uid", expected="256 characters")
    operation = strict_json.need_string(request, "operation", where=where)
    if operation not in OPERATIONS:
        raise Malformed(
            "not an operation", where="request.operation", got=operation,
            expected=" ".join(sorted(OPERATIONS)),
        )  # fmt: skip
    kind = strict_json.need_object(request, "kind", where=where)
    dry_run = request.get("dryRun")
    if not isinstance(dry_run, bool | None):
        raise Malformed("a field has the wrong type", where="request.dryRun", expected="a boolean")
    return Review(
        uid=uid,
        operation=operation,
        kind=strict_json.need_string(kind, "kind", where="request.kind"),
        group=strict_json.get_string(kind, "group", where="request.kind") or "",
        sub_resource=strict_json.get_string(request, "subResource", where=where) or "",
        namespace=strict_json.get_string(request, "namespace", where=where) or "",
        name=strict_json.get_string(request, "name", where=where) or "",
        object=_object(request, "object"),
        old_object=_object(request, "oldObject"),
        dry_run=bool(dry_run),
    )


def _object(request: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = request.get(key)
    return None if value is None else strict_json.as_object(value, where=f"request.{key}")


def to_response(uid: str, answer: Answer) -> bytes:
    """The answer to the review with this uid."""
    response: dict[str, Any] = {"uid": uid, "allowed": answer.allowed}
    if answer.message or not answer.allowed:
        response["status"] = {
            "code": 200 if answer.allowed else 403,
            **({} if answer.allowed else {"status": "Failure", "reason": "Forbidden"}),
            "message": _line(answer.message, MESSAGE_CHARS_MAX),
        }
    if answer.warnings:
        response["warnings"] = warnings(answer.warnings)
    if answer.audit:
        response["auditAnnotations"] = {
            key: _line(text, ANNOTATION_CHARS_MAX) for key, text in answer.audit.items()
        }
    if answer.patch:
        response["patchType"] = "JSONPatch"
        written = msgspec.json.encode(list(answer.patch))
        response["patch"] = base64.b64encode(written).decode()
    return msgspec.json.encode(
        {"apiVersion": VERSION, "kind": "AdmissionReview", "response": response}
    )


def warnings(said: Sequence[str]) -> list[str]:
    """As many as are shown, each as long as it is shown: what is more would be dropped."""
    kept: list[str] = []
    left = WARNINGS_CHARS_MAX
    for one in dict.fromkeys(said):
        line = _line(one, WARNING_CHARS_MAX)
        left -= len(line.encode())
        if left < 0:
            break
        kept.append(line)
    return kept


def _line(text: str, chars_max: int) -> str:
    """One line, printable, of at most so many characters."""
    shown = text
    if not text.isprintable():
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return shown if len(shown) <= chars_max else shown[: chars_max - 1] + "…"
