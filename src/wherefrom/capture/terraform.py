"""A plan or state of Terraform without what must not be kept.

    terraform show -json ┐
    a file of state      ┴──► what facts rest on, of that secrets as keyed hashes ──► the record

Left out is all that no fact rests on: variables, outputs, configuration, what providers keep for
themselves. A secret is what Terraform marks as sensitive, what is named or looks like one, and what
a resource that is a secret holds: files of state do not mark what a provider calls sensitive. When
in doubt, it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wherefrom.capture.bundles import is_like, is_secret
from wherefrom.capture.keyed_hashes import keyed_hash
from wherefrom.errors import Refused, SettingError
from wherefrom.formats import strict_json, terraform_state
from wherefrom.formats.keyed_hash import is_keyed
from wherefrom.formats.terraform_secrets import Settings, Value, settings

_KEPT: Final = (
    "format_version", "terraform_version", "timestamp", "errored", "complete", "applyable",
    "lineage", "serial",
)  # fmt: skip
_OF_RESOURCE: Final = (
    "address", "previous_address", "module_address", "mode", "type", "name", "index",
    "provider_name", "schema_version", "deposed", "deposed_key", "tainted", "action_reason",
    "values", "sensitive_values",
)  # fmt: skip
_OF_CHANGE: Final = (
    "actions", "before", "after", "after_unknown", "before_sensitive", "after_sensitive",
)  # fmt: skip
# ``random_password.result``, ``aws_ssm_parameter.value``, ``kubernetes_secret_v1.data``
_OF_SECRETS: Final = re.compile(
    r"secret|sensitive|password|token|credential|private_key|parameter|_key$"
)
_HELD: Final = re.compile(
    r"(?:\w+_)?(?:value|result|data|content|json|string|binary|pem|hash|openssh|pkcs8)(?:_\w+)?"
)
_OF_MANIFEST: Final = ("data", "stringData", "metadata.annotations")
# ``PASSWORD=x`` anywhere in a text; ``password: x`` on a line of its own. What stands for
# something else (``$PASSWORD``, ``{{ password }}``) is none.
_NAMED_SO: Final = (
    r"(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credential)[\w.-]{0,64}[\"']?"
)
_VALUE: Final = r"[\"']?[^\s\"'$<{=]"
_ASSIGNED: Final = re.compile(rf"(?i){_NAMED_SO}={_VALUE}")
_SET: Final = re.compile(
    rf"(?im)^[ \t\"'-]{{0,256}}[\w.-]{{0,64}}{_NAMED_SO}[ \t]{{0,64}}"
    rf"(?::[ \t]|=)[ \t]{{0,64}}{_VALUE}"
)
_CONNECTION: Final = "connection_string"
_PART: Final = re.compile(r"[.\[]")


def without_secrets(
    document: Mapping[str, Any],
    key: bytes | None,
    *,
    patterns: Sequence[str] = (),
    plain: Sequence[str] = (),
) -> dict[str, Any]:
    """A new document.

    key       hashes what is secret; None where there is none
    patterns  paths of settings in a resource that are secret, with ``*``; ``plain`` those that are
              not, unless Terraform marks them

    Raises SettingError if there is a secret and no key; Unsupported for a file of state of another
    version, Malformed for a broken one.
    """
    if terraform_state.recognises(document):
        document = terraform_state.shown(document)
    kept = {key: document[key] for key in _KEPT if key in document}
    for name in ("resource_changes", "resource_drift"):
        if name in document:
            kept[name] = _each(document[name], _changed)
    values = document.get("values")
    if isinstance(values, dict) and "root_module" in values:
        kept["values"] = {"root_module": _module(values["root_module"])}
    for found in settings(kept):
        for one in found.in_clear():
            _hide(one, key)
        for one in found.leaves():
            value = one.parent[one.key]
            if value is None or is_keyed(value):
                continue
            holds_one = (
                _holds_one(found.type, one.path)
                or _is_of_secret(found, one.path)
                or _is_named_beside(one)
                or (isinstance(value, str) and _says_one(value))
            )
            if (holds_one and not is_like(one.path, plain)) or is_secret(
                one.path, value, patterns=patterns, plain=plain
            ):
                _hide(one, key)
    return kept


def _holds_one(type: str, path: str) -> bool:
    """Whether it is by its type that a resource has a secret there."""
    name = _PART.split(path, maxsplit=1)[0]
    if name.startswith("set_sensitive"):  # of a release of Helm
        return path.endswith(".value")
    return _CONNECTION in path or (
        _OF_SECRETS.search(type) is not None and _HELD.fullmatch(name) is not None
    )


def _is_of_secret(found: Settings, path: str) -> bool:
    """Whether it is what a Secret of Kubernetes holds, which a resource has as an object."""
    top, _, rest = path.partition(".")
    whole = found.whole.parent[found.whole.key]
    manifest = whole.get(top) if isinstance(whole, dict) else None
    is_one = isinstance(manifest, dict) and manifest.get("kind") == "Secret"
    return is_one and rest.startswith(_OF_MANIFEST)


def _is_named_beside(one: Value) -> bool:
    """``{"name": "DB_PASSWORD", "value": "…"}``, as environments of containers are written."""
    if one.key != "value" or not isinstance(one.parent, dict):
        return False
    names = (one.parent.get(key) for key in ("name", "key"))
    return any(isinstance(name, str) and is_secret(name, None) for name in names)


def _says_one(text: str) -> bool:
    """Whether a text holds a secret among others: a script, a file of settings, a JSON."""
    if _ASSIGNED.search(text) or ("\n" in text and _SET.search(text)):
        return True
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        value = strict_json.decode(text.encode("utf-8", "surrogatepass"))
    except Refused:
        return False
    inside = Settings(Value({"": value}, "", where="", of="", path=""), None)
    return any(
        one.parent[one.key] and (_is_named_beside(one) or _has_secret_name(one.key))
        for one in inside.leaves()
    )


def _has_secret_name(key: object) -> bool:
    # ``token.actions.githubusercontent.com:aud`` is a condition of a policy, and no setting.
    return isinstance(key, str) and ":" not in key and is_secret(key, None)


def _hide(one: Value, key: bytes | None) -> None:
    """A secret is hashed under the address of its resource: in a plan and in a state alike."""
    if key is None:
        raise SettingError(
            "a value is secret, and there is no key to hash it with", where=one.where,
            do="Give --hash-key FILE, which is made if it is not there; or, if it is none and"
            f" nothing marks it as sensitive, --not-secret '{one.path}'",
        )  # fmt: skip
    one.parent[one.key] = keyed_hash(f"{one.of}.{one.path}", one.parent[one.key], key)


def _module(module: object) -> object:
    """With all that is below it. Nested as deep as it was read, which has a limit."""
    if not isinstance(module, dict):
        return module
    made = {"resources": _each(module.get("resources", []), _resource)}
    if "child_modules" in module:
        made["child_modules"] = _each(module["child_modules"], _module)
    return made


def _each(listed: object, copy: Any) -> object:
    return [copy(one) for one in listed] if isinstance(listed, list) else listed


def _changed(resource: object) -> object:
    made = _resource(resource)
    if isinstance(made, dict) and isinstance(resource, dict) and "change" in resource:
        change = resource["change"]
        made["change"] = (
            {key: _copy(change[key]) for key in _OF_CHANGE if key in change}
            if isinstance(change, dict) else change
        )  # fmt: skip
    return made


def _resource(resource: object) -> object:
    if not isinstance(resource, dict):
        return resource
    return {key: _copy(resource[key]) for key in _OF_RESOURCE if key in resource}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
