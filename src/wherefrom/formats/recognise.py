"""Which format a record is in: by what it says, never by its file's name.

    content ──► strict JSON ──► the first of FORMATS that recognises it ──► Facts
       │              │                      └ none: Unsupported, naming what it looks like
       │              └ starts as JSON, is none: Malformed
       ├ a record of a batch ──► the record in it, as if it had come alone
       ├ starts as JUnit's XML, or as COSE ──► Facts
       └ starts otherwise: Unsupported, by a look at the first bytes

``unsupported`` is a kind that is not read, ``malformed`` a kind that is, broken. Facts whose ids
pass the limits of ``facts`` are refused here, once for every format; a name that passes its
limit is cut, because a name only helps to read.

Sizes:  ids 2,048 bytes · names 1,024 · types 256 · 200,000 nodes
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import (
    alertmanager,
    argocd,
    azure_activity,
    batch,
    cdevents,
    cloud_calls,
    cloudevents,
    cloudtrail,
    cose,
    csaf,
    cyclonedx,
    dsse,
    flagd,
    flux,
    github_webhook,
    gitlab_webhook,
    google_audit,
    hashedrekord,
    in_toto_legacy,
    junit,
    k8s_audit,
    launchdarkly,
    looks,
    openlineage,
    openvex,
    osv,
    pep740,
    sarif,
    scitt,
    sigstore_bundle,
    spdx,
    spdx3,
    split_flags,
    statement,
    states,
    strict_json,
    terraform,
    unleash,
)
from wherefrom.formats.batch import BATCH_TYPE, Batched
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.facts import FACTS_VERSION as FACTS_VERSION
from wherefrom.formats.facts import ID_BYTES_MAX, NAME_BYTES_MAX, Facts, Node
from wherefrom.formats.states import Scope

TYPE_BYTES_MAX: Final = 256
NODES_MAX: Final = 200_000
_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_UTF8_BYTES_A_CHARACTER = 4


Signed = dsse.Envelope | in_toto_legacy.Metablock | hashedrekord.HashedRekord | scitt.Statement


class FactsOf(Protocol):
    """The ``facts`` of a format."""

    def __call__(self, document: Mapping[str, Any], *, document_id: str) -> Facts: ...


class PlacedFactsOf(Protocol):
    """The ``facts`` of a format whose documents may not say where they are of: the CloudEvent
    around one does."""

    def __call__(
        self, document: Mapping[str, Any], *, document_id: str, given: Scope = ...
    ) -> Facts: ...


class JudgedFactsOf(Protocol):
    """The ``facts`` of a format of calls, which may have come by a pipeline that the CloudEvent
    around them declares."""

    def __call__(
        self,
        document: Mapping[str, Any],
        *,
        document_id: str,
        given: Scope = ...,
        pipelines: tuple[str, ...] = ...,
    ) -> Facts: ...


class Format(NamedTuple):
    """One format: its name, a cheap test, and its reading; ``placed`` if it asks where, ``judged``
    if it asks which pipelines there are, too."""

    name: str
    recognises: Callable[[Mapping[str, Any]], bool]
    facts: FactsOf
    placed: PlacedFactsOf | None = None
    judged: JudgedFactsOf | None = None


class Recognised(msgspec.Struct, frozen=True):
    """A record as it was read: the name of its format, and what it says.

    envelope  what was parsed, if the record itself carries signatures that are judged: DSSE,
              in-toto's own wrapper, the body of a Rekor entry, or a SCITT statement
    batched   the wrapper it came in, if it was signed with others: the rest is of the record in it
    """

    format: str
    facts: Facts
    envelope: Signed | None = None
    batched: Batched | None = None


def _cloudevent_facts(document: Mapping[str, Any], *, document_id: str) -> Facts:
    def inside(data: Mapping[str, Any], given: Scope) -> Facts | None:
        format = _format_of(data, _INSIDE)
        if format is not None and format.judged is not None:
            declared = cloud_calls.patterns(document.get("pipelines"))
            return format.judged(data, document_id=document_id, given=given, pipelines=declared)
        if format is not None and format.placed is not None:
            return format.placed(data, document_id=document_id, given=given)
        return format.facts(data, document_id=document_id) if format else None

    return cloudevents.facts(document, document_id=document_id, inside=inside)


# What tells of changes: the states of deployments, flags, resources, incidents, and who did it.
_CHANGES: Final = (
    Format("k8s_audit", k8s_audit.recognises, k8s_audit.facts, k8s_audit.facts),
    Format("alertmanager", alertmanager.recognises, alertmanager.facts, alertmanager.facts),
    Format("gitlab_webhook", gitlab_webhook.recognises, gitlab_webhook.facts, gitlab_webhook.facts),
    Format("github_webhook", github_webhook.recognises, github_webhook.facts, github_webhook.facts),
    Format("flux", flux.recognises, flux.facts, flux.facts),
    Format("argocd", argocd.recognises, argocd.facts, argocd.facts),
    Format("terraform", terraform.recognises, terraform.facts, terraform.facts),
    Format("launchdarkly", launchdarkly.recognises, launchdarkly.facts, launchdarkly.facts),
    Format("unleash", unleash.recognises, unleash.facts, unleash.facts),
    Format("split_flags", split_flags.recognises, split_flags.facts, split_flags.facts),
    Format("flagd", flagd.recognises, flagd.facts, flagd.facts),
    Format("cloudtrail", cloudtrail.recognises, cloudtrail.facts, judged=cloudtrail.facts),
    Format("google_audit", google_audit.recognises, google_audit.facts, judged=google_audit.facts),
    Format(
        "azure_activity",
        azure_activity.recognises,
        azure_activity.facts,
        judged=azure_activity.facts,
    ),
)
# The order is from what names itself to what is known by its fields.
_INSIDE: Final = (
    Format("sigstore_bundle", sigstore_bundle.recognises, sigstore_bundle.facts),
    Format("pep740", pep740.recognises, pep740.facts),
    Format("dsse", dsse.recognises, dsse.facts),
    Format("in_toto_legacy", in_toto_legacy.recognises, in_toto_legacy.facts),
    Format("statement", statement.recognises, statement.facts),
    Format("cyclonedx", cyclonedx.recognises, cyclonedx.facts),
    Format("spdx3", spdx3.recognises, spdx3.facts),
    Format("spdx", spdx.recognises, spdx.facts),
    Format("openvex", openvex.recognises, openvex.facts),
    Format("csaf", csaf.recognises, csaf.facts),
    Format("osv", osv.recognises, osv.facts),
    Format("sarif", sarif.recognises, sarif.facts),
    Format("openlineage", openlineage.recognises, openlineage.facts),
    Format("cdevents", cdevents.recognises, cdevents.facts),
    *_CHANGES,
)
FORMATS: Final = (
    Format("cloudevents", cloudevents.recognises, _cloudevent_facts),
    Format("hashedrekord", hashedrekord.recognises, hashedrekord.facts),
    *_INSIDE,
)


def facts_of(content: bytes) -> Facts:
    """What one record says; see ``read``."""
    return read(content).facts


def read(content: bytes, *, document_id: str | None = None) -> Recognised:
    """Recognise one record and read its facts.

    content      one document in JSON, a JUnit report in XML or a statement in COSE, as it came
    document_id  ``sha256:`` and the hex of content's digest, if that is known already

    Raises Unsupported for a kind that is not read, Malformed for one that is broken, LimitPassed
    for one that is too deep, too large or names something too long.
    """
    first = content.lstrip(_BLANK)[:1]
    if first == b"<" and junit.recognises(content):
        if document_id is None:
            document_id = sha256_id(content)
        return Recognised("junit", _within_limits(junit.facts(content, document_id=document_id)))
    if cose.looks_like(content):
        if document_id is None:
            document_id = sha256_id(content)
        said = scitt.parse(content)
        facts = scitt.facts_of(said, document_id=document_id)
        return Recognised("scitt", _within_limits(facts), said)
    if first not in (b"{", b"["):
        if not first:
            raise Malformed("the record is empty", expected="a JSON object")
        if content.startswith(_BOM):
            raise Malformed("a byte order mark before the JSON", do="Save it as UTF-8 without")
        raise looks.not_json(content)
    if batch.is_batched(content):
        return _read_batched(content)
    document = strict_json.decode(content)
    if not isinstance(document, dict):
        raise Unsupported(
            "a JSON array is not a record",
            expected="a JSON object",
            got=f"an array of {len(document)}",
            do="Send its elements",
        )
    if batch.means_to_be(document):
        return _read_batched(content)  # in another spelling: it says how it is written
    format = _format_of(document, FORMATS)
    if format is None:
        raise looks.not_read(document)
    if document_id is None:
        document_id = sha256_id(content)
    # What carries signatures is parsed once, for its facts and for who signed it.
    signed: Signed | None = None
    if format.name == "dsse":
        signed = envelope = dsse.parse(document)
        of_envelope = (
            batch.facts_of_batch if envelope.payload_type == BATCH_TYPE else dsse.facts_of_envelope
        )
        facts = of_envelope(envelope, document_id=document_id)
    elif format.name == "in_toto_legacy":
        signed = metablock = in_toto_legacy.parse(document)
        facts = in_toto_legacy.facts_of(metablock, document, document_id=document_id)
    elif format.name == "hashedrekord":
        signed = rekord = hashedrekord.parse_body(content, document)
        facts = hashedrekord.facts_of(rekord, content, document_id=document_id)
    else:
        facts = format.facts(document, document_id=document_id)
    if hashedrekord.leaf_type(facts.type) and format.name != "hashedrekord":
        raise Malformed("a type that only a hashedrekord has", where="type", got=facts.type)
    return Recognised(format.name, _within_limits(facts), signed)


def _read_batched(content: bytes) -> Recognised:
    """What the record inside says. Raises as ``read``."""
    batched = batch.parse(content)
    if batch.is_batched(batched.record):
        raise Unsupported(
            "a record of a batch within another",
            where="record",
            do="Sign the records themselves, or send the inner ones as they are",
        )
    inner = read(batched.record)
    return msgspec.structs.replace(inner, batched=batched)


def _format_of(document: Mapping[str, Any], formats: tuple[Format, ...]) -> Format | None:
    for format in formats:
        if format.recognises(document):
            return format
    return None


def _within_limits(facts: Facts) -> Facts:
    """``facts``, with names cut. Raises LimitPassed for too many nodes, a long id or type."""
    if len(facts.nodes) > NODES_MAX:
        raise LimitPassed(
            "a record names too many things", expected=f"nodes_max {NODES_MAX}",
            got=f"{len(facts.nodes)} nodes",
        )  # fmt: skip
    _need_short("type", facts.type, TYPE_BYTES_MAX)
    some_name_is_long = False
    for node in facts.nodes:
        if len(node.id) * _UTF8_BYTES_A_CHARACTER > ID_BYTES_MAX:
            _need_short("id", node.id, ID_BYTES_MAX)
        if node.name and len(node.name) * _UTF8_BYTES_A_CHARACTER > NAME_BYTES_MAX:
            some_name_is_long = True
    for tag in facts.tags:
        _need_short("tag", tag.name, ID_BYTES_MAX)
    if facts.states or facts.wholes:
        states.check(facts.states, facts.wholes)
    if not some_name_is_long:
        return facts
    return msgspec.structs.replace(facts, nodes=tuple(map(_with_short_name, facts.nodes)))


def _need_short(what: str, text: str, bytes_max: int) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > bytes_max:
        raise LimitPassed(
            f"a record's {what} is too long", where=text[:80],
            expected=f"{what}_bytes_max {bytes_max}", got=f"{size} bytes",
        )  # fmt: skip


def _with_short_name(node: Node) -> Node:
    if node.name is None:
        return node
    name = node.name.encode("utf-8", "surrogatepass")
    if len(name) <= NAME_BYTES_MAX:
        return node
    mark = "…"
    kept = name[: NAME_BYTES_MAX - len(mark.encode())].decode("utf-8", "ignore")
    return msgspec.structs.replace(node, name=kept + mark)
