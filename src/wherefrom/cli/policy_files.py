"""A policy as it lies on disk: a file, or a folder with its conditions and its tests.

    DIR/policy.yaml   what it says          DIR/*.rego    modules that its rules name
    DIR/tests/*.yaml  cases (``policy test``)

Sizes:  MODULES_MAX modules; a file as ``formats.policy`` bounds it
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherefrom.cli.targets import is_file, path_of, read_file, unreadable
from wherefrom.errors import AlreadyExists, Malformed, NotFound, StorageError

if TYPE_CHECKING:
    from wherefrom.formats.policy import Policy

NAMES: Final = ("policy.yaml", "policy.yml", "policy.json")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def read_policy(text: str) -> Policy | str:
    """The policy of a file or folder, or the digest of one that the log holds.

    Raises NotFound, StorageError, Malformed, LimitPassed.
    """
    if path_of(text) is None and _DIGEST.fullmatch(text):
        return text
    return policy_at(path_of(text) or Path(text))


def policy_at(path: Path) -> Policy:
    """The policy of a file or folder. Raises NotFound, StorageError, Malformed, LimitPassed."""
    from wherefrom.formats import policy as policies

    file = document_in(path)
    modules = {
        module.name: _text(module, bytes_max=policies.BYTES_MAX)
        for module in sorted(file.parent.glob("*.rego"))[: policies.MODULES_MAX + 1]
    }
    written = read_file(file, bytes_max=policies.BYTES_MAX)
    return policies.read(written, where=str(file), modules=modules)


def _text(file: Path, *, bytes_max: int) -> str:
    """A module's text: what was put in the place of a letter is no condition that anybody wrote."""
    if not is_file(str(file)):
        raise StorageError("cannot use the file", where=str(file), got="it is none")
    try:
        return read_file(file, bytes_max=bytes_max).decode()
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8 text", where=str(file)) from error


def document_in(path: Path) -> Path:
    """The file that says it. Raises NotFound."""
    if is_file(str(path)):
        return path
    for name in NAMES:
        if is_file(str(path / name)):
            return path / name
    raise NotFound(
        "no policy here", where=str(path), expected=" or ".join(NAMES),
        do="Make one: wherefrom policy new --from slsa-3 -o DIR",
    )  # fmt: skip


def write_files(folder: Path, files: dict[str, str]) -> None:
    """Write a new policy's files; none that is there is written over. Raises StorageError."""
    try:
        for name in files:
            # A link that leads nowhere is there too: what is written would lie where it leads.
            if os.path.lexists(folder / name):
                raise AlreadyExists(
                    "there is a file already", where=str(folder / name), do="Choose another folder"
                )
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    except OSError as error:
        raise unreadable(folder, error) from error
