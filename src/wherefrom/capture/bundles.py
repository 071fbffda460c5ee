"""Settings as files hold them become a bundle; what is secret leaves only a keyed hash.

    YAML, JSON, .env, .properties ──► nested values ──► path: value ──┬─ secret ──HMAC──► secrets
    a folder: each file under its path ───────────────────────────────┴──────────────────► settings

Which settings are secret: those that the schema marks (``writeOnly``, ``format: password``), whose
path a pattern names, or whose name or value looks like one. When in doubt, it is: a mistake then
costs a value in a comparison, and never a secret in a log that forgets nothing.

Sizes:  1 MiB a file · nested 64 deep · else those of ``formats.config_bundle``
Source: docs/formats/config-bundle.md
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wherefrom.capture.keyed_hashes import keyed_hash
from wherefrom.errors import LimitPassed, Malformed, SettingError, Unsupported
from wherefrom.formats import strict_json, yaml_text

FILE_BYTES_MAX: Final = 1024 * 1024
DEPTH_MAX: Final = 64
# Parts of names, without what is between letters: apiKey, API_KEY and api-key are one.
SECRET_NAMES: Final = (
    "password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey",
    "credential",
)  # fmt: skip
_SECRET_VALUE: Final = re.compile(
    # Of a URL's scheme only the end: a whole one is looked for from each letter of a long word.
    r"-----BEGIN [A-Z ]{0,64}PRIVATE KEY-----|[A-Za-z0-9+.-]://[^/\s:@]*:[^/\s@]+@"
)
_PLAIN_PART: Final = re.compile(r"[\w@$:/-]+")
_ENV_LINE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)")
_SECRET_MARKS: Final = ("writeOnly", "x-secret")


def read(name: str, written: bytes) -> Any:
    """The value of one file, by the end of its name. Raises Unsupported, Malformed, LimitPassed."""
    if len(written) > FILE_BYTES_MAX:
        raise LimitPassed("a file is too large", where=name, expected=f"{FILE_BYTES_MAX} bytes")
    try:
        text = written.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8 text", where=name) from error
    if name.endswith(".json"):
        return strict_json.decode(written, depth_max=DEPTH_MAX)
    if name.endswith((".yaml", ".yml")):
        return _yaml(text, name)
    if name.endswith((".properties", ".env")) or name.rpartition("/")[2].startswith(".env"):
        return _lines(text, name, is_env=not name.endswith(".properties"))
    raise Unsupported(
        "not a file of settings", where=name, expected=".yaml .yml .json .env .properties"
    )


def flat(value: Any) -> dict[str, Any]:
    """``{"a": {"b": 1}}`` as ``{"a.b": 1}``; a list of plain values is one value.

    A part with a dot, a bracket or a blank in it is quoted, so that no two paths are one.
    Raises Malformed for what is no object, LimitPassed.
    """
    if not isinstance(value, dict):
        raise Malformed("settings have names", expected="an object", got=type(value).__name__)
    pairs = list(_flat("", value, 0))
    found = dict(pairs)
    if len(found) != len(pairs):  # 1 and "1" are two keys of YAML
        raise Malformed("two settings with one name", expected="each name once")
    return found


def _flat(path: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > DEPTH_MAX:
        raise LimitPassed("settings nested too deep", where=path[:80], expected=f"{DEPTH_MAX}")
    if isinstance(value, dict) and (value or not path):
        for key, inner in value.items():
            if not isinstance(key, str):
                key = json.dumps(key) if isinstance(key, int | float | None) else str(key)
            part = key if _PLAIN_PART.fullmatch(key) else json.dumps(key, ensure_ascii=False)
            yield from _flat(f"{path}.{part}" if path else part, inner, depth + 1)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, inner in enumerate(value):
            yield from _flat(f"{path}[{number}]", inner, depth + 1)
    else:
        yield path, value


def is_secret(
    path: str, value: Any, *, patterns: Sequence[str] = (), plain: Sequence[str] = ()
) -> bool:
    """Whether a setting may not be shown.

    patterns  paths that are secret, with ``*``; ``plain`` those that are not, whatever their names
    """
    if is_like(path, patterns):
        return True
    if is_like(path, plain):
        return False
    name = re.sub(r"[^a-z0-9.]", "", path.lower())
    if any(word in name for word in SECRET_NAMES):
        return True
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, str) and _SECRET_VALUE.search(item) for item in items)


def is_like(path: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns is of this path."""
    low = path.lower()
    return any(fnmatch.fnmatchcase(low, pattern.lower()) for pattern in patterns)


