"""What a command touched, under neutral names, and what is left out and counted."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from wherefrom.capture.recorder import found as module
from wherefrom.capture.recorder.found import Asked, Finding
from wherefrom.capture.recorder.touched import Touched
from wherefrom.capture.recorder.worktree import Worktree


@pytest.fixture
def tree(tmp_path):
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def finding(tree, read=(), written=(), *, asked=None, started=None, tracked=()):
    touched = Touched(str(tree))
    touched.read.update(dict.fromkeys(str(path) for path in read))
    touched.written.update(dict.fromkeys(str(path) for path in written))
    now = time.time_ns() + 10**9
    made = Finding(
        folder=str(tree), before=Worktree(os.path.realpath(tree), tracked=frozenset(tracked)),
        asked=asked or Asked(), plain=lambda text: text, started_ns=started or now,
        finished_ns=now + 1,
    )  # fmt: skip
    return made.found(touched)


def written(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_names_are_from_the_root_and_neutral_outside(tree, tmp_path):
    inside, outside = written(tree / "a/b"), written(tmp_path / "letters to bob", "secret life")
    told = finding(tree, [inside, outside])
    digest = hashlib.sha256(b"secret life").hexdigest()
    assert [(file.name, file.sha256) for file in told.inputs] == [
        ("a/b", hashlib.sha256(b"x").hexdigest()), (f"outside:{digest[:12]}", digest),
    ]  # fmt: skip
    assert "bob" not in repr(told._replace(reads=[]))


def test_what_holds_secrets_has_no_digest(tree, tmp_path):
    told = finding(tree, [written(tree / ".env"), written(tmp_path / ".netrc")])
    assert [(file.name, file.sha256) for file in told.inputs] == [
        (".env", None), ("outside:secret", None),
    ]  # fmt: skip


def test_a_temporary_that_is_gone_is_no_output_and_a_gone_input_is_counted(tree):
    told = finding(tree, [tree / "gone"], [tree / "temporary"])
    assert (told.inputs, told.outputs) == ([], [])
    assert told.left_out == {"deleted": 1}


def test_an_input_that_somebody_else_changed_meanwhile_is_counted(tree):
    told = finding(tree, [written(tree / "a")], started=1)
    assert told.left_out == {"inputs_changed_by_others": 1}


def test_what_is_beyond_a_limit_is_counted(tree, monkeypatch):
    monkeypatch.setattr(module, "FILES_MAX", 2)
    files = [written(tree / str(number)) for number in range(5)]
    assert finding(tree, files).left_out == {"inputs_beyond_files_max": 3}
    assert finding(tree, [], files).left_out == {"outputs_beyond_files_max": 3}
    monkeypatch.setattr(module, "FILES_MAX", 10)
    monkeypatch.setattr(module, "HASHED_BYTES_MAX", 3)
    assert finding(tree, files).left_out == {"beyond_hashed_bytes_max": 2}


def test_the_folder_of_git_is_no_input(tree):
    assert finding(tree, [written(tree / ".git/HEAD")]).inputs == []


def test_links_and_folders_are_no_outputs(tree):
    (tree / "link").symlink_to("a")
    (tree / "folder").mkdir()
    told = finding(tree, [], [written(tree / "a"), tree / "link", tree / "folder"])
    assert [file.name for file in told.outputs] == ["a"]


def test_declared_outputs_make_all_others_byproducts(tree):
    files = [written(tree / "dist/app"), written(tree / "log")]
    told = finding(tree, [], files, asked=Asked(outputs=["dist/*"]))
    assert [file.name for file in told.outputs] == ["dist/app"]
    assert [file.name for file in told.intermediates] == ["log"]


def test_only_what_nobody_declares_is_unlisted(tree):
    files = [written(tree / name) for name in ("tracked", "declared", "loose")]
    told = finding(tree, files, asked=Asked(inputs=["decl*"]), tracked={"tracked"})
    assert told.unlisted == ["loose"]
