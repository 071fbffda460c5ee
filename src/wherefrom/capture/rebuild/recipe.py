"""What a recorded step needs to be run again: provenance in, a recipe or the reason why not.

    statement of ``wherefrom run`` ──► Recipe(command, directory, commit, inputs, outputs, …)
                                   └─► Cannot: a secret in the command, no commit, …

What stands in a record is somebody's word: names that lead out of the tree are no names.

Source: docs/run.md
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from wherefrom.capture.recorder.provenance import BUILD_TYPE, PREDICATE_TYPE
from wherefrom.capture.recorder.secrets import LEFT_OUT
from wherefrom.errors import Refused, Unsupported
from wherefrom.formats import strict_json, timestamps
from wherefrom.formats.keyed_hash import PREFIX


class Cannot(Unsupported):
    """This step cannot be run again; the message says why."""


class Named(NamedTuple):
    """A file in the tree, and the SHA-256 of its bytes in hex."""

    name: str
    sha256: str


class Recipe(NamedTuple):
    """One step.

    inputs    in the tree, of the commit or not
    outside   how many inputs were neither in the tree nor a package's
    packages  package URLs with their versions
    debts     kinds of what it leant on
    ran       when, in seconds since 1970: the first second and the last; (0, 0) if nobody says so
    """

    command: list[str]
    directory: str
    environment: dict[str, str]
    commit: str
    repository: str | None
    inputs: list[Named]
    outputs: list[Named]
    outside: int
    packages: list[str]
    debts: list[str]
    ran: tuple[int, int] = (0, 0)


def is_step(statement: Mapping[str, Any]) -> bool:
    """Whether a statement is the provenance of a step that ``wherefrom run`` recorded."""
    predicate = statement.get("predicate")
    definition = predicate.get("buildDefinition") if isinstance(predicate, dict) else None
    return (
        statement.get("predicateType") == PREDICATE_TYPE
        and isinstance(definition, dict)
        and definition.get("buildType") == BUILD_TYPE
    )


def recipe(statement: Mapping[str, Any]) -> Recipe:
    """The recipe in a provenance. Raises Cannot, Refused."""
    if not is_step(statement):
        raise Cannot("not made by a step that wherefrom run recorded")
    predicate = strict_json.need_object(statement, "predicate")
    definition = strict_json.need_object(predicate, "buildDefinition")
    external = strict_json.need_object(definition, "externalParameters")
    internal = strict_json.get_object(definition, "internalParameters")
    if internal.get("exitStatus") != 0:
        raise Cannot("the recorded command failed", got=internal.get("exitStatus"))
    given = strict_json.get_array(external, "command", where="externalParameters")
    command = [strict_json.as_string(one, where="command") for one in given]
    if not command:
        raise Cannot("the record has no command")
    if any(LEFT_OUT in one or PREFIX in one for one in command):
        raise Cannot("a secret was in the command, and is not recorded")
    environment = strict_json.get_object(external, "environment")
    listed = strict_json.get_array(definition, "resolvedDependencies", where="")
    dependencies = [strict_json.as_object(one, where="resolvedDependencies") for one in listed]
    commit = next(
        (
            strict_json.need_string(one["digest"], "gitCommit")
            for one in dependencies
            if one.get("name") == "git.head" and isinstance(one.get("digest"), dict)
        ),
        None,
    )
    if commit is None:
        raise Cannot("it was built of no commit, so there is no source to fetch")
    named = [one for one in dependencies if one.get("name") != "git.head"]
    files = [one for one in named if "uri" not in one]
    return Recipe(
        command=command,
        directory=_inside(strict_json.need_string(external, "directory"), is_folder=True),
        environment={k: v for k, v in environment.items() if isinstance(v, str)},
        commit=commit,
        repository=_repository(dependencies),
        inputs=[one for one in map(_in_tree, files) if one is not None],
        outputs=[
            one
            for one in map(_in_tree, strict_json.get_array(statement, "subject", where=""))
            if one is not None
        ],
        outside=sum(1 for one in files if str(one.get("name")).startswith("outside:")),
        packages=[one["uri"] for one in named if str(one.get("uri")).startswith("pkg:")],
        debts=[
            str(debt.get("kind"))
            for debt in strict_json.get_array(internal, "determinismDebts", where="")
            if isinstance(debt, dict)
        ],
        ran=_ran(strict_json.get_object(predicate, "runDetails")),
    )


def _ran(details: Mapping[str, Any]) -> tuple[int, int]:
    metadata = strict_json.get_object(details, "metadata", where="runDetails")
    texts = [strict_json.get_string(metadata, f"{which}On") for which in ("started", "finished")]
    first, last = (timestamps.micros(text) if text else 0 for text in texts)
    return first // 10**6, -(-last // 10**6)


def _repository(dependencies: list[dict[str, Any]]) -> str | None:
    for one in dependencies:
        uri = one.get("uri")
        if one.get("name") == "git.head" and isinstance(uri, str) and uri.startswith("git+https:"):
            return uri.removeprefix("git+").partition("@")[0]
    return None


def _in_tree(said: Any) -> Named | None:
    descriptor = strict_json.as_object(said, where="a file")
    name, digest = descriptor.get("name"), descriptor.get("digest")
    sha256 = digest.get("sha256") if isinstance(digest, dict) else None
    if not isinstance(name, str) or not isinstance(sha256, str):
        return None
    if name.startswith(("/", "outside:")):
        return None
    return Named(_inside(name), sha256)


def _inside(name: str, *, is_folder: bool = False) -> str:
    """A name that stays in the tree. Raises Refused."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\0" in name or ".git" in parts:
        raise Refused("a name that leads out of the tree", got=name)
    if not parts and not is_folder:
        raise Refused("a file without a name")
    return name