def split(
    settings: Mapping[str, Any],
    *,
    key: bytes | None,
    patterns: Sequence[str] = (),
    plain: Sequence[str] = (),
) -> tuple[dict[str, Any], dict[str, str]]:
    """What may be shown, and the keyed hashes of the rest.

    Raises SettingError if there is a secret and no key to hash it with.
    """
    shown: dict[str, Any] = {}
    hidden: dict[str, str] = {}
    for path, value in settings.items():
        if not is_secret(path, value, patterns=patterns, plain=plain):
            shown[path] = value
        elif key is None:
            raise SettingError(
                "a setting is secret, and there is no key to hash it with", where=path,
                do="Give --hash-key FILE, which is made if it is not there; or, if this is no"
                f" secret, --not-secret '{path}'",
            )  # fmt: skip
        else:
            hidden[path] = keyed_hash(path, value, key)
    return shown, hidden


def secret_patterns(schema: Mapping[str, Any]) -> list[str]:
    """Paths that a JSON Schema marks as secret, as patterns: ``writeOnly``, ``format: password`` or
    ``x-secret`` of properties, however deep; a part of any name is ``*``."""
    return list(dict.fromkeys(_marked(schema, schema, "", ())))


def _marked(
    root: Mapping[str, Any], schema: Any, path: str, led_by: tuple[str, ...]
) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    if path and (
        any(schema.get(mark) is True for mark in _SECRET_MARKS)
        or schema.get("format") == "password"
    ):
        yield path
        yield from (f"{path}.*", f"{path}[[]*")  # and whatever is below it
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        if reference in led_by:
            raise Unsupported(
                "a schema that leads back to itself does not say which settings are secret",
                where=path, got=reference, do="Write the levels out, or use --secret PATTERN",
            )  # fmt: skip
        yield from _marked(root, _at(root, reference), path, (*led_by, reference))
    for key in ("allOf", "anyOf", "oneOf"):
        for inner in schema.get(key) or ():
            yield from _marked(root, inner, path, led_by)
    for name, inner in (schema.get("properties") or {}).items():
        part = name if _PLAIN_PART.fullmatch(name) else json.dumps(name, ensure_ascii=False)
        part = re.sub(r"([*?[])", r"[\1]", part)
        yield from _marked(root, inner, f"{path}.{part}" if path else part, led_by)
    for key in ("additionalProperties", "patternProperties"):
        found = schema.get(key)
        for inner in found.values() if key == "patternProperties" and found else [found]:
            yield from _marked(root, inner, f"{path}.*" if path else "*", led_by)
    if isinstance(schema.get("items"), dict):
        # A list of plain values is one setting, of objects one each.
        for item in (path, f"{path}[[]*]"):
            yield from _marked(root, schema["items"], item, led_by)


def _at(root: Any, reference: str) -> Any:
    for part in reference[2:].split("/") if len(reference) > 1 else ():
        part = part.replace("~1", "/").replace("~0", "~")
        root = root.get(part) if isinstance(root, dict) else None
    return root


def _yaml(text: str, name: str) -> Any:
    import yaml  # late: most commands read none

    class Loader(yaml.SafeLoader):
        """Without times, which JSON has not, and with each key once."""

        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
            for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            self.flatten_mapping(node)
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            if len({repr(key) for key in keys}) != len(keys):
                raise Malformed("a mapping names one key twice", where=name)
            return super().construct_mapping(node, deep)

    yaml_text.need_shallow(text, where=name)
    try:
        found = yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        # Without the text itself, which may hold a secret.
        said = str(getattr(error, "problem", None) or type(error).__name__)
        raise Malformed("not YAML", where=f"{name}{line}", got=said[:80]) from error
    except RecursionError as error:
        raise LimitPassed("nested too deep", where=name, expected=f"{DEPTH_MAX}") from error
    return {} if found is None else found


def _lines(text: str, name: str, *, is_env: bool) -> dict[str, Any]:
    """``KEY=value`` lines; of properties the key's dots are levels, of both all values are text."""
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#!":
            continue
        match = (_ENV_LINE if is_env else _PROPERTY).fullmatch(line)
        if match is None or (not is_env and line.endswith("\\")):
            raise Malformed(
                "not a setting", where=f"{name}, line {number}", expected="KEY=VALUE on one line"
            )
        key, value = match[1], match[2].strip()
        if is_env and len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        _put(found, [key] if is_env else key.split("."), value, f"{name}, line {number}")
    return found


_PROPERTY: Final = re.compile(r"([^\s=:]+)\s*[=:\s]\s*(.*)")


def _put(into: dict[str, Any], parts: Sequence[str], value: str, where: str) -> None:
    for part in parts[:-1]:
        into = into.setdefault(part, {})
        if not isinstance(into, dict):
            raise Malformed("a setting that is a level too", where=where, got=".".join(parts))
    if parts[-1] in into:
        raise Malformed("a setting that is there twice", where=where, got=".".join(parts))
    into[parts[-1]] = value
