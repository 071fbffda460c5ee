"""Ids of what has no digest: two pairs never share one, and every id can be split again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats import names

text = st.text("ab:%3A25/é ", max_size=12)


@given(text, text, text, text)
def test_two_pairs_never_share_an_id(namespace, name, other_namespace, other_name):
    one, other = (namespace, name), (other_namespace, other_name)
    assert (names.dataset_id(*one) == names.dataset_id(*other)) == (one == other)
    assert names.dataset_id(*one) != names.job_id(*one)


@given(text, text)
def test_an_id_is_split_into_what_it_was_made_of(namespace, name):
    assert names.split(names.dataset_id(namespace, name)) == ("dataset", namespace, name)
    assert names.split(names.job_id(namespace, name)) == ("job", namespace, name)


def test_a_run_is_named_in_lower_case():
    assert names.run_id("3FA85F64-5717-4562-B3FC-2C963F66AFA6").startswith("run:3fa85f64-")


@pytest.mark.parametrize("id", ["", "dataset", "dataset:x", "run:a:b", "sha256:ab", "job"])
def test_another_id_cannot_be_split(id):
    with pytest.raises(ValueError, match="not a dataset or job id"):
        names.split(id)
