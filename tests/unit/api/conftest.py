"""One server for all the tests of a file; each test sends records of its own numbers."""

import pytest

from tests.served import Inside
from wherefrom.collect.principals import Principal

SCOPED = {
    "sboms": Principal(name="sboms", roles=("record",), kinds=("sbom",)),
    "events": Principal(name="events", roles=("record",), kinds=("event", "att*")),
    "one producer": Principal(
        name="one producer", roles=("record",), producers=("https://example.com/etl/*",)
    ),
    "one namespace": Principal(
        name="one namespace", roles=("record",), namespaces=("jobs", "s3://bucket")
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Inside(tmp_path_factory.mktemp("http") / "data", **SCOPED) as inside:
        yield inside


@pytest.fixture(scope="module")
def client(server):
    return server.client


@pytest.fixture(scope="module")
def number():
    """A number no other test of the file has had."""
    numbers = iter(range(1_000_000))
    return lambda: next(numbers)
