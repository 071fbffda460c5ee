"""What a signature is asked about: files by any digest, digests as typed, and their limits."""

import hashlib

import pytest

from wherefrom.errors import LimitPassed, SettingError, StorageError
from wherefrom.verify.sigstore import artifacts
from wherefrom.verify.sigstore.artifacts import FileArtifact, FolderArtifact, parse_digest


@pytest.mark.parametrize("algorithm", artifacts.HASHES)
def test_a_file_has_every_digest_that_a_subject_may_name(tmp_path, algorithm):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert FileArtifact(path).digest(algorithm) == hashlib.new(algorithm, b"x" * 3_000_000).digest()
    assert FileArtifact(path).content() == b"x" * 3_000_000


def test_a_file_has_no_digest_that_is_weak_or_unknown(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    for algorithm in ("md5", "sha1", "", "none"):
        assert FileArtifact(path).digest(algorithm) is None


@pytest.mark.parametrize(("start", "end", "held"), [
    (0, None, b"0123456789"), (0, 4, b"0123"), (4, 10, b"456789"), (9, 99, b"9"), (10, 10, b""),
])  # fmt: skip
def test_a_piece_of_a_file_is_hashed_alone(tmp_path, start, end, held):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    piece = FileArtifact(path, start=start, end=end)
    assert piece.digest("sha256") == hashlib.sha256(held).digest()


def test_a_file_that_is_gone_is_a_failure_of_the_world(tmp_path):
    for ask in (lambda a: a.digest("sha256"), lambda a: a.content(), lambda a: a.size()):
        with pytest.raises(StorageError, match="cannot use the file"):
            ask(FileArtifact(tmp_path / "none"))
    with pytest.raises(StorageError, match="cannot use the file"):
        FolderArtifact(tmp_path / "none").files([])


def test_a_file_that_a_key_would_sign_whole_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "CONTENT_BYTES_MAX", 10)
    path = tmp_path / "file"
    path.write_bytes(b"x" * 10)
    assert FileArtifact(path).content() == b"x" * 10
    path.write_bytes(b"x" * 11)
    with pytest.raises(LimitPassed, match="too large to hold"):
        FileArtifact(path).content()


def test_a_folder_has_a_limit_too(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "FILES_MAX", 2)
    for name in "abc":
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(LimitPassed, match="too many files"):
        FolderArtifact(tmp_path).files([])
    assert FolderArtifact(tmp_path, ignored=["c"]).files([]) == ["a", "b"]


def test_a_digest_is_read_in_either_case_and_stands_for_itself_alone():
    digest = hashlib.sha512(b"x")
    for text in (digest.hexdigest(), digest.hexdigest().upper()):
        given = parse_digest(f"sha512:{text}")
        assert given is not None
        assert given.digest("sha512") == digest.digest()
        assert (given.digest("sha256"), given.content()) == (None, None)


@pytest.mark.parametrize(
    "text", ["release.tar.gz", "./sha256:00", "sha256:", "sha256:xyz", "a b:00"]
)
def test_what_is_no_digest_is_a_file(text):
    assert parse_digest(text) is None


@pytest.mark.parametrize("text", ["sha256:00", "sha1:" + "0" * 40, "md5:" + "0" * 32, "x:00"])
def test_a_digest_that_proves_nothing_is_refused(text):
    with pytest.raises(SettingError, match="not a digest that a signature can be compared with"):
        parse_digest(text)
