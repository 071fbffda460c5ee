"""Signed models: a statement that lists the files of a folder, compared with the folder.

    predicate.resources   [{"name": path, "algorithm", "digest"}]         model_signing v1.0
    subject               its digest is the hash of theirs, one after the other
    subject[]             the files themselves                            model_signing Digests v0.1

Every file must be listed, and every listed one be there and unchanged: a file beside the signed
ones would be loaded with them. What the statement or the caller ignores, git's own files and the
signature are no part of a model.

Source: sigstore/model-transparency, src/model_signing/signing.py and manifest.py, v0.2 to v1.1
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed, ProofError, Unsupported
from wherefrom.formats import strict_json
from wherefrom.verify.sigstore.artifacts import FILES_MAX, HASHES, FileArtifact, FolderArtifact

_SIGNATURE_TYPE: Final = "https://model_signing/signature/v1.0"
_DIGESTS_TYPE: Final = "https://model_signing/Digests/v0.1"
_GIT: Final = (".git", ".gitattributes", ".github", ".gitignore")
_ITSELF: Final = "."
_SHARD: Final = re.compile(r"(.+):(0|[1-9][0-9]{0,18}):(0|[1-9][0-9]{0,18})")
# "sha256-sharded-1000000" names the size of a shard too, which its name says better.
_SHARDED: Final = re.compile(r"([a-z0-9_]+)-sharded-[0-9]+")
_WHERE: Final = "payload.predicate"


class Resource(NamedTuple):
    """A file of a model, or with ``end`` a piece of one, and its digest."""

    name: str
    start: int
    end: int | None
    algorithm: str
    digest: bytes


def single_file(statement: Mapping[str, Any]) -> Resource | None:
    """The one file that a model consists of, or None. Raises Malformed, Unsupported."""
    if statement.get("predicateType") != _SIGNATURE_TYPE:
        return None
    listed = _resources(statement)
    return listed[0] if [r.name for r in listed] == [_ITSELF] else None


def check_folder(statement: Mapping[str, Any], folder: FolderArtifact) -> str:
    """Check that the folder holds the files that were signed, and no others; says so.

    Raises ProofError for another set of files or another content, Unsupported for a statement
    of no model, Malformed, StorageError.
    """
    kind = statement.get("predicateType")
    if kind not in (_SIGNATURE_TYPE, _DIGESTS_TYPE):
        raise Unsupported(
            "a folder can only be compared with a signed model",
            where="payload.predicateType",
            expected=_SIGNATURE_TYPE,
            got=kind,
            do="Give the file that the statement is about",
        )
    listed = _resources(statement) if kind == _SIGNATURE_TYPE else _subjects(statement)
    if [r.name for r in listed] == [_ITSELF]:
        raise ProofError("the model is one file, not a folder", where=_WHERE, do="Give the file")
    _need_same_files({r.name for r in listed}, folder.files(_ignored(statement)))
    _need_whole(listed, folder)
    for resource in listed:
        file = FileArtifact(folder.path / resource.name, start=resource.start, end=resource.end)
        found = file.digest(resource.algorithm)
        if found != resource.digest:
            raise ProofError(
                "a file of the model is not what was signed",
                where=resource.name,
                expected=f"{resource.algorithm}:{resource.digest.hex()}",
                got=f"{resource.algorithm}:{found.hex() if found else 'not known'}",
            )
    count = len({r.name for r in listed})
    return f"the folder holds its {count} file{'' if count == 1 else 's'}, unchanged, and no other"


def _ignored(statement: Mapping[str, Any]) -> Sequence[str]:
    predicate = strict_json.get_object(statement, "predicate", where="payload")
    how = strict_json.get_object(predicate, "serialization", where=_WHERE)
    paths = strict_json.get_array(how, "ignore_paths", where=f"{_WHERE}.serialization")
    said = [strict_json.as_string(p, where=f"{_WHERE}.serialization") for p in paths]
    return (*_GIT, *said)


def _resources(statement: Mapping[str, Any]) -> list[Resource]:
    predicate = strict_json.need_object(statement, "predicate", where="payload")
    listed = strict_json.need_array(predicate, "resources", where=_WHERE)
    if not 0 < len(listed) <= FILES_MAX:
        raise LimitPassed(
            "a model of no files, or too many", where=_WHERE, expected=f"1 to {FILES_MAX}",
            got=len(listed),
        )  # fmt: skip
    found = []
    for index, item in enumerate(listed):
        place = f"{_WHERE}.resources[{index}]"
        held = strict_json.as_object(item, where=place)
        name, algorithm, digest = (
            strict_json.need_string(held, key, where=place)
            for key in ("name", "algorithm", "digest")
        )
        found.append(_resource(name, algorithm, digest, where=place))
    _need_subject(statement, found)
    return found


def _subjects(statement: Mapping[str, Any]) -> list[Resource]:
    """The files as subjects, as the first versions wrote them."""
    found = []
    for index, item in enumerate(strict_json.need_array(statement, "subject", where="payload")):
        place = f"payload.subject[{index}]"
        held = strict_json.as_object(item, where=place)
        digests = strict_json.need_object(held, "digest", where=place)
        algorithm = next((a for a in HASHES if a in digests), None)
        if algorithm is None:
            raise Unsupported("a digest that is not read here", where=place, got=list(digests))
        name = strict_json.need_string(held, "name", where=place)
        digest = strict_json.need_string(digests, algorithm, where=place)
        found.append(_resource(name, algorithm, digest, where=place))
    return found


def _resource(name: str, algorithm: str, digest: str, *, where: str) -> Resource:
    sharded = _SHARDED.fullmatch(algorithm)
    algorithm = sharded[1] if sharded else algorithm
    if algorithm not in HASHES:
        raise Unsupported("a digest that is not read here", where=where, got=algorithm)
    shard = _SHARD.fullmatch(name)
    start, end = (int(shard[2]), int(shard[3])) if shard else (0, None)
    path = shard[1] if shard else name
    if path != _ITSELF and any(part in ("", ".", "..") for part in path.split("/")):
        raise Malformed("a path that leads out of the model", where=where, got=path)
    try:
        return Resource(path, start, end, algorithm, bytes.fromhex(digest))
    except ValueError as error:
        raise Malformed("not a digest in hex", where=where, got=digest) from error


def _need_subject(statement: Mapping[str, Any], resources: Sequence[Resource]) -> None:
    """The subject's digest is over the list, so the list is what the subject stands for."""
    subjects = strict_json.need_array(statement, "subject", where="payload")
    subject = strict_json.as_object(subjects[0] if subjects else None, where="payload.subject[0]")
    digests = strict_json.need_object(subject, "digest", where="payload.subject[0]")
    computed = hashlib.sha256(b"".join(r.digest for r in resources)).hexdigest()
    if len(subjects) != 1 or digests.get("sha256") != computed:
        raise ProofError(
            "the list of files is not the one that the subject stands for",
            where="payload.subject[0].digest.sha256",
            expected=computed,
            got=digests.get("sha256"),
        )


