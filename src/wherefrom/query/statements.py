"""The statement in a record, whatever it was signed and sent in.

DSSE · Sigstore bundle · CloudEvent · a record of a batch ──► {"predicateType", "predicate"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Refused
from wherefrom.formats import batch, cloudevents, dsse, sigstore_bundle, statement, strict_json

_WRAPPED_MAX: Final = 4


def predicate_in(content: bytes, predicate_type: str) -> dict[str, Any] | None:
    """The predicate of a record's statement, if it is of this type; else None.

    content  as it is in the log: what was refused at the door is not there
    """
    found = statement_in(content)
    return None if found is None or found[0] != predicate_type else found[1]


def statement_in(content: bytes) -> tuple[str, dict[str, Any]] | None:
    """Predicate type and predicate of a record's statement; None if it holds none. As above."""
    try:
        found = whole_statement_in(content)
        if found is None:
            return None
        type = strict_json.need_string(found, "predicateType")
        return type, strict_json.get_object(found, "predicate")
    except Refused:  # a newer program took what this one does not
        return None


def whole_statement_in(content: bytes) -> Mapping[str, Any] | None:
    """A record's statement, as it was written; None if it holds none. As above."""
    try:
        if batch.is_batched(content):
            content = batch.parse(content).record
        return _statement(strict_json.decode(content))
    except Refused:  # no JSON; or a newer program took what this one does not
        return None


def _statement(document: Any) -> Mapping[str, Any] | None:
    for _ in range(_WRAPPED_MAX):
        if not isinstance(document, dict):
            return None
        if statement.recognises(document):
            return document
        if cloudevents.recognises(document):
            document = document.get("data")
        elif sigstore_bundle.recognises(document):
            document = document.get("dsseEnvelope")
        elif dsse.recognises(document):
            document = dsse.statement_of(dsse.parse(document))
        else:
            return None
    return None
