"""in-toto's steps: links, which say what a step did, and layouts, which say what it ought to do.

    link    material ◄──used── activity ◄──generated_by── product
    layout  document ──contains──► step (a job) ──attributed_to──► the keys that may sign for it

A link lists as product whatever lay there afterwards; a file that was a material too, with the
same digest, was not made by the step and is only ``used``. What stands in ``environment`` and in
the output of a command stays in the content: they are not for everyone.

The same two documents come bare, in the old wrapper (``in_toto_legacy``), in DSSE, and a link
also as the predicate of a statement, where the subjects are its products.

Sizes:  64 words of a command, 256 characters each · 64 rules a step
Source: in-toto specification v1.0 §4.3 and §4.4; in-toto attestation spec, predicates/link.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wherefrom.errors import Malformed, Unsupported
from wherefrom.formats import names, strict_json, timestamps
from wherefrom.formats.descriptors import resource
from wherefrom.formats.facts import Facts, FactsBuilder

LINK_TYPE: Final = "application/vnd.in-toto.link+json"
LAYOUT_TYPE: Final = "application/vnd.in-toto.layout+json"
_LINK_PREDICATE = re.compile(r"https://in-toto\.io/(?:attestation/link|Link)/v[0-9]+(?:\.[0-9]+)?")
_WORDS_MAX: Final = 64
_WORD_CHARS_MAX: Final = 256
_RULES_MAX: Final = 64
# SubjectPublicKeyInfo of an Ed25519 key is this and the 32 bytes of the key: RFC 8410 §4.
_ED25519_SPKI: Final = bytes.fromhex("302a300506032b6570032100")
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this is a link or a layout, without what is around it."""
    return document.get("_type") in ("link", "layout")


def is_link(predicate_type: str) -> bool:
    """Whether this is a link as the predicate of a statement."""
    return _LINK_PREDICATE.fullmatch(predicate_type) is not None


def facts(document: Mapping[str, Any], *, document_id: str, where: str = "") -> Facts:
    """What a link or a layout says.

    where  path of the document in the record, for messages

    Raises Malformed for a name that is missing and for fields of the wrong type.
    """
    builder = FactsBuilder(document=document_id)
    kind = strict_json.need_string(document, "_type", where=where)
    if kind == "layout":
        _layout(builder, document, document_id=document_id, where=where)
        return builder.build(kind="attestation", type=LAYOUT_TYPE)
    if kind != "link":
        raise Unsupported(
            "not a step of in-toto's",
            where=_at(where, "_type"),
            expected="link or layout",
            got=kind,
        )
    name = strict_json.need_string(document, "name", where=where)
    builder.node(document_id, "attestation", f"link {name}", {"step": name})
    activity = builder.node(f"activity:{document_id}", "activity", name)
    builder.edge(document_id, "describes", activity)
    products = _artifacts(builder, document, "products", where)
    for product in products:
        builder.edge(document_id, "describes", product)
    ran(builder, document, activity=activity, products=products, where=where)
    return builder.build(kind="attestation", type=LINK_TYPE)


def link_facts(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    activity: str,
    where: str,
) -> None:
    """Add what a link says that is the predicate of a statement about ``subjects``.

    activity  the id to give to what it tells of

    An empty link says no more than its subjects. Raises Malformed for fields of the wrong type.
    """
    if not predicate:
        return
    name = strict_json.get_string(predicate, "name", where=where)
    builder.node(activity, "activity", name)
    ran(builder, predicate, activity=activity, products=subjects, where=where)


def ran(
    builder: FactsBuilder,
    link: Mapping[str, Any],
    *,
    activity: str,
    products: Sequence[str],
    where: str,
) -> None:
    """Add the command of ``link``, what it used, and which of ``products`` it made."""
    byproducts = strict_json.get_object(link, "byproducts", where=where)
    strict_json.get_object(link, "environment", where=where)
    status = byproducts.get("return-value", byproducts.get("returnValue"))
    properties = {
        "command": command_of(link, "command", where=where),
        "exitCode": status if isinstance(status, int) else None,
    }
    builder.node(activity, "activity", None, properties)
    materials = _artifacts(builder, link, "materials", where)
    for material in materials:
        builder.edge(activity, "used", material)
    unchanged = set(materials)
    for product in products:
        if product not in unchanged:
            builder.edge(product, "generated_by", activity)


def command_of(parent: Mapping[str, Any], key: str, *, where: str) -> list[str] | None:
    """The words of a command that is a list, or one text; cut to what people read."""
    words = parent.get(key)
    if isinstance(words, str):
        words = words.split()
    words = strict_json.as_array([] if words is None else words, where=_at(where, key))
    kept = [
        strict_json.as_string(word, where=f"{_at(where, key)}[{index}]")[:_WORD_CHARS_MAX]
        for index, word in enumerate(words)
    ]
    return [*kept[:_WORDS_MAX], *(["…"] if len(kept) > _WORDS_MAX else [])] or None


