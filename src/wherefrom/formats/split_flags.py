"""Split's (Harness FME) webhooks: changes of its audit log.

    {"name", "definition", "environmentName", "editor", "changeNumber", "time", "previous"}

Source: Harness FME, "Webhook (audit logs)"
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from wherefrom.errors import Refused
from wherefrom.formats import changes, flag_change, strict_json
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts
from wherefrom.formats.flag_change import Now, id_of, millis
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import get_string, need_string


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a change of Split's audit log."""
    return document.keys() >= {"name", "definition", "environmentName", "editor"}


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What a change says. Raises Malformed."""
    key = need_string(document, "name")
    environment = get_string(document, "environmentName") or given.environment
    value = _default(document.get("definition"))
    version = document.get("changeNumber")
    time = millis(document, "time") or millis(document, "changeNumber")
    now = Now(
        environment, value, is_known=value is not None,
        version=version if isinstance(version, int) else None,
    )  # fmt: skip
    return flag_change.facts(
        document_id, given, system="split", id=id_of(document, "changeNumber", key, time),
        name=get_string(document, "type") or "change", key=key, shown=None, now=[now], time=time,
        by=get_string(document, "editor"),
    )  # fmt: skip


def _default(definition: object) -> str | None:
    """What the flag gives: the default treatment of one that is killed, else the digest of its
    rules; None if neither is there."""
    if isinstance(definition, str) and definition.startswith("{"):
        with suppress(Refused):  # it is in Split's own language then
            definition = strict_json.decode(definition.encode("utf-8", "surrogatepass"))
    if isinstance(definition, dict) and definition.get("killed") is True:
        treatment = definition.get("defaultTreatment")
        if isinstance(treatment, str) and treatment:
            return changes.text_of(treatment)
    return changes.digest_of(definition) if definition else None
