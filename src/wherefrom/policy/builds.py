"""What a provenance says of a build, whichever version of SLSA wrote it. Pure.

    v0.1 recipe · v0.2 invocation · v1 buildDefinition ──► Build: builder, type, source, parameters

The *source* is what was built, not what it needed: v0.2's config source, v1's source parameter, or
the first dependency if that is a repository.

Source: slsa.dev/spec/v1.2 (build-provenance), v0.2, v0.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from wherefrom.formats import patterns

_SOURCES = [
    path.split(".")
    for path in ("source", "repository", "workflow.repository", "source.uri", "source.repository",
                 "configSource.uri", "sourceToBuild.repository")
]  # fmt: skip


_WANDERS = re.compile(r"(?:^|[/\\])(?:\.|%2e){1,2}(?:[/\\?#@]|%2f|%5c|$)|\\|%2f|%5c", re.IGNORECASE)


class Build(NamedTuple):
    """One build; None is what its provenance does not say."""

    builder: str | None
    build_type: str | None
    source: str | None
    parameters: Mapping[str, Any]


def build_of(predicate: Mapping[str, Any] | None) -> Build:
    """Read a predicate; what has another shape says nothing."""
    said = predicate or {}
    definition = _object(said, "buildDefinition")
    if definition:
        parameters = _object(definition, "externalParameters")
        found = (_text(_follow(parameters, path)) for path in _SOURCES)
        return Build(
            _text(at(said, "runDetails.builder.id")),
            _text(definition.get("buildType")),
            next((one for one in found if one), None) or _first_repository(definition),
            parameters,
        )
    invocation = _object(said, "invocation")
    recipe = _object(said, "recipe")
    source = _text(at(invocation, "configSource.uri"))
    if source is None and recipe:
        materials = said.get("materials")
        place = recipe.get("definedInMaterial")
        if isinstance(materials, list) and type(place) is int and 0 <= place < len(materials):
            source = _text(at({"it": materials[place]}, "it.uri"))
    return Build(
        _text(at(said, "builder.id")),
        _text(said.get("buildType")) or _text(recipe.get("type")),
        source,
        _object(invocation, "parameters") or _object(recipe, "arguments"),
    )


def is_source(source: str | None, pattern: str) -> bool:
    """Whether a source is as ``pattern`` says: of a repository however it is written.

    ``git+`` before it, ``.git`` and ``@`` with a ref behind it may be there or not; a pattern with
    a ref asks for that. One with ``..`` in its path is not where it seems to be, and is none.
    """
    if source is None or _WANDERS.search(source):
        return False
    wanted, whole = pattern.removeprefix("git+"), source.removeprefix("git+")
    bare = whole.partition("@")[0]
    spellings = (whole, bare, bare.removesuffix(".git"))
    return any(patterns.names_matches(wanted, spelling) for spelling in spellings)


def at(value: Any, path: str) -> Any:
    """What stands at ``a.b.c``; None if nothing does."""
    return _follow(value, path.split("."))


def _follow(value: Any, path: Sequence[str]) -> Any:
    for part in path:
        if not isinstance(value, dict):  # as JSON is read; asking for a Mapping takes ten times
            return None
        value = value.get(part)
    return value


def _first_repository(definition: Mapping[str, Any]) -> str | None:
    dependencies = definition.get("resolvedDependencies")
    first = dependencies[0] if isinstance(dependencies, list) and dependencies else None
    uri = _text(at({"it": first}, "it.uri"))
    return uri if uri is not None and uri.startswith("git+") else None


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