def _artifacts(
    builder: FactsBuilder, link: Mapping[str, Any], key: str, where: str
) -> Sequence[str]:
    """The nodes of ``{path: {algorithm: digest}}``, or of a list of ResourceDescriptors."""
    place = _at(where, key)
    if isinstance(link.get(key), list):
        listed = strict_json.get_array(link, key, where=where)
        items = [
            (f"{place}[{n}]", strict_json.as_object(i, where=place)) for n, i in enumerate(listed)
        ]
    else:
        items = digested_items(strict_json.get_object(link, key, where=where), where=place)
    found = [resource(builder, item, where=at) for at, item in items]
    return list(dict.fromkeys(node for node in found if node))


def digested_items(paths: Mapping[str, Any], *, where: str) -> list[tuple[str, dict[str, Any]]]:
    """``{path: {algorithm: digest}}`` as (place, ResourceDescriptor)."""
    found: list[tuple[str, dict[str, Any]]] = []
    for path, digest in paths.items():
        at = f"{where}[{path[:80]!r}]"
        found.append((at, {"name": path, "digest": strict_json.as_object(digest, where=at)}))
    return found


def _at(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


# Layouts.


def _layout(
    builder: FactsBuilder, layout: Mapping[str, Any], *, document_id: str, where: str
) -> None:
    readme = (strict_json.get_string(layout, "readme", where=where) or "").strip()
    expires = strict_json.get_string(layout, "expires", where=where)
    if expires is not None:
        expires = timestamps.canonical(expires, where=_at(where, "expires"))
    title = readme.splitlines()[0][:_WORD_CHARS_MAX] if readme else "layout"
    builder.node(document_id, "policy", title, {"expires": expires})
    keys = {
        keyid: _key(builder, keyid, key, where=f"{_at(where, 'keys')}[{keyid[:80]!r}]")
        for keyid, key in strict_json.get_object(layout, "keys", where=where).items()
    }
    for index, item in enumerate(strict_json.get_array(layout, "steps", where=where)):
        place = _at(where, f"steps[{index}]")
        step = strict_json.as_object(item, where=place)
        node = _rule(builder, step, "expected_command", document_id=document_id, where=place)
        threshold = step.get("threshold", 1)
        if not isinstance(threshold, int) or isinstance(threshold, bool):
            raise Malformed(
                "a field has the wrong type", where=f"{place}.threshold", expected="an integer",
                got=threshold,
            )  # fmt: skip
        builder.node(node, "job", None, {"threshold": threshold})
        for number, keyid in enumerate(strict_json.get_array(step, "pubkeys", where=place)):
            keyid = strict_json.as_string(keyid, where=f"{place}.pubkeys[{number}]")
            agent = keys.get(keyid) or builder.node(f"key:{keyid}", "software", keyid)
            builder.edge(node, "attributed_to", agent, {"as": "functionary"})
    for index, item in enumerate(strict_json.get_array(layout, "inspect", where=where)):
        place = _at(where, f"inspect[{index}]")
        inspection = strict_json.as_object(item, where=place)
        _rule(builder, inspection, "run", document_id=document_id, where=place, inspection=True)


def _rule(
    builder: FactsBuilder,
    item: Mapping[str, Any],
    command: str,
    *,
    document_id: str,
    where: str,
    inspection: bool = False,
) -> str:
    """Add a step or an inspection; its rules are told as in-toto writes them, ``MATCH * …``."""
    name = strict_json.need_string(item, "name", where=where)
    properties: dict[str, Any] = {
        command: command_of(item, command, where=where),
        "inspection": inspection or None,
    }
    for key in ("expected_materials", "expected_products"):
        rules = strict_json.get_array(item, key, where=where)
        told = []
        for index, rule in enumerate(rules):
            place = f"{where}.{key}[{index}]"
            words = strict_json.as_array(rule, where=place)
            told.append(" ".join(strict_json.as_string(w, where=place) for w in words))
        properties[key] = [rule[:_WORD_CHARS_MAX] for rule in told[:_RULES_MAX]] or None
    kind = "inspection" if inspection else "step"
    node = builder.node(names.job_id(f"{document_id}/{kind}", name), "job", name, properties)
    builder.edge(document_id, "contains", node)
    return node


def _key(builder: FactsBuilder, keyid: str, key: object, *, where: str) -> str:
    """The node of a key: our id for it where its bytes are told, else the layout's own."""
    key = strict_json.as_object(key, where=where)
    value = strict_json.get_object(key, "keyval", where=where)
    public = strict_json.get_string(value, "public", where=f"{where}.keyval")
    spki = _spki(public) if public else None
    id = "k:" + hashlib.sha256(spki).hexdigest()[:32] if spki else f"key:{keyid}"
    scheme = strict_json.get_string(key, "scheme", where=where)
    return builder.node(id, "software", f"key {keyid[:16]}", {"keyid": keyid, "scheme": scheme})


def _spki(public: str) -> bytes | None:
    """The SubjectPublicKeyInfo in PEM, or of the 64 hex digits of an Ed25519 key; else None."""
    pem = _PEM.search(public)
    try:
        if pem:
            return base64.b64decode("".join(pem[1].split()), validate=True)
        raw = bytes.fromhex(public) if len(public) == 64 else b""
    except (binascii.Error, ValueError):
        return None
    return _ED25519_SPKI + raw if raw else None
