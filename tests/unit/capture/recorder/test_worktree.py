"""The state of a clone, as git tells it before a command runs."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

from wherefrom.capture.recorder.worktree import worktree


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("a", "b", "c d"):
        (folder / name).write_text(name)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a")
    return folder


def git(folder, *arguments):
    who = {f"GIT_{w}_{k}": "a@example.com" for w in ("AUTHOR", "COMMITTER")
           for k in ("NAME", "EMAIL")}  # fmt: skip
    environ = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *arguments], cwd=folder, env=environ, check=True, capture_output=True)


def test_a_clean_clone_holds_all_of_its_files(clone):
    found = worktree(clone)
    assert (found.tracked, found.changed) == ({"a", "b", "c d"}, set())
    assert found.ref == "refs/heads/main"
    assert found.holds("c d")
    assert not found.holds("loose")


def test_what_is_changed_staged_renamed_or_deleted_is_not_as_in_the_commit(clone):
    (clone / "a").write_text("other")
    git(clone, "mv", "b", "new")
    (clone / "c d").unlink()
    assert worktree(clone).changed == {"a", "b", "new", "c d"}


def test_a_digest_of_the_commit_is_of_what_it_holds_whatever_lies_there(clone):
    found = worktree(clone)
    (clone / "a").write_text("other")
    assert found.digest_in_commit("a") == hashlib.sha256(b"a").hexdigest()
    assert found.digest_in_commit("loose") is None


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://ada:pw@github.com/acme/app.git", "git+https://github.com/acme/app"),
        ("git@github.com:acme/app.git", "git+https://github.com/acme/app"),
        ("https://example.com/acme/app", "git+https://example.com/acme/app"),
        ("/home/ada/app.git", None),
        ("../app", None),
        ("file:///home/ada/app", None),
    ],
)
def test_a_remote_is_a_repository_if_others_can_reach_it(clone, url, repository):
    git(clone, "remote", "add", "origin", url)
    assert worktree(clone).repository == repository


def test_a_folder_below_the_root_has_the_same_root(clone):
    below = clone / "below"
    below.mkdir()
    found = worktree(below)
    assert found.root == os.path.realpath(clone)
    assert found.name_of(f"{found.root}/below/x") == "below/x"
    assert found.name_of(f"{found.root}-other/x") is None
    # The last two of a linked tree, and of a submodule.
    for own in (".git/config", ".git", "below/.git"):
        assert found.name_of(f"{found.root}/{own}") is None
    assert found.name_of(f"{found.root}/.gitignore") == ".gitignore"


def test_a_tag_that_is_checked_out_is_the_ref(clone):
    git(clone, "tag", "v1")
    git(clone, "checkout", "-q", "v1")
    assert worktree(clone).ref == "refs/tags/v1"


def test_a_folder_that_is_no_clone_and_one_without_a_commit_have_none(tmp_path):
    assert worktree(tmp_path) == (os.path.realpath(tmp_path), None, None, None, set(), set())
    git(tmp_path, "init", "-q")
    assert worktree(tmp_path).commit is None
