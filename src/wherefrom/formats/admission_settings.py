"""How a cluster is guarded, as a file says it: which environment a namespace is, and what goes
where the log cannot be asked.

    environment: prod
    mode: closed
    own_namespace: wherefrom
    namespaces:
      kube-system: {exempt: true}
      team-*: {environment: dev, mode: open}
    registries: {registry.example.com: "https://registry.example.com"}

A namespace is looked up by its name, then by the first pattern ``NAME*`` that fits, in order. Only
this file says it: a label of a namespace is whoever's who may edit the namespace.

Sizes:  64 KiB · NAMESPACES_MAX namespaces · REGISTRIES_MAX registries
Source: docs/admission.md
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import strict_json, yaml_text

BYTES_MAX: Final = 64 * 1024
NAMESPACES_MAX: Final = 1_000
REGISTRIES_MAX: Final = 100
Mode = Literal["closed", "open"]
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,61}\*")
_ENVIRONMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
OWN_DEFAULT: Final = "wherefrom"


class Namespace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is said of one namespace, or of all whose names begin alike.

    exempt  it is not guarded at all
    """

    environment: str | None = None
    mode: Mode | None = None
    exempt: bool = False


class Place(NamedTuple):
    """How one namespace is guarded."""

    environment: str
    mode: Mode
    exempt: bool


class AdmissionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of it.

    mode           ``closed``: what cannot be told is not let in; ``open``: it is, with a warning
    own_namespace  where the guard itself lives: never guarded, so that it can start
    cluster        what the cluster is called in records
    registries     which may be asked what a tag leads to, and where
    """

    environment: str = ""
    mode: Mode = "closed"
    own_namespace: str = OWN_DEFAULT
    cluster: str = "kubernetes"
    namespaces: dict[str, Namespace] = {}
    registries: dict[str, str] = {}

    def of(self, namespace: str) -> Place:
        """How a namespace is guarded; an empty one is none: what lies in no namespace."""
        said = self.namespaces.get(namespace) if "*" not in namespace else None
        if said is None:
            said = next(
                (
                    one
                    for pattern, one in self.namespaces.items()
                    if pattern.endswith("*") and namespace.startswith(pattern[:-1])
                ),
                Namespace(),
            )
        return Place(
            environment=self.environment if said.environment is None else said.environment,
            mode=said.mode or self.mode,
            exempt=said.exempt or (namespace == self.own_namespace and bool(namespace)),
        )


def read(written: bytes, *, where: str) -> AdmissionSettings:
    """Settings of a file in YAML or JSON. Raises Malformed, LimitPassed."""
    if len(written) > BYTES_MAX:
        raise LimitPassed("settings are too long", where=where, expected=f"{BYTES_MAX} bytes")
    document = yaml_text.decode(written, where=where)
    return parse(strict_json.as_object(document or {}, where=where), where=where)


def parse(document: dict[str, Any], *, where: str) -> AdmissionSettings:
    """Settings of a document. Raises Malformed, LimitPassed."""
    try:
        settings = msgspec.convert(document, AdmissionSettings)
    except msgspec.ValidationError as error:
        raise Malformed(
            "not settings of an admission webhook", where=where, got=str(error),
            do="docs/admission.md has every setting",
        ) from error  # fmt: skip
    if len(settings.namespaces) > NAMESPACES_MAX or len(settings.registries) > REGISTRIES_MAX:
        raise LimitPassed(
            "too much for one file of settings", where=where,
            expected=f"{NAMESPACES_MAX} namespaces, {REGISTRIES_MAX} registries",
        )  # fmt: skip
    for name in settings.namespaces:
        if not (_NAME.fullmatch(name) or _PATTERN.fullmatch(name)):
            raise Malformed(
                "not the name of a namespace", where=f"{where}.namespaces", got=name,
                expected="NAME, or NAME* for all that begin so",
            )  # fmt: skip
    if not _NAME.fullmatch(settings.own_namespace):
        raise Malformed(
            "not the name of a namespace", where=f"{where}.own_namespace",
            got=settings.own_namespace,
        )  # fmt: skip
    named = [settings.environment, *(one.environment for one in settings.namespaces.values())]
    for environment in named:
        if environment and not _ENVIRONMENT.fullmatch(environment):
            raise Malformed("not the name of an environment", where=where, got=environment)
    if not _ENVIRONMENT.fullmatch(settings.cluster):
        raise Malformed("not the name of a cluster", where=where, got=settings.cluster)
    for host, url in settings.registries.items():
        parts = _split(url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise Malformed(
                "not the address of a registry", where=f"{where}.registries.{host}", got=url,
                expected="https://HOST[:PORT]",
            )  # fmt: skip
    return settings


def _split(url: str) -> Any:
    try:
        return urlsplit(url)
    except ValueError:
        return None
