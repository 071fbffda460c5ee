"""A config bundle: settings, hashed and versioned, as the predicate of a statement.

    {"name", "version", "kind", "settings": {path: value}, "secrets": {path: keyed hash}, …}
        └ kind, settings, secrets, meaning, maxSeconds ──RFC 8785──► SHA-256: its identity

The statement's subject is the bundle under that digest; one whose contents have another digest is
refused, so that what is read of a bundle is what was activated, whoever brought it. Name and
version are how people call it: the same settings under two versions are one bundle.

A secret stands here as a keyed hash only, ``hmac-sha256:<key>:<64 hex>``, never as a value. How
settings are read from files, and which of them are secret, is ``capture.bundles``.

Sizes:  SETTINGS_MAX settings · a path 1,024 bytes of UTF-8 · all of it 4 MiB · a mode 366 days
Source: DESIGN, "Reality"; docs/formats/config-bundle.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import canonical_json, digests, keyed_hash, statement_shape
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.strict_json import get_object, get_string, need_object, need_string

PREDICATE_TYPE: Final = "urn:wherefrom:config-bundle:v1"
# kind → the slot of the estate that it is activated in.
KINDS: Final[Mapping[str, str]] = {
    "config": "config",
    "policy": "policy",
    "safe_mode": "safe_mode",
}
SETTINGS_MAX: Final = 10_000
PATH_BYTES_MAX: Final = 1024
BUNDLE_BYTES_MAX: Final = 4 * 1024 * 1024
NAME_BYTES_MAX: Final = 128
SECONDS_MAX: Final = 366 * 86_400
_KEYS: Final = frozenset(
    {"name", "version", "kind", "settings", "secrets", "meaning", "maxSeconds", "revises", "schema"}
)


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """One bundle.

    settings     path → JSON value
    secrets      path → keyed hash
    meaning      of a safe mode: what it is for; ``max_seconds``: for how long at most
    revises      digest of the bundle before, if it was named
    schema       digest of the JSON Schema that the settings were valid under
    """

    name: str
    kind: str = "config"
    version: str = ""
    settings: Mapping[str, Any] = {}
    secrets: Mapping[str, str] = {}
    meaning: str | None = None
    max_seconds: int | None = None
    revises: str | None = None
    schema: str | None = None

    @property
    def digest(self) -> str:
        """``sha256:`` of what it holds."""
        held: dict[str, Any] = {
            "kind": self.kind, "settings": dict(self.settings), "secrets": dict(self.secrets),
        }  # fmt: skip
        if self.kind == "safe_mode":
            held |= {"meaning": self.meaning, "maxSeconds": self.max_seconds}
        return digests.sha256_id(canonical_json.to_bytes(held))


class SettingChange(msgspec.Struct, frozen=True, kw_only=True):
    """One setting that is not alike in two bundles.

    what    ``added``, ``removed``, ``changed``; ``unknown``: secrets hashed under two keys
    before  and ``after``: the values; of a secret always None
    """

    key: str
    what: str
    before: Any = None
    after: Any = None
    secret: bool = False


def to_predicate(bundle: Bundle) -> dict[str, Any]:
    """What the statement says. Raises Malformed or LimitPassed for what ``parse`` would refuse."""
    told = {
        "name": bundle.name, "version": bundle.version, "kind": bundle.kind,
        "settings": dict(bundle.settings), "secrets": dict(bundle.secrets),
        "meaning": bundle.meaning, "maxSeconds": bundle.max_seconds, "revises": bundle.revises,
        "schema": bundle.schema,
    }  # fmt: skip
    said = {key: value for key, value in told.items() if value is not None}
    parse(said)
    return said


def to_statement(bundle: Bundle) -> bytes:
    """The in-toto statement, canonical. Raises as ``to_predicate``."""
    subject = {"name": bundle.name, "digest": statement_shape.digest_set(bundle.digest)}
    return statement_shape.of_subjects([subject], PREDICATE_TYPE, to_predicate(bundle))


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Bundle:
    """Read a predicate. Raises Malformed for a field that is wrong or unknown, LimitPassed."""
    if unknown := sorted(predicate.keys() - _KEYS):
        raise Malformed(
            "a field that bundles do not have", where=where, got=unknown[0],
            expected=" ".join(sorted(_KEYS)),
        )  # fmt: skip
    kind = need_string(predicate, "kind", where=where)
    if kind not in KINDS:
        raise Malformed(
            "not a kind of bundle", where=f"{where}.kind", expected=" ".join(KINDS), got=kind
        )
    bundle = Bundle(
        name=need_string(predicate, "name", where=where),
        kind=kind,
        version=need_string(predicate, "version", where=where),
        settings=need_object(predicate, "settings", where=where),
        secrets=get_object(predicate, "secrets", where=where),
        meaning=get_string(predicate, "meaning", where=where),
        max_seconds=predicate.get("maxSeconds"),
        revises=get_string(predicate, "revises", where=where),
        schema=get_string(predicate, "schema", where=where),
    )
    _check(bundle, where)
    return bundle


def _check(bundle: Bundle, where: str) -> None:
    for what, text in (("name", bundle.name), ("version", bundle.version)):
        if len(text.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX or not text.isprintable():
            raise Malformed(
                f"not a {what} of a bundle", where=f"{where}.{what}", got=text[:80],
                expected=f"{NAME_BYTES_MAX} bytes that can be printed",
            )  # fmt: skip
    if len(bundle.settings) + len(bundle.secrets) > SETTINGS_MAX:
        raise LimitPassed("too many settings", where=where, expected=f"settings_max {SETTINGS_MAX}")
    for path in (*bundle.settings, *bundle.secrets):
        if len(path.encode("utf-8", "surrogatepass")) > PATH_BYTES_MAX:
            raise LimitPassed(
                "the path of a setting is too long", where=where, got=path[:80],
                expected=f"path_bytes_max {PATH_BYTES_MAX}",
            )  # fmt: skip
    if both := sorted(bundle.settings.keys() & bundle.secrets.keys()):
        raise Malformed("a setting that is secret and is not", where=where, got=both[0])
    for path, said in bundle.secrets.items():
        if not keyed_hash.is_keyed(said):
            raise Malformed(
                "a secret that is no keyed hash", where=f"{where}.secrets[{path!r}]",
                expected=keyed_hash.EXPECTED,
                do="The value of a secret never stands in a bundle",
            )  # fmt: skip
    for what in ("revises", "schema"):
        said = getattr(bundle, what)
        if said is not None and digests.strong_id(*_pair(said)) != said:
            raise Malformed("not a digest", where=f"{where}.{what}", got=said)
    _check_mode(bundle, where)
    if len(canonical_json.to_bytes([bundle.settings, bundle.secrets])) > BUNDLE_BYTES_MAX:
        raise LimitPassed("a bundle is too large", expected=f"bundle_bytes_max {BUNDLE_BYTES_MAX}")


def _check_mode(bundle: Bundle, where: str) -> None:
    """A safe mode says what it is for and when it has to end; nothing else does."""
    seconds = bundle.max_seconds
    is_mode = bundle.kind == "safe_mode"
    if is_mode != (bundle.meaning is not None) or is_mode != (seconds is not None):
        raise Malformed(
            "a safe mode has a meaning and a maximum duration, and nothing else has", where=where,
            expected="meaning and maxSeconds" if is_mode else "neither meaning nor maxSeconds",
        )  # fmt: skip
    if is_mode and not (type(seconds) is int and 0 < seconds <= SECONDS_MAX):
        raise Malformed(
            "not a duration", where=f"{where}.maxSeconds", expected=f"1 to {SECONDS_MAX} seconds",
            got=seconds,
        )  # fmt: skip


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    subjects: Sequence[str],
    where: str,
) -> None:
    """Add what a bundle's statement says. Raises as ``parse``, and Malformed for other contents
    than its subject's."""
    bundle = parse(predicate, where=where)
    if list(subjects) != [bundle.digest]:
        raise Malformed(
            "a bundle under another digest than its own", where="subject", expected=bundle.digest,
            got=", ".join(subjects), do="Pack it again: wherefrom bundle pack",
        )  # fmt: skip
    builder.node(
        bundle.digest, "config", bundle.name,
        {"bundle": bundle.kind, "version": bundle.version, "settings": len(bundle.settings),
         "secrets": len(bundle.secrets), "meaning": bundle.meaning,
         "maxSeconds": bundle.max_seconds, "schema": bundle.schema},
    )  # fmt: skip
    if bundle.revises is not None:
        before = builder.node(bundle.revises, "config")
        builder.edge(bundle.digest, "revises", before)


