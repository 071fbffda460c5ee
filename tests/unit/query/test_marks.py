"""Marks say what records say: weak names, ids used again, versions that went back."""

from __future__ import annotations

import pytest

from tests.unit.views.fakes import FakeLog, folded
from wherefrom.query import show

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
BUILD = "build:ci:1"
LINK = "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79"


def marks(log, tmp_path, id, **options):
    reader = folded(log, tmp_path)
    with reader.snapshot() as snapshot:
        (detail,) = show(snapshot, id, **options).matches
    reader.close()
    return [(mark.mark, mark.entries) for mark in detail.marks]


def built(log, *ids, name="app", build=BUILD):
    return log.add(
        [[id, "artifact", name] for id in ids] + [[build, "build"]],
        [[id, "generated_by", build] for id in ids],
    )


@pytest.mark.parametrize("id", ["md5:" + "0" * 32, "sha1:" + "0" * 40])
def test_what_has_no_name_but_a_weak_digest_is_marked_until_a_record_gives_it_another(tmp_path, id):
    log = FakeLog()
    log.add([[id, "artifact", "old.zip"]])
    assert marks(log, tmp_path, id) == [("weak_digest", [])]
    log.add([[A, "artifact"]], [[A, "alternate", id]])
    assert marks(log, tmp_path, id) == []
    assert marks(log, tmp_path, id, as_of=1) == [("weak_digest", [])]


def test_a_git_commit_and_a_strong_digest_are_not_weak(tmp_path):
    log = FakeLog()
    log.add([["gitCommit:" + "0" * 40, "commit"], [A, "artifact"]])
    assert marks(log, tmp_path, "gitCommit:" + "0" * 40) == []
    assert marks(log, tmp_path, A) == []


def test_a_build_that_made_one_name_with_other_content_is_marked(tmp_path):
    log = FakeLog()
    built(log, A)
    assert marks(log, tmp_path, BUILD) == []
    built(log, A)
    built(log, B, name="lib")
    assert marks(log, tmp_path, BUILD) == []
    again = built(log, "sha256:" + "c" * 64)
    assert marks(log, tmp_path, BUILD) == [("reused", [0, again])]
    assert marks(log, tmp_path, BUILD, as_of=again) == []
    log.tombstone(again)
    assert marks(log, tmp_path, BUILD) == []


def test_one_record_may_list_several_contents_under_one_name(tmp_path):
    log = FakeLog()
    built(log, A, B)
    assert marks(log, tmp_path, BUILD) == []


def test_a_run_of_several_jobs_is_marked(tmp_path):
    log = FakeLog()
    for job in ("job:a", "job:a", "job:b"):
        log.add([["run:1", "run"], [job, "job"]], [["run:1", "specializes", job]])
    assert marks(log, tmp_path, "run:1") == [("reused", [0, 2])]
    assert marks(log, tmp_path, "run:1", as_of=2) == []


def linked(log, document, version):
    link = f"{LINK}/{version}"
    return log.add([[document, "sbom"], [link, "resource"]], [[document, "alternate", link]])


def test_a_bom_link_of_several_documents_is_marked(tmp_path):
    log = FakeLog()
    linked(log, A, 1)
    assert marks(log, tmp_path, A) == []
    linked(log, B, 1)
    assert marks(log, tmp_path, A) == marks(log, tmp_path, f"{LINK}/1") == [("reused", [0, 1])]


def test_an_sbom_that_came_after_a_higher_version_of_it_is_marked(tmp_path):
    log = FakeLog()
    linked(log, A, 2)
    linked(log, B, 10)
    assert marks(log, tmp_path, A) == marks(log, tmp_path, B) == []
    late = linked(log, "sha256:" + "c" * 64, 9)
    assert marks(log, tmp_path, "sha256:" + "c" * 64) == [("went_back", [1, late])]
    assert marks(log, tmp_path, B) == []


def vexed(log, document, version):
    return log.add(
        [
            [document, "attestation", None, {"version": version}],
            ["https://vex.example/1", "resource"],
        ],
        [[document, "specializes", "https://vex.example/1"]],
    )


def test_a_document_that_came_after_a_higher_version_of_it_is_marked(tmp_path):
    log = FakeLog()
    vexed(log, A, "2")
    vexed(log, B, "1")
    vexed(log, "sha256:" + "c" * 64, "3")
    vexed(log, "sha256:" + "d" * 64, "draft")
    assert marks(log, tmp_path, B) == [("went_back", [0, 1])]
    for digit in "acd":
        assert marks(log, tmp_path, "sha256:" + digit * 64) == []
