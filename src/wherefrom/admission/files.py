"""Files that change while a server runs: certificates, the policy, the settings.

    paths ──stat, every EVERY_SECONDS──► changed? ──► read again ──► used, or the old one stays

A file that is changed and cannot be read is told once and tried again; what was read before goes
on. What a Secret or a ConfigMap mounts is swapped by a link, so the file behind it is looked at.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from wherefrom.errors import Error
from wherefrom.formats import admission_settings
from wherefrom.formats.admission_settings import AdmissionSettings

EVERY_SECONDS: Final = 2.0
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
        except (Error, OSError, ValueError) as error:
            told, self._told = self._told, mark
            return None if told == mark else str(error) or repr(error)
        self._seen, self._told = mark, None
        return "ok"

    def _mark(self) -> _MARK:
        found = []
        try:
            paths = self._paths()
        except Error:
            return ()  # whoever uses them says what is missing
        for path in paths:
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


def load_settings(path: Path | None) -> AdmissionSettings:
    """The settings that lie there; the careful ones without a file. Raises Error, OSError."""
    if path is None:
        return AdmissionSettings()
    with path.open("rb") as file:
        return admission_settings.read(file.read(admission_settings.BYTES_MAX + 1), where=str(path))
