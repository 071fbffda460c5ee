"""The texts a node is found by, and the one spelling of a tag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats.names import dataset_id, job_id
from wherefrom.views.graph.spelling import (
    TEXT_CHARS_MAX,
    fold_text,
    tag_key,
    texts_of_id,
    texts_of_name,
)


@pytest.mark.parametrize(
    ("id", "texts"),
    [
        ("pkg:golang/github.com/antlr/antlr4@v1", ["github.com/antlr/antlr4", "antlr4"]),
        ("pkg:npm/%40angular/core@12.3", ["@angular/core", "core"]),
        ("pkg:npm/%40angular/core", ["@angular/core", "core"]),
        ("pkg:deb/debian/curl@7.50?arch=i386#x", ["debian/curl", "curl"]),
        (dataset_id("postgres://db:5432", "shop.Public.Orders"), ["shop.public.orders", "orders"]),
        (dataset_id("s3://bucket", "raw/orders/"), ["raw/orders/", "orders"]),
        (job_id("airflow", "dag:task"), ["dag:task"]),
        ("https://github.com/Octo/App@refs/heads/main", ["octo/app", "app"]),
        ("git+https://github.com/octo/app", ["octo/app", "app"]),
        ("https://example.com/", ["example.com"]),
        ("sha256:" + "a" * 64, []),
        ("gitCommit:" + "a" * 40, []),
        ("dataset:broken", []),
    ],
)
def test_an_id_with_words_in_it_is_found_by_them(id: str, texts: list[str]) -> None:
    assert texts_of_id(id) == texts


def test_a_name_is_found_whole_and_by_its_last_part() -> None:
    assert texts_of_name("bin/linux/Kubectl") == ["bin/linux/kubectl", "kubectl"]
    assert texts_of_name("kubectl") == ["kubectl"]
    assert texts_of_name("/") == ["/"]


@given(st.text())
def test_every_text_is_folded_short_and_stays_as_it_is_when_folded_again(text: str) -> None:
    for found in [*texts_of_name(text), *texts_of_id("https://x/" + text)]:
        assert found
        assert len(found) <= TEXT_CHARS_MAX
    folded = fold_text(text)
    assert len(folded) <= TEXT_CHARS_MAX


@pytest.mark.parametrize(
    ("spelled", "key"),
    [
        ("nginx:1.25", "docker.io/library/nginx:1.25"),
        ("docker.io/nginx:1.25", "docker.io/library/nginx:1.25"),
        ("index.docker.io/library/nginx:1.25", "docker.io/library/nginx:1.25"),
        ("Octo/App:V1", "docker.io/octo/app:V1"),
        ("ghcr.io/octo/app:v1", "ghcr.io/octo/app:v1"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("localhost/app", "localhost/app"),
        ("registry:5000/app", "registry:5000/app"),
        ("nginx", "docker.io/library/nginx"),
    ],
)
def test_a_tag_has_one_spelling(spelled: str, key: str) -> None:
    assert tag_key(spelled) == key
    assert tag_key(key) == key
