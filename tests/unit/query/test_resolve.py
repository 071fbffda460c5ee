"""From what a person types to what it means."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.views.fakes import FakeLog, folded
from wherefrom.errors import Ambiguous, NotFound
from wherefrom.formats.names import dataset_id, job_id
from wherefrom.query import find, resolve, spellings
from wherefrom.views.graph import Snapshot

HEX = hashlib.sha256(b"x").hexdigest()
HEX512 = hashlib.sha512(b"x").hexdigest()
COMMIT = "5f" * 20
RUN = "01a1fc81-1e8c-7540-b7cf-33e0e7275163"
NOON, ONE = "2026-01-01T12:00:00.000000Z", "2026-01-01T13:00:00.000000Z"


def the_log() -> FakeLog:
    log = FakeLog()
    log.add(
        [
            [f"sha256:{HEX}", "artifact", "bin/linux/Kubectl"],
            [f"sha512:{HEX512}", "artifact"],
            [f"gitCommit:{COMMIT}", "commit"],
            ["pkg:npm/%40angular/core@12", "package"],
            ["pkg:npm/%40angular/core@13", "package"],
            ["pkg:pypi/one-version@1.0", "package"],
            [dataset_id("postgres://db:5432", "shop.orders"), "dataset"],
            [dataset_id("prod", "orders"), "dataset"],
            [job_id("airflow", "dag:task"), "job"],
            [f"run:{RUN}", "run"],
            ["https://github.com/actions/runner", "builder"],
            ["sha256:" + "ab" * 32, "artifact", "twin"],
            ["sha256:" + "ac" * 32, "artifact", "twin"],
        ]
    )
    log.add(tags=[["nginx:1.25", "sha256:" + "ab" * 32]], occurred=NOON)
    log.add(tags=[["docker.io/library/nginx:1.25", "sha256:" + "ac" * 32]], occurred=ONE)
    return log


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    reader = folded(the_log(), tmp_path_factory.mktemp("graph"))
    with reader.snapshot() as found:
        yield found
    reader.close()


@pytest.mark.parametrize(
    ("text", "id"),
    [
        (HEX, f"sha256:{HEX}"),
        (HEX.upper(), f"sha256:{HEX}"),
        (f"sha256:{HEX.upper()}", f"sha256:{HEX}"),
        (f"SHA-256:{HEX}", f"sha256:{HEX}"),
        (f"sha256-{HEX}", f"sha256:{HEX}"),
        ("sha256-" + base64.b64encode(bytes.fromhex(HEX)).decode(), f"sha256:{HEX}"),
        (f"ghcr.io/octo/app:v1@sha256:{HEX}", f"sha256:{HEX}"),
        (HEX512, f"sha512:{HEX512}"),
        (f"  {HEX}\n", f"sha256:{HEX}"),
        (HEX[:12], f"sha256:{HEX}"),
        (f"sha256:{HEX[:5].upper()}", f"sha256:{HEX}"),
        (COMMIT, f"gitCommit:{COMMIT}"),
        (COMMIT[:7].upper(), f"gitCommit:{COMMIT}"),
        (f"git:{COMMIT}", f"gitCommit:{COMMIT}"),
        ("pkg:NPM/@angular/core@12", "pkg:npm/%40angular/core@12"),
        ("pkg:npm/%40angular/core@13?x=y", "pkg:npm/%40angular/core@13"),
        ("pkg:pypi/One_Version", "pkg:pypi/one-version@1.0"),
        ("postgres://db:5432:shop.orders", "dataset:postgres://db:5432:shop.orders"),
        ("postgres://db:5432/shop.orders", "dataset:postgres://db:5432:shop.orders"),
        ("postgres://db:5432 shop.orders", "dataset:postgres://db:5432:shop.orders"),
        ("dataset:prod:orders", "dataset:prod:orders"),
        ("prod/orders", "dataset:prod:orders"),
        ("airflow dag:task", "job:airflow:dag%3Atask"),
        ("airflow:dag:task", "job:airflow:dag%3Atask"),
        ("job:airflow:dag%3Atask", "job:airflow:dag%3Atask"),
        ("dag:task", "job:airflow:dag%3Atask"),
        ("shop.orders", "dataset:postgres://db:5432:shop.orders"),
        (RUN.upper(), f"run:{RUN}"),
        (RUN[:8], f"run:{RUN}"),
        ("https://github.com/actions/runner", "https://github.com/actions/runner"),
        ("actions/runner", "https://github.com/actions/runner"),
        ("bin/linux/kubectl", f"sha256:{HEX}"),
        ("KUBECTL", f"sha256:{HEX}"),
        ("nginx:1.25", "sha256:" + "ac" * 32),
        ("docker.io/nginx:1.25", "sha256:" + "ac" * 32),
    ],
)
def test_every_spelling_leads_to_its_one_node(snapshot: Snapshot, text: str, id: str) -> None:
    assert [m.id for m in resolve(snapshot, text)] == [id]


def test_a_tag_means_what_it_meant_then(snapshot: Snapshot) -> None:
    (at_noon,) = resolve(snapshot, "nginx:1.25", at="2026-01-01T12:30:00Z")
    assert at_noon.id == "sha256:" + "ab" * 32
    (early,) = resolve(snapshot, "nginx:1.25", as_of=2)
    assert early.id == "sha256:" + "ab" * 32
    with pytest.raises(NotFound, match="nothing is called this"):
        resolve(snapshot, "nginx:1.25", as_of=1)


@pytest.mark.parametrize("text", ["twin", "pkg:npm/@angular/core", "orders", "sha256:a"])
def test_what_could_be_several_things_is_ambiguous_or_unknown(
    snapshot: Snapshot, text: str
) -> None:
    expected: type[Exception] = NotFound if text == "sha256:a" else Ambiguous
    with pytest.raises(expected, match=r"several things could be meant|nothing is called this"):
        resolve(snapshot, text)


def test_an_ambiguous_prefix_names_its_candidates(tmp_path: Path) -> None:
    log = FakeLog()
    log.add([[f"sha256:abcd{n:060}", "artifact"] for n in range(12)])
    reader = folded(log, tmp_path)
    with (
        reader.snapshot() as found,
        pytest.raises(Ambiguous, match=r"artifact sha256:abcd0+; .*; and 2 more"),
    ):
        resolve(found, "abcd")
    reader.close()


def test_several_names_of_one_thing_are_no_ambiguity(tmp_path: Path) -> None:
    log = FakeLog()
    log.add([["sha256:a", "artifact", "app"], ["sha512:a", "artifact", "app"]])
    log.add(edges=[["sha512:a", "alternate", "pkg:oci/a"], ["pkg:oci/a", "alternate", "sha256:a"]])
    reader = folded(log, tmp_path)
    with reader.snapshot() as found:
        assert {m.id for m in resolve(found, "app")} == {"sha256:a", "sha512:a"}
        with pytest.raises(Ambiguous, match="several things could be meant"):
            resolve(found, "app", as_of=1)
    reader.close()


def test_an_entry_is_named_by_its_index(snapshot: Snapshot, tmp_path: Path) -> None:
    (match,) = resolve(snapshot, "entry:1")
    assert match.entries == [1]
    with pytest.raises(NotFound, match="no such entry"):
        resolve(snapshot, "entry:3")
    log = the_log()
    log.tombstone(1)
    reader = folded(log, tmp_path)
    with reader.snapshot() as found, pytest.raises(NotFound, match="erased or could not be read"):
        resolve(found, "entry:1")
    reader.close()


@given(st.text())
def test_any_text_gives_only_our_errors(snapshot: Snapshot, text: str) -> None:
    for spelled in (spellings.exact_ids, spellings.named_ids, spellings.prefixes):
        assert all(isinstance(i, str) for i in spelled(text))
    with contextlib.suppress(NotFound, Ambiguous):
        assert resolve(snapshot, text)
    assert find(snapshot, text).matches is not None


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "", " ", "pkg:", "sha256:", "entry:", "@", ":"])
def test_odd_texts_are_not_found(snapshot: Snapshot, text: str) -> None:
    with pytest.raises(NotFound, match="nothing is called this"):
        resolve(snapshot, text)
    # As the beginning of a name some of them may be meant.
    assert all(m.because.endswith("prefix") for m in find(snapshot, text).matches)


@pytest.mark.parametrize(
    ("text", "first", "because"),
    [
        (HEX.upper(), f"sha256:{HEX}", "id"),
        (HEX[:6], f"sha256:{HEX}", "prefix"),
        ("nginx:1.25", "sha256:" + "ac" * 32, "tag"),
        ("nginx", "sha256:" + "ab" * 32, "tag prefix"),
        ("kubectl", f"sha256:{HEX}", "name"),
        ("KUBE", f"sha256:{HEX}", "name prefix"),
        ("pkg:npm/%40angular", "pkg:npm/%40angular/core@12", "prefix"),
        ("pkg:NPM/@angular/core", "pkg:npm/%40angular/core@12", "prefix"),
        ("core", "pkg:npm/%40angular/core@12", "name"),
        ("orders", "dataset:postgres://db:5432:shop.orders", "name"),
    ],
)
def test_find_says_what_it_found_and_why(
    snapshot: Snapshot, text: str, first: str, because: str
) -> None:
    found = find(snapshot, text)
    assert (found.matches[0].id, found.matches[0].because) == (first, because)
    assert not found.truncated


def test_find_is_bounded_and_says_so(tmp_path: Path) -> None:
    log = FakeLog()
    log.add([[f"sha256:{n:064}", "artifact", "app"] for n in range(60)])
    log.add([["pkg:npm/app", "package"]])
    reader = folded(log, tmp_path)
    with reader.snapshot() as found:
        answer = find(found, "app", limit=10)
        assert len(answer.matches) == 10
        assert answer.truncated
        packages = find(found, "app", kind="package")
        assert [m.id for m in packages.matches] == ["pkg:npm/app"]
        assert find(found, "app", as_of=1, kind="package").matches == []
        with pytest.raises(ValueError, match="a limit is 1 to 50"):
            find(found, "app", limit=51)
    reader.close()
