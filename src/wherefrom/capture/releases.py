"""A release, found out where it is made: in CI or CD, beside the code and what was built of it.

    variables of CI ┐
    git             ├─► what is found, each part with where ──► Release
    files, options  ┘      └ and what is not, each with what to do

What a caller says comes before all that is found; what nobody says and nothing shows is missing,
and told so. Of commits their ids, subjects and pull requests are kept, and nobody's name.

Sizes:  those of ``formats.release``
Source: docs/formats/release.md; git-log(1)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from wherefrom.capture import git
from wherefrom.errors import Error, Malformed, NotFound
from wherefrom.formats import lock_files, release, strict_json
from wherefrom.formats.changes import public_name, text_of
from wherefrom.formats.descriptors import image_name
from wherefrom.formats.digests import sha256_id, strong_id
from wherefrom.formats.oci_manifest import INDEXES
from wherefrom.formats.release import COMMITS_MAX, SUBJECT_CHARS_MAX, Artifact, ChangeSet, Image

INDEX_BYTES_MAX: Final = 4 * 1024 * 1024
# How forges write of a pull request in the message of a commit.
_PULL_REQUEST: Final = (
    re.compile(r"\(#(\d{1,9})\)\s*\Z"),
    re.compile(r"\AMerge pull request #(\d{1,9})\b"),
    re.compile(r"\AMerged? PR (\d{1,9}):"),
    re.compile(r"\(pull request #(\d{1,9})\)\s*\Z"),
    re.compile(r"\(!(\d{1,9})\)\s*\Z"),
)
_MERGE_REQUEST: Final = re.compile(r"^See merge request \S*!(\d{1,9})\s*$", re.MULTILINE)
# The one byte that is in no message divides them all.
_LOG: Final = "%x00%H%x00%s%x00%b"


class Missing(NamedTuple):
    """A part that nobody said and nothing showed: why, and what to do."""

    part: str
    why: str
    do: str


def code(folder: Path, commit: str | None, repository: str | None = None) -> release.Code:
    """The commit that is released. Raises NotFound, Malformed.

    commit      a revision of the clone, or the full id of one that is not there; None for HEAD
    repository  what it is called; None for where the clone came from
    """
    if commit is None or not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
        commit = git.commit_of(folder, commit or "HEAD")
    if repository is None:
        try:
            repository = git.repository_of(folder)
        except NotFound:
            repository = None
    # A folder of this machine tells nobody anything.
    if repository is None or repository.startswith(("/", ".")):
        return release.Code(commit=commit)
    return release.Code(commit=commit, repository=release.repository(repository))


def changes(folder: Path, since: str, until: str) -> ChangeSet:
    """The commits of ``until`` that ``since`` has not, newest first. Raises NotFound, Malformed."""
    git.need_revision(since, until)
    out = git.ask(
        folder, "log", "--topo-order", f"--max-count={COMMITS_MAX + 1}", f"--format={_LOG}",
        "--encoding=UTF-8", "--no-show-signature", f"{since}..{until}", "--",
    )  # fmt: skip
    fields = iter(out.decode("utf-8", "replace").split("\0")[1:])
    found = [_commit(*said) for said in zip(fields, fields, fields, strict=True)]
    cut = git.cut_at(folder)
    whole = len(found) <= COMMITS_MAX and not any(one.commit in cut for one in found)
    return ChangeSet(commits=found[:COMMITS_MAX], complete=whole)


def _commit(id: str, subject: str, body: str) -> release.Commit:
    matches = [m for pattern in _PULL_REQUEST if (m := pattern.search(subject))]
    match = matches[0] if matches else _MERGE_REQUEST.search(body)
    line = public_name("".join(c if c.isprintable() else " " for c in subject)).strip()
    return release.Commit(
        commit=id,
        subject=line[:SUBJECT_CHARS_MAX],
        pull_request=int(match[1]) or None if match else None,
    )


def artifact(text: str, *, of: str, base: str | None = None) -> Artifact:
    """What was built, as a person or a build names it. Raises NotFound, Malformed.

    text  an image with its digest; a digest; an image index as JSON, ``IMAGE=FILE``; the metadata
          that buildx writes, as a file; any other file, which is named by its bytes
    of    what is released: what has only a digest is called so
    """
    on = None if base is None else image(base)
    if (bare := digest(text)) is not None:
        return Artifact(name=of, digest=bare, base=on)
    name, equals, file = text.rpartition("=")
    if equals and Path(file).is_file():
        written = _written(Path(file), INDEX_BYTES_MAX)
        return _index(name, written, base=on) or Artifact(
            name=name, digest=sha256_id(written), base=on
        )
    path = Path(text)
    if path.is_file():
        return _file(path, base=on)
    found = image(text)
    return Artifact(name=found.name, digest=found.digest, base=on)


def image(text: str) -> Image:
    """An image by name and digest, ``IMAGE@DIGEST``. Raises Malformed for one by its tag alone."""
    named = image_name(text)
    if named is None or named.digest is None:
        raise Malformed(
            "not an artifact that is named for good", got=text, expected="IMAGE@sha256:… or a file",
            do="A tag moves; a registry tells the digest behind it when it takes a push",
        )  # fmt: skip
    return Image(name=named.repository, digest=named.digest)


def _file(path: Path, *, base: Image | None) -> Artifact:
    if path.stat().st_size <= INDEX_BYTES_MAX:
        written = _written(path, INDEX_BYTES_MAX)
        if written.lstrip()[:1] == b"{" and (told := _metadata(written, base=base)):
            return told
        return Artifact(name=path.name, digest=sha256_id(written), base=base)
    import hashlib

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Artifact(name=path.name, digest=f"sha256:{digest}", base=base)


def _metadata(written: bytes, *, base: Image | None) -> Artifact | None:
    """What ``docker buildx build --metadata-file`` wrote; None for other JSON."""
    try:
        document = strict_json.decode(written)
    except Error:
        return None
    digest = document.get("containerimage.digest") if isinstance(document, dict) else None
    if not isinstance(digest, str):
        return None
    names = document.get("image.name")
    first = names.split(",")[0] if isinstance(names, str) else ""
    named = image_name(first) if first else None
    return Artifact(name=named.repository if named else first or "image", digest=digest, base=base)


def _index(name: str, written: bytes, *, base: Image | None) -> Artifact | None:
    """An image index, with its platforms; None for another document."""
    try:
        document = strict_json.as_object(strict_json.decode(written), where="")
    except Error:
        return None
    if document.get("mediaType") not in INDEXES:
        return None
    platforms: dict[str, str] = {}
    for number, said in enumerate(strict_json.need_array(document, "manifests")):
        where = f"manifests[{number}]"
        manifest = strict_json.as_object(said, where=where)
        on = strict_json.get_object(manifest, "platform", where=where)
        parts = (on.get(part) for part in ("os", "architecture", "variant"))
        platform = "/".join(part for part in parts if isinstance(part, str) and part)
        if platform and "unknown" not in platform:  # so buildx marks its attestations
            platforms[platform] = strict_json.need_string(manifest, "digest", where=where)
    return Artifact(name=name, digest=sha256_id(written), platforms=platforms, base=base)


def _written(path: Path, bytes_max: int) -> bytes:
    with path.open("rb") as file:
        return file.read(bytes_max + 1)[:bytes_max]


def locks(folder: Path, named: Iterable[Path] = ()) -> list[release.Lock]:
    """The lock files that are named, else those that lie in ``folder`` itself.

    Raises NotFound, Malformed, Unsupported, LimitPassed.
    """
    given = list(named)
    if not given:
        beside = sorted(p for p in folder.iterdir() if p.is_file())
        given = [path for path in beside if lock_files.format_of(path.name)]
    found = []
    for path in given:
        try:
            written = _written(path, lock_files.LOCK_BYTES_MAX + 1)
        except OSError as error:
            raise NotFound(
                "no such lock file",
                where=str(path),
                got=error.strerror,
                do="Name one that is there with --lock",
            ) from error
        name = path.name
        if path.resolve().is_relative_to(folder.resolve()):
            name = path.resolve().relative_to(folder.resolve()).as_posix()
        found.append(lock_files.read(name, written))
    return found


def flags(values: Mapping[str, Any]) -> dict[str, Any]:
    """Flags by key, each a plain value; what is nested is kept as text, or its digest."""
    plain = (str, int, float, bool, type(None))
    return {
        key: value if isinstance(value, plain) and not _is_long(value) else text_of(value)
        for key, value in values.items()
    }


def _is_long(value: object) -> bool:
    return isinstance(value, str) and len(value) > release.TEXT_BYTES_MAX // 4


def digest(text: str) -> str | None:
    """A strong digest in its one spelling; None for another text."""
    algorithm, colon, digits = text.partition(":")
    return strong_id(algorithm, digits) if colon else strong_id("sha256", text)


def pair(texts: Sequence[str], bases: Sequence[str]) -> list[tuple[str, str | None]]:
    """Each artifact with its base image: one for all of them, or one each. Raises Malformed."""
    if len(bases) not in (0, 1, len(texts)):
        raise Malformed(
            "base images without artifacts", expected="none, one, or one for each artifact",
            got=f"{len(bases)} for {len(texts)}",
        )  # fmt: skip
    each: Sequence[str | None] = bases or [None]
    return list(zip(texts, each if len(each) > 1 else [each[0]] * len(texts), strict=True))
