"""``wherefrom verify --bundle``: a signature in Sigstore's formats, checked offline.

    --bundle FILE · --artifact FILE|DIGEST|FOLDER ──► steps ──► PROVEN, or where it failed
    --key · --identity · --issuer · --trusted-root

What there is to check stands in ``verify.sigstore``; here arguments become values. Nothing is
fetched: a bundle that needs more than it brings and the root knows is not proven.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wherefrom.cli.failures import warn
from wherefrom.cli.settings import Where
from wherefrom.cli.targets import path_of, read_file, unreadable

if TYPE_CHECKING:
    from wherefrom.keys.public import PublicKey
    from wherefrom.verify.sigstore.artifacts import Artifact
    from wherefrom.verify.steps import Report, Step

_KEY_BYTES_MAX: Final = 64 * 1024


class Question(NamedTuple):
    """What was asked on the command line; ``ignored`` are paths in a folder."""

    bundle: str
    artifact: str
    key: str | None
    identity: str | None
    issuer: str | None
    trusted_root: str | None
    ignored: tuple[str, ...]


def check(question: Question, where: Where) -> Report:
    """The steps. Raises StorageError for a file that cannot be read, SettingError for no key."""
    from wherefrom.verify.steps import report

    path = _path(question.bundle)
    written, artifact = read_file(path), _artifact(question, path)
    return report(_steps(question, where, written, artifact, _key(question.key)))


def _steps(
    question: Question, where: Where, written: bytes, artifact: Artifact, key: PublicKey | None
) -> Iterator[str | Step]:
    from datetime import UTC, datetime

    from wherefrom.verify.sigstore import verify, which_root
    from wherefrom.verify.steps import Step

    now = datetime.now(UTC)
    yield "root"
    given = None if question.trusted_root is None else _path(question.trusted_root)
    source = which_root.find(given, where.data)
    root = which_root.read(source, now, refuse_days=where.trusted_root_refuse_days)
    if source.is_old(now, warn_days=where.trusted_root_warn_days):
        warn(
            f"{source.describe(now)}: keys may have been added or retired since; "
            "give a newer one with --trusted-root"
        )
    yield Step("root", True, source.describe(now))
    wanted = verify.Wanted(root, now, artifact, key, question.identity, question.issuer)
    yield from verify.document_steps(written, wanted)


def _path(text: str) -> Path:
    return path_of(text) or Path(text)


def _artifact(question: Question, bundle: Path) -> Artifact:
    from wherefrom.verify.sigstore.artifacts import FileArtifact, FolderArtifact, parse_digest

    text = question.artifact
    digest = parse_digest(text) if path_of(text) is None else None
    if digest is not None:
        return digest
    path = _path(text)
    try:
        path.stat()
    except OSError as error:
        raise unreadable(path, error) from error
    if not path.is_dir():
        return FileArtifact(path)
    ignored = [*question.ignored]
    # The signature lies beside what it signs, and cannot be of itself.
    folder, signature = path.resolve(), bundle.resolve()
    if folder in signature.parents:
        ignored.append(signature.relative_to(folder).as_posix())
    return FolderArtifact(path, ignored=[i.removeprefix("./").rstrip("/") for i in ignored])


def _key(text: str | None) -> PublicKey | None:
    from wherefrom.keys.public import PublicKey

    if text is None:
        return None
    path = _path(text)
    return PublicKey.from_pem(read_file(path, bytes_max=_KEY_BYTES_MAX), where=str(path))