def _need_same_files(listed: set[str], found: Sequence[str]) -> None:
    missing, added = sorted(listed - {*found}), sorted({*found} - listed)
    if missing:
        raise ProofError("a file of the model is missing", where=missing[0])
    if added:
        raise ProofError(
            "a file that nobody signed lies in the model",
            where=added[0],
            do="Take it out, or ignore it if nothing loads it",
        )


def _need_whole(resources: Sequence[Resource], folder: FolderArtifact) -> None:
    """Shards must cover each file from its first byte to its last."""
    pieces: dict[str, list[tuple[int, int]]] = {}
    whole = Counter(r.name for r in resources)
    for resource in resources:
        if resource.end is not None:
            pieces.setdefault(resource.name, []).append((resource.start, resource.end))
        elif whole[resource.name] > 1:
            raise Malformed("a file that is listed twice", where=_WHERE, got=resource.name)
    for name, spans in pieces.items():
        at = 0
        for start, end in sorted(spans):
            if start != at or end < start:
                raise ProofError("a part of a file that nobody signed", where=f"{name}:{at}")
            at = end
        size = FileArtifact(folder.path / name).size()
        if size != at:
            raise ProofError(
                "a file is not as long as what was signed", where=name,
                expected=f"{at} bytes", got=f"{size} bytes",
            )  # fmt: skip
