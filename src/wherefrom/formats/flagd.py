"""flagd's flag files: what each flag of an environment gives when nothing else is said.

    {"flags": {"dark": {"state", "variants", "defaultVariant", "targeting"}, …}}
          └ State(declared, environment, flag "dark", the default variant's value) …
          └ Whole(declared, environment, flag): a flag that is not in the file is no more

A file does not say where it holds: the CloudEvent around it does, or it is said of anywhere. What
a flag gives to some callers (``targeting``) is one digest beside its value.

Sizes:  20,000 flags · a value in full up to 256 characters, else its digest
Source: flagd.dev/schema/v0/flagd.json and flags.json
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import changes, names
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import DECLARED, Scope, State, Whole
from wherefrom.formats.strict_json import as_object, get_object, get_string, need_object

TYPE: Final = "https://flagd.dev/schema/v0/flagd.json"
FLAGS_MAX: Final = 20_000
DISABLED: Final = "disabled"
CODE_DEFAULT: Final = "code default"
_KEYS: Final = frozenset({"$schema", "$evaluators", "flags", "metadata"})


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be a flag file: by its schema, or by flags that have variants."""
    flags = document.get("flags")
    if not isinstance(flags, dict | list):
        return False
    if "flagd" in str(document.get("$schema", "")):
        return True
    listed = flags.values() if isinstance(flags, dict) else flags
    return document.keys() <= _KEYS and all(
        isinstance(flag, dict) and "variants" in flag for flag in listed
    )


def facts(document: Mapping[str, Any], *, document_id: str, given: Scope = ANYWHERE) -> Facts:
    """What the file declares.

    given  where it holds

    Raises Malformed for a flag without state or variants, or with a default that is none of them.
    """
    builder = FactsBuilder(document=document_id)
    metadata = get_object(document, "metadata")
    version = get_string(metadata, "version", where="metadata")
    builder.node(document_id, "event", "flags", {"format": "flagd", "version": version})
    flags = list(_flags(document))
    if len(flags) > FLAGS_MAX:
        raise LimitPassed(
            "a flag file has too many flags", expected=f"flags_max {FLAGS_MAX}", got=len(flags)
        )
    for key, flag, where in flags:
        value, variant = _value(flag, where)
        targeting = flag.get("targeting")
        said = {
            "variant": variant,
            "targeting": changes.digest_of(targeting) if targeting else None,
        }
        kept = {name: text for name, text in said.items() if text is not None}
        builder.state(State(DECLARED, given, "flag", key, value, properties=kept or None))
        node = builder.node(names.flag_id(given.environment, key), "flag", key)
        builder.edge(document_id, "describes", node)
    builder.all_of(Whole(DECLARED, given, ("flag",)))
    return builder.build(kind="change", type=TYPE)


def _flags(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each flag with its key, and the place it stands at. A list may hold one key for several
    sets, and names those by set too."""
    flags = document["flags"]
    if isinstance(flags, dict):
        for key, flag in flags.items():
            if not key:
                raise Malformed("a flag without a key", where="flags")
            yield key, as_object(flag, where=f"flags.{key}"), f"flags.{key}"
        return
    listed = [as_object(flag, where=f"flags[{at}]") for at, flag in enumerate(flags)]
    own_set = get_object(document, "metadata").get("flagSetId", "")
    found = []
    for at, flag in enumerate(listed):
        key = get_string(flag, "key", where=f"flags[{at}]")
        if key is None:
            raise Malformed("a flag without a key", where=f"flags[{at}]")
        set_ = get_object(flag, "metadata", where=f"flags[{at}]").get("flagSetId", own_set)
        found.append((key, f"{set_}/{key}"))
    times = Counter(key for key, _ in found)
    if len(set(found)) < len(found):
        twice = next(full for (_, full), count in Counter(found).items() if count > 1)
        raise Malformed("a flag stands twice in one set", where="flags", got=twice)
    for at, ((key, full), flag) in enumerate(zip(found, listed, strict=True)):
        yield (full if times[key] > 1 else key), flag, f"flags[{at}]"


def _value(flag: Mapping[str, Any], where: str) -> tuple[str, str | None]:
    """What the flag gives by default, and which variant that is."""
    variants = need_object(flag, "variants", where=where)
    state = get_string(flag, "state", where=where)
    if state not in ("ENABLED", "DISABLED"):
        raise Malformed(
            "not a state of a flag", where=f"{where}.state", expected="ENABLED or DISABLED",
            got=state,
        )  # fmt: skip
    variant = get_string(flag, "defaultVariant", where=where)
    if variant is not None and variant not in variants:
        raise Malformed(
            "a default that is no variant of its flag", where=f"{where}.defaultVariant",
            expected=" or ".join(variants), got=variant,
        )  # fmt: skip
    if state == "DISABLED":
        return DISABLED, variant
    return (CODE_DEFAULT, None) if variant is None else (
        changes.text_of(variants[variant]), variant
    )  # fmt: skip
