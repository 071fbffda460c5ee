"""Files that change while a server runs: certificates, the policy, the settings.

    paths ──stat, every EVERY_SECONDS──► changed? ──► read again ──► used, or the old one stays

A file that is changed and cannot be read is told once and tried again; what was read before goes
on. What a Secret or a ConfigMap mounts is swapped by a link, so the file behind it is looked at.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from wherefrom.errors import Error, LimitPassed, Malformed, NotFound
from wherefrom.formats import policy as policies
from wherefrom.formats.admission_settings import AdmissionSettings
from wherefrom.formats.admission_settings import read as read_settings
from wherefrom.formats.policy import Policy

EVERY_SECONDS: Final = 2.0
_POLICY_NAMES: Final = ("policy.yaml", "policy.yml", "policy.json")
_MARK = tuple[tuple[int, int, int], ...]


class Watched:
    """Some files, and what is done when one of them changed.

    name  for those who count
    use   reads and uses them. Raises Error, OSError, and then changes nothing
    """

    def __init__(
        self, name: str, paths: Callable[[], Sequence[Path]], use: Callable[[], None]
    ) -> None:
        self.name, self._paths, self._use = name, paths, use
        self._seen = self._mark()
        self._told: _MARK | None = None

    def look(self) -> str | None:
        """Use them again if they changed: None if not, ``ok``, or what is wrong (told once)."""
        mark = self._mark()
        if mark == self._seen:
            return None
        try:
            self._use()
        except (Error, OSError) as error:
            told, self._told = self._told, mark
            return None if told == mark else str(error) or repr(error)
        self._seen, self._told = mark, None
        return "ok"

    def _mark(self) -> _MARK:
        found = []
        for path in self._paths():
            try:
                said = os.stat(path)
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((said.st_ino, said.st_mtime_ns, said.st_size))
        return tuple(found)


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Let new connections have this certificate; those that are open keep theirs.

    It is tried out first: a context that was given half a pair would serve nobody. Raises OSError
    (``ssl.SSLError`` is one).
    """
    tried = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tried.load_cert_chain(certificate, key)
    context.load_cert_chain(certificate, key)


def policy_paths(path: Path) -> list[Path]:
    """The files of a policy: a file, or a folder with ``policy.yaml`` and its Rego modules."""
    if not path.is_dir():
        return [path]
    named = [path / name for name in _POLICY_NAMES if (path / name).exists()]
    return [*named, *sorted(path.glob("*.rego"))]


def load_policy(path: Path) -> Policy:
    """The policy that lies there. Raises Error, OSError."""
    files = policy_paths(path)
    documents = [one for one in files if one.suffix != ".rego"]
    if len(documents) != 1:
        raise NotFound(
            "no policy lies there, or more than one", where=str(path),
            expected=" or ".join(_POLICY_NAMES),
        )  # fmt: skip
    try:
        modules: Mapping[str, str] = {
            one.name: _read(one).decode("utf-8") for one in files if one.suffix == ".rego"
        }
        return policies.read(_read(documents[0]), where=str(documents[0]), modules=modules)
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8 text", where=str(path)) from error


def load_settings(path: Path | None) -> AdmissionSettings:
    """The settings that lie there; the careful ones without a file. Raises Error, OSError."""
    return AdmissionSettings() if path is None else read_settings(_read(path), where=str(path))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        written = file.read(policies.BYTES_MAX + 1)
    if len(written) > policies.BYTES_MAX:
        raise LimitPassed(
            "a file is too long", where=str(path), expected=f"{policies.BYTES_MAX} bytes"
        )
    return written
