"""What an argument means: a path, or an id first and a path after."""

import hashlib

import pytest

from wherefrom.cli.targets import ask, digest_of, path_of, read_file
from wherefrom.errors import NotFound, SettingError, StorageError


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("./a", "a"),
        ("../a", "../a"),
        ("/a/b", "/a/b"),
        ("file:a%20b", "a b"),
        ("file:/a", "/a"),
        ("file:///a%2Fb", "/a/b"),
        ("FILE://localhost/a", "/a"),
    ],
)
def test_what_begins_as_a_path_is_a_path(text, path):
    assert str(path_of(text)) == path


@pytest.mark.parametrize(
    "text", ["sha256:ab", "a/b", ".hidden", "pkg:npm/a@1", "nginx:1.25", "", "a.zip", "~/a"]
)
def test_everything_else_is_an_id_first(text):
    assert path_of(text) is None


def test_a_file_on_another_host_is_misuse():
    with pytest.raises(SettingError, match="a file on another host"):
        path_of("file://elsewhere/a")


def test_a_path_is_asked_about_by_its_digest_and_never_as_an_id(tmp_path):
    (tmp_path / "a").write_bytes(b"hello")
    asked = []
    ask(str(tmp_path / "a"), asked.append)
    assert asked == ["sha256:" + hashlib.sha256(b"hello").hexdigest()]


def nothing_but(known):
    asked = []

    def question(text):
        asked.append(text)
        if text != known:
            raise NotFound("nothing is called this", got=text)
        return text

    return question, asked


def test_an_id_wins_over_a_file_of_the_same_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "name").write_bytes(b"x")
    question, asked = nothing_but("name")
    assert ask("name", question) == "name"
    assert asked == ["name"]


def test_a_file_is_asked_about_when_no_id_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "name").write_bytes(b"x")
    digest = "sha256:" + hashlib.sha256(b"x").hexdigest()
    question, asked = nothing_but(digest)
    assert ask("name", question) == digest
    assert asked == ["name", digest]


def test_a_file_that_no_record_speaks_of_is_named_with_its_digest(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    question, _ = nothing_but("something else")
    with pytest.raises(NotFound, match="no record speaks of this file") as caught:
        ask(str(tmp_path / "a"), question)
    assert caught.value.got == digest_of(tmp_path / "a")


def test_a_name_that_is_neither_keeps_the_first_answer():
    question, _ = nothing_but("something else")
    with pytest.raises(NotFound, match="nothing is called this"):
        ask("no-such-file-here", question)


def test_a_missing_file_is_the_worlds_failure_not_a_no(tmp_path):
    with pytest.raises(StorageError, match=r"cannot use the file.*no such file"):
        digest_of(tmp_path / "missing")


def test_a_file_over_the_limit_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", bytes_max=5) == b"12345"
    with pytest.raises(StorageError, match="too large"):
        read_file(tmp_path / "a", bytes_max=4)