def difference(a: Bundle, b: Bundle) -> list[SettingChange]:
    """How ``b`` differs from ``a``, by path. A secret tells only that it changed."""
    found = []
    for key in sorted({*a.settings, *a.secrets, *b.settings, *b.secrets}):
        secret = key in a.secrets or key in b.secrets
        there = key in a.settings or key in a.secrets
        here = key in b.settings or key in b.secrets
        if there and here and _alike(a, b, key):
            continue
        what = "changed" if there and here else "added" if here else "removed"
        if key in a.secrets and key in b.secrets and _key_of(a, key) != _key_of(b, key):
            what = "unknown"
        found.append(
            SettingChange(
                key=key, what=what, secret=secret,
                before=None if secret else a.settings.get(key),
                after=None if secret else b.settings.get(key),
            )
        )  # fmt: skip
    return found


def _alike(a: Bundle, b: Bundle, key: str) -> bool:
    if key in a.secrets or key in b.secrets:
        return a.secrets.get(key) == b.secrets.get(key)
    # By their spelling: Python takes True for 1.
    mine, theirs = (canonical_json.to_bytes(side.settings[key]) for side in (a, b))
    return mine == theirs


def _key_of(bundle: Bundle, key: str) -> str:
    return keyed_hash.key_of(bundle.secrets[key])


def _pair(said: str) -> tuple[str, str]:
    algorithm, _, value = said.partition(":")
    return algorithm, value
