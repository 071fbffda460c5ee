"""Unleash's webhooks: its events.

    {"type": "feature-environment-enabled", "featureName", "environment", "createdBy", …}

Source: Unleash, "Event types"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.formats import flag_change, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts
from wherefrom.formats.flag_change import Now, id_of
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import get_object, get_string, need_string

_GONE: Final = frozenset({"feature-deleted", "feature-archived"})
_OFF: Final = "off"


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be an event of Unleash."""
    return document.keys() >= {"type", "createdBy", "createdAt"} and "featureName" in document


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What an event says. Raises Malformed."""
    event = need_string(document, "type")
    data = get_object(document, "data")
    key = get_string(document, "featureName")
    environment = get_string(document, "environment") or given.environment
    now = []
    if event in _GONE:
        now = [Now(environment, None)]
    elif event in ("feature-environment-enabled", "feature-environment-disabled"):
        now = [Now(environment, "on" if event.endswith("-enabled") else _OFF)]
    elif isinstance(data.get("enabled"), bool):
        now = [Now(environment, "on" if data["enabled"] else _OFF)]
    time = timestamps.canonical(need_string(document, "createdAt"), where="createdAt")
    return flag_change.facts(
        document_id, given, system="unleash", id=id_of(document, "id", event, time),
        name=event, key=key, shown=None, now=now or [Now(environment, None, is_known=False)],
        time=time, by=get_string(document, "createdBy"),
    )  # fmt: skip
