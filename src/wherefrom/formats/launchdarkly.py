"""LaunchDarkly's webhooks: entries of its audit log.

    {"_id", "date", "kind": "flag", "accesses": [{"action", "resource"}], "currentVersion", …}
                                      └ in which environments      └ what the flag is now

Source: LaunchDarkly, "Webhooks" and "Audit log"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wherefrom.formats import changes, flag_change
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts
from wherefrom.formats.flag_change import Now, millis
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import get_array, get_object, get_string, need_string

# proj/shop:env/production;tag:flag/dark;tag
_RESOURCE = re.compile(
    r"proj/(?P<project>[^:;]+)(?:;[^:]*)?:env/(?P<environment>[^:;]+)(?:;[^:]*)?:flag/(?P<flag>[^:;]+)"
)
_GONE: Final = frozenset({"deleteFlag"})
_OFF: Final = "off"


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be an entry of LaunchDarkly's audit log."""
    return document.keys() >= {"_id", "kind", "accesses", "date"}


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What an entry of the audit log says. Raises Malformed."""
    actions = []
    found: dict[str, set[str]] = {}
    for access in get_array(document, "accesses"):
        entry = access if isinstance(access, dict) else {}
        actions.append(str(entry.get("action", "")))
        place = _RESOURCE.match(str(entry.get("resource", "")))
        if place is not None:
            found.setdefault(place["flag"], set()).add(place["environment"])
    current = get_object(document, "currentVersion")
    target = get_object(document, "target")
    key = get_string(current, "key", where="currentVersion") or next(iter(found), None)
    named = get_string(document, "name") or get_string(target, "name", where="target")
    member = get_object(document, "member")
    is_flag = document.get("kind") == "flag" and key is not None
    said = sorted(found.get(key or "", ()))
    now = list(_now(current, said, actions, given)) if is_flag else []
    return flag_change.facts(
        document_id, given, system="launchdarkly", id=need_string(document, "_id"),
        name=get_string(document, "titleVerb") or " ".join(dict.fromkeys(actions)) or "change",
        key=key if is_flag else None, shown=named, now=now, time=millis(document, "date"),
        by=get_string(member, "email", where="member") or get_string(member, "_id"),
    )  # fmt: skip


def _now(
    current: Mapping[str, Any], said: list[str], actions: list[str], given: Scope
) -> Iterator[Now]:
    """What the flag is in each environment it was changed in."""
    environments = get_object(current, "environments", where="currentVersion")
    gone = not _GONE.isdisjoint(actions)
    for name in [each for each in said if each != "*"] or list(environments) or [""]:
        if gone:
            yield Now(name or given.environment, None)
            continue
        place = f"currentVersion.environments.{name}"
        inside = get_object(environments, name, where="currentVersion.environments")
        on = inside.get("on")
        if not isinstance(on, bool):
            yield Now(name or given.environment, None, is_known=False)
            continue
        index = inside.get("offVariation")
        if on:
            index = get_object(inside, "fallthrough", where=place).get("variation")
        version = inside.get("version")
        yield Now(
            name, _variation(current, index, on),
            version=version if isinstance(version, int) else None,
        )  # fmt: skip


def _variation(flag: Mapping[str, Any], index: object, on: bool) -> str:
    """The value that is given by default: of the variation with this index."""
    variations = get_array(flag, "variations", where="currentVersion")
    if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(variations):
        variation = variations[index]
        if isinstance(variation, dict) and "value" in variation:
            return changes.text_of(variation["value"])
    return "on" if on else _OFF
