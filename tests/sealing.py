"""A fixture for tests of the graph: each runs with everything in the tail, and with it sealed."""

import pytest

from wherefrom.views.graph import view


@pytest.fixture(autouse=True, params=["tail", "sealed"])
def sealing(request, monkeypatch):
    """``sealed``: a few edges are sealed already, and segments merge all the time."""
    if request.param == "sealed":
        monkeypatch.setattr(view, "SEAL_FIRST", 5)
        monkeypatch.setattr(view, "SEAL_EDGES", 3)
    return request.param
