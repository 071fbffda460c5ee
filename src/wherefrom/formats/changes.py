"""What every tale of a change has: what was done, to what, by whom, where.

    audit event, webhook, plan ──► record ──describes──► change ──changes──► thing
                                                            └──associated_with──► who

The formats of changes say it in these words, so that a change is found in the same way whoever
told of it. People are named as ``descriptors.public_id`` has them: an e-mail address is hashed,
wherever it stands in a name.

Sizes:  a value is shown in full up to 256 characters, and by its digest beyond
Source: RFC 8785 for the spelling of values; the page of each format
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import canonical_json, names
from wherefrom.formats.descriptors import image_name, public_id
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.states import DECLARED, PART_BYTES_MAX, Scope, State

ANYWHERE: Final = Scope()
SHOWN_CHARS_MAX: Final = 256
_EMAIL = re.compile(r"[^\s/@:<>|]+@[^\s/@:<>|]+")
_SERVICE_ACCOUNT: Final = ".gserviceaccount.com"
_SOFTWARE: Final = ("[bot]", _SERVICE_ACCOUNT)


def change_id(system: str, id: str) -> str:
    """The id of a change, by what the system that made it calls it."""
    return f"change:{system}:{names.encode(id)}"


def add_change(
    builder: FactsBuilder,
    id: str,
    name: str,
    *,
    where: Scope = ANYWHERE,
    by: str | None = None,
    things: Iterable[str] = (),
    kind: str = "change",
    properties: Mapping[str, Any] | None = None,
) -> str:
    """Add an activity that the record describes; returns its id.

    by      the id of who did it
    things  the ids of what it changed, beside the service of ``where``
    kind    ``change``, ``deployment`` or another activity
    """
    said = {part: text or None for part, text in where._asdict().items()}
    builder.node(id, kind, shown(name), {**said, **(properties or {})})
    builder.edge(builder.document, "describes", id)
    if where.service:
        service = builder.node(names.service_id(where.service), "service", where.service)
        builder.edge(id, "changes", service)
    for thing in things:
        builder.edge(id, "changes", thing)
    if by is not None:
        builder.edge(id, "associated_with", by)
    return id


def add_who(
    builder: FactsBuilder, name: str | None, *, system: str, is_software: bool | None = None
) -> str | None:
    """Add who did it; ``name`` as ``system`` calls them. Returns the id, None for nobody.

    is_software  whether it is a program; else seen from its name
    """
    if not name:
        return None
    said = public_name(name)
    if said.startswith("person:"):
        return builder.node(said, "person")
    software = is_software
    if software is None:
        software = said.startswith("system:") or said.endswith(_SOFTWARE)
    id = said if said.startswith("arn:") else f"user:{system}:{names.encode(said)}"
    return builder.node(id, "software" if software else "person", said)


def public_name(name: str) -> str:
    """``name`` with every e-mail address in it hashed, but those of service accounts."""
    return _EMAIL.sub(lambda found: _hashed(found[0]), name)


def _hashed(address: str) -> str:
    return address if address.endswith(_SERVICE_ACCOUNT) else public_id(address)


def add_image(builder: FactsBuilder, reference: str) -> str:
    """The value of a state for an image: its digest's id, or a reference that names none."""
    image = image_name(reference)
    if image is None:
        return reference
    if image.digest is None:
        return f"{image.repository}:{image.tag}" if image.tag else image.repository
    node = builder.node(image.digest, "image", image.repository)
    if image.tag:
        builder.tag(f"{image.repository}:{image.tag}", node)
    return node


def artifact(
    builder: FactsBuilder, where: Scope, container: str, reference: str, *, at: str | None = None
) -> State:
    """That ``container`` is to run the image ``reference``, from ``at`` on."""
    value = add_image(builder, reference)
    return State(DECLARED, where, "artifact", container, value, reference, at=at)


def digest_of(value: object) -> str:
    """``sha256:`` of ``value`` in its one spelling."""
    return sha256_id(_spelled(value).encode("utf-8", "surrogatepass"))


def text_of(value: object) -> str:
    """A value of a setting as a short text: a string as it is, else JSON; a long one's digest."""
    text = value if isinstance(value, str) else _spelled(value)
    return text if len(text) <= SHOWN_CHARS_MAX else digest_of(value)


def _spelled(value: object) -> str:
    """Canonical JSON, so that 1.0 and 1 are one value. What has none (half a surrogate pair, a
    whole number that doubles do not hold) has its keys in order and nothing between."""
    try:
        return canonical_json.to_bytes(value).decode()
    except (Malformed, LimitPassed):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def short_name(name: str) -> str:
    """``name`` of a place in a slot; a long one by its beginning and its digest."""
    if len(name.encode("utf-8", "surrogatepass")) <= PART_BYTES_MAX:
        return name
    mark = "…" + digest_of(name).removeprefix("sha256:")[:32]
    room = PART_BYTES_MAX - len(mark.encode())
    return name.encode("utf-8", "surrogatepass")[:room].decode("utf-8", "ignore") + mark


def shown(text: str) -> str:
    """``text`` on one line, short enough to be a name."""
    line = text.partition("\n")[0].strip()
    return line if len(line) <= SHOWN_CHARS_MAX else line[: SHOWN_CHARS_MAX - 1] + "…"
