"""Whether a CycloneDX document has the shape that its version prescribes, where that matters.

    {"components": [{"type": "libary", …}]}  ──►  Malformed: components[0].type, expected one of …

The table below is of the fields that other readers rely on: what names a thing, hashes it, licenses
it, or decides about it. Fields that are not in the table are ignored, and null is the same as
absent, because real generators write both; a test holds the table against the official schemas.
docs/decisions/0010-cyclonedx-shape.md says why it is a table of our own.

A check is a function that takes a value or raises; ``_shape``, ``_each``, ``_word`` and the others
put them together, once a version. The path of an error is put together only when there is one.

Source: the CycloneDX JSON schemas 1.2 to 1.7 (1.2 and 1.3: the strict ones)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import timestamps
from wherefrom.formats.spdx_license_ids import SPDX_LICENSE_IDS
from wherefrom.formats.strict_json import as_array, as_object, as_string

Check = Callable[[Any], None]


def check(document: Mapping[str, Any], *, version: str) -> None:
    """Check a document of ``version``, 1.2 to 1.7. Raises Malformed, naming the field."""
    _document(version)(document)
    _check_references(document)


def _text(value: Any) -> None:
    if type(value) is not str:
        as_string(value, where="")


def _yes(value: Any) -> None:
    if not isinstance(value, bool):
        raise Malformed("a field has the wrong type", expected="a boolean", got=value)


def _like(pattern: re.Pattern[str], means: str) -> Check:
    """A string all of which matches; ``means`` says so in words."""

    def like(value: Any) -> None:
        if not pattern.fullmatch(as_string(value, where="")):
            raise Malformed("not what stands here", expected=means, got=value or '""')

    return like


def _word(words: frozenset[str], means: str = "") -> Check:
    """One of a closed set; ``means`` names the set when it is too long to list."""

    def word(value: Any) -> None:
        if value.__class__ is not str or value not in words:
            raise Malformed(
                "a word that CycloneDX does not have here",
                expected=means or "one of " + " ".join(sorted(words)),
                got=as_string(value, where="") or '""',
            )

    return word


def _words(text: str) -> Check:
    return _word(frozenset(text.split()))


def _whole(least: int | None) -> Check:
    """An integer, of ``least`` or more."""
    expected = "an integer" if least is None else f"an integer of {least} or more"

    def whole(value: Any) -> None:
        right = isinstance(value, int) and not isinstance(value, bool)
        if not right or (least is not None and value < least):
            raise Malformed("a field has the wrong type", expected=expected, got=value)

    return whole


def _shape(
    fields: Mapping[str, Check], need: tuple[str, ...] = (), one_of: tuple[str, ...] = ()
) -> Check:
    """An object: what its fields are, which it needs, and of which it has just one.

    ``fields`` may be filled in later, because a component holds components.
    """

    def shape(value: Any) -> None:
        if type(value) is not dict:
            as_object(value, where="")
        for key, inner in value.items():
            rule = fields.get(key)
            if rule is None or inner is None:
                continue
            try:
                rule(inner)
            except Malformed as error:
                error.where = _under(key, error.where)
                raise
        for key in need:
            if value.get(key) is None:
                raise Malformed("a required field is missing", where=key)
        if one_of:
            _need_just_one(value, one_of)

    return shape


def _need_just_one(value: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    found = [key for key in keys if value.get(key) is not None]
    if len(found) != 1:
        raise Malformed(
            "fields that exclude each other" if found else "a required field is missing",
            where=found[-1] if found else keys[0],
            expected=f"one of {' and '.join(keys)}",
            got=" and ".join(found) or None,
        )


def _each(rule: Check, *, once: bool = False) -> Check:
    """An array; ``once``: no two of its elements are equal."""

    def each(values: Any) -> None:
        for at, value in enumerate(as_array(values, where="")):
            try:
                rule(value)
            except Malformed as error:
                error.where = _under(f"[{at}]", error.where)
                raise
        if once and len(values) > 1:
            _check_once(values)

    return each


def _also(rule: Check, then: Check) -> Check:
    def also(value: Any) -> None:
        rule(value)
        then(value)

    return also


def _check_once(values: list[Any]) -> None:
    """No two equal. Only elements with one name are compared, as they are written."""
    named: dict[Any, list[int]] = {}
    for at, value in enumerate(values):
        key = value if isinstance(value, str) else (value.get("name"), value.get("ref"))
        named.setdefault(str(key), []).append(at)
    for places in named.values():
        seen: set[bytes] = set()
        for at in places if len(places) > 1 else ():
            written = msgspec.json.encode(values[at], order="sorted")
            if written in seen:
                raise Malformed("an array holds one thing twice", where=f"[{at}]")
            seen.add(written)


def _under(key: str, where: str | None) -> str:
    return key if not where else f"{key}{where}" if where.startswith("[") else f"{key}.{where}"


def _check_references(document: Mapping[str, Any]) -> None:
    """Each bom-ref once among the components and services of a document."""
    seen: dict[str, str] = {}
    stack: list[tuple[str, Any, str]] = [
        (key, document.get(key), key) for key in ("services", "components")
    ]
    while stack:
        kind, values, where = stack.pop()
        for at, value in enumerate(values or ()):
            place = f"{where}[{at}]"
            ref = value.get("bom-ref")
            if ref is not None and seen.setdefault(ref, place) != place:
                raise Malformed(
                    "one bom-ref names two things",
                    where=f"{place}.bom-ref",
                    expected=f"each bom-ref once; it stands at {seen[ref]} too",
                    got=ref,
                    do="Two readers could follow it to different things; give each its own",
                )
            if value.get(kind):
                stack.append((kind, value[kind], f"{place}.{kind}"))


_ATTACHMENT: Final = _shape({"encoding": _words("base64"), "content": _text}, need=("content",))
_SOME = re.compile(".+", re.DOTALL)
_HEX = re.compile(
    r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}"
)
_SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TYPES: Final = (
    ("1.2", "application framework library container operating-system device firmware file"),
    ("1.5", "platform device-driver machine-learning-model data"),
    ("1.6", "cryptographic-asset"),
)
_ALGORITHMS: Final = (
    ("1.2", "MD5 SHA-1 SHA-256 SHA-384 SHA-512 SHA3-256 SHA3-384 SHA3-512"),
    ("1.2", "BLAKE2b-256 BLAKE2b-384 BLAKE2b-512 BLAKE3"),
    ("1.7", "Streebog-256 Streebog-512"),
)
_AGGREGATES: Final = (
    ("1.2", "complete incomplete incomplete_first_party_only incomplete_third_party_only"),
    ("1.2", "unknown not_specified"),
    ("1.5", "incomplete_first_party_proprietary_only incomplete_first_party_opensource_only"),
    ("1.5", "incomplete_third_party_proprietary_only incomplete_third_party_opensource_only"),
)
_METADATA: Final = (
    ("1.2", "timestamp tools authors component manufacture supplier"),
    ("1.3", "licenses properties"),
    ("1.5", "lifecycles"),
    ("1.6", "manufacturer"),
    ("1.7", "distributionConstraints"),
)
_METHODS: Final = (("1.4", "CVSSv2 CVSSv3 CVSSv31 OWASP other"), ("1.5", "CVSSv4 SSVC"))
STATES: Final = "resolved resolved_with_pedigree exploitable in_triage false_positive not_affected"
JUSTIFICATIONS: Final = (
    "code_not_present code_not_reachable requires_configuration requires_dependency"
    " requires_environment protected_by_compiler protected_at_runtime protected_at_perimeter"
    " protected_by_mitigating_control"
)


def _time(text: str) -> None:
    timestamps.parse(text, where="")


def _lone_expression(choices: list[Any]) -> None:
    """In 1.5 and 1.6 an expression is the only entry; before and after, it need not be."""
    at = next((n for n, c in enumerate(choices) if c.get("expression") is not None), None)
    if at is not None and len(choices) > 1:
        raise Malformed(
            "an expression beside other licences",
            where=f"[{at}].expression",
            expected="one expression alone, or licences only",
        )


def _version_or_range(component: Mapping[str, Any]) -> None:
    if component.get("versionRange") is None:
        return
    if component.get("version") is not None:
        raise Malformed("fields that exclude each other", where="versionRange", got="a version too")
    if component.get("isExternal") is not True:
        raise Malformed(
            "a range of versions of a component that is not external",
            where="versionRange",
            expected="isExternal true beside it",
        )


def _credited(citation: Mapping[str, Any]) -> None:
    if citation.get("attributedTo") is None and citation.get("process") is None:
        raise Malformed(
            "a required field is missing", where="attributedTo", expected="attributedTo or process"
        )


def _until(version: str, table: tuple[tuple[str, str], ...]) -> Check:
    return _words(" ".join(words for since, words in table if since <= version))


@lru_cache
def _document(version: str) -> Check:
    """The table, as of ``version``; versions are compared as text, which holds up to 1.9."""
    # From 1.5 on a reference is one character at least.
    ref = _like(_SOME, "a reference, not empty") if version >= "1.5" else _text
    properties = _each(
        _shape({"name": _text, "value": _text}, ("name",) if version >= "1.6" else ())
    )
    hashes = _each(
        _shape(
            {
                "alg": _until(version, _ALGORITHMS),
                "content": _like(_HEX, "32, 40, 64, 96 or 128 hex digits"),
            },
            ("alg", "content"),
        )
    )
    licenses = _licenses(version, properties, ref)
    references = _each(_shape({"url": _text, "type": _text, "hashes": hashes}, ("url", "type")))
    component = _component(version, properties, hashes, licenses, references, ref)
    service = _service(properties, licenses, references, ref)
    return _shape(
        {
            "serialNumber": _like(_SERIAL, "urn:uuid: and a UUID in lower case"),
            "version": _whole(1) if version >= "1.5" else _whole(None),
            "metadata": _metadata(version, component, licenses, properties),
            "components": _each(component, once=True),
            "services": _each(service, once=True),
            "externalReferences": references,
            "dependencies": _each(
                _shape({"ref": ref, "dependsOn": _each(ref, once=True)}, ("ref",)), once=True
            ),
            "compositions": _each(
                _shape({"aggregate": _until(version, _AGGREGATES)}, ("aggregate",))
            ),
            "vulnerabilities": _each(_vulnerability(version, ref)),
            "properties": properties,
            "citations": _each(
                _also(_shape({}, ("timestamp",), ("pointers", "expressions")), _credited)
            ),
        }
    )


def _licenses(version: str, properties: Check, ref: Check) -> Check:
    license_ = _shape(
        {
            "id": _word(SPDX_LICENSE_IDS, "an id on the SPDX licence list; another is a name"),
            "name": _text,
            "text": _ATTACHMENT,
            "url": _text,
            "bom-ref": ref,
            "acknowledgement": _words("declared concluded"),
            "properties": properties,
        },
        one_of=("id", "name"),
    )
    choice = _shape({"license": license_, "expression": _text}, one_of=("license", "expression"))
    return _also(_each(choice), _lone_expression) if version in ("1.5", "1.6") else _each(choice)


def _component(
    version: str, properties: Check, hashes: Check, licenses: Check, references: Check, ref: Check
) -> Check:
    resolves = _each(_shape({"type": _words("defect enhancement security")}, ("type",)))
    patch = _shape(
        {
            "type": _words("unofficial monkey backport cherry-pick"),
            "resolves": resolves,
            "diff": _shape({"text": _ATTACHMENT}),
        },
        ("type",),
    )
    texts = ("name", "version", "group", "publisher", "description", "purl", "cpe", "copyright")
    fields = {
        **dict.fromkeys(texts, _text),
        "type": _until(version, _TYPES),
        "bom-ref": ref,
        "scope": _words("required optional excluded"),
        "hashes": hashes,
        "licenses": licenses,
        "externalReferences": references,
        "properties": properties,
        "modified": _yes,
        "swid": _shape({"tagId": _text, "name": _text, "text": _ATTACHMENT}, ("tagId", "name")),
    }
    need = ("type", "name", "version") if version < "1.4" else ("type", "name")
    component = _shape(fields, need)
    if version >= "1.7":
        component = _also(component, _version_or_range)
    relatives = dict.fromkeys(("ancestors", "descendants", "variants"), _each(component))
    fields["components"] = _each(component, once=True)
    fields["pedigree"] = _shape({**relatives, "patches": _each(patch)})
    return component


def _service(properties: Check, licenses: Check, references: Check, ref: Check) -> Check:
    flow = _words("inbound outbound bi-directional unknown")
    classified = _shape({"flow": flow, "classification": _text}, ("flow", "classification"))
    fields = {
        **dict.fromkeys(("name", "version", "group", "description"), _text),
        "bom-ref": ref,
        "authenticated": _yes,
        "x-trust-boundary": _yes,
        "data": _each(classified),
        "licenses": licenses,
        "externalReferences": references,
        "properties": properties,
    }
    service = _shape(fields, ("name",))
    fields["services"] = _each(service, once=True)
    return service


def _metadata(version: str, component: Check, licenses: Check, properties: Check) -> Check:
    """Closed, unlike the others: a restriction on sharing under another name must not be lost."""
    phases = _words("design pre-build build post-build operations discovery decommission")
    fields = {
        "timestamp": _also(_text, _time),
        "component": component,
        "licenses": licenses,
        "properties": properties,
        "lifecycles": _each(_shape({"phase": phases, "name": _text}, one_of=("phase", "name"))),
        "distributionConstraints": _shape(
            {"tlp": _words("CLEAR GREEN AMBER AMBER_AND_STRICT RED")}
        ),
    }
    known = frozenset(" ".join(w for since, w in _METADATA if since <= version).split())

    def closed(metadata: Mapping[str, Any]) -> None:
        for key in metadata:
            if key not in known:
                raise Malformed(
                    "a field that the metadata of this version does not have",
                    where=key,
                    expected=" ".join(sorted(known)),
                )

    return _also(_shape(fields), closed)


def _vulnerability(version: str, ref: Check) -> Check:
    severities = _words("critical high medium low info none unknown")
    rating = _shape({"severity": severities, "method": _until(version, _METHODS)})
    versions = _shape(
        {"version": _text, "range": _text, "status": _words("affected unaffected unknown")},
        one_of=("version", "range"),
    )
    return _shape(
        {
            "id": _text,
            "ratings": _each(rating),
            "cwes": _each(_whole(1)),
            "affects": _each(
                _shape({"ref": ref, "versions": _each(versions)}, ("ref",)), once=True
            ),
            "analysis": _shape(
                {
                    "state": _words(STATES),
                    "justification": _words(JUSTIFICATIONS),
                    "response": _each(
                        _words("can_not_fix will_not_fix update rollback workaround_available")
                    ),
                    "detail": _text,
                }
            ),
        }
    )
