"""What clouds call a resource has one spelling, whoever says it."""

from __future__ import annotations

import pytest

from wherefrom.formats.cloud_names import azure, google, of_settings

BASE = "//compute.googleapis.com/projects/p/zones/z/instances/i"


@pytest.mark.parametrize(
    "name",
    [
        "projects/p/zones/z/instances/i",
        "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i",
        "https://www.googleapis.com/compute/beta/projects/p/zones/z/instances/i",
        "https://compute.googleapis.com/compute/v1/projects/p/zones/z/instances/i",
        BASE,
    ],
)
def test_a_resource_of_google_has_one_full_name(name: str) -> None:
    assert google("compute.googleapis.com", name) == BASE


def test_ids_of_azure_are_one_in_any_case_and_others_are_none() -> None:
    assert azure("/SUBSCRIPTIONS/A/resourceGroups/B/") == "/subscriptions/a/resourcegroups/b"
    assert azure("db-1") is None


def test_settings_name_a_resource_only_in_ways_that_are_known_and_fit() -> None:
    assert list(of_settings({"arn": "arn:aws:s3:::a", "id": "a", "self_link": 5})) == [
        "arn:aws:s3:::a"
    ]
    assert (
        list(of_settings({"arn": "arn:" + "a" * 400, "self_link": "https://example.org/x"})) == []
    )
