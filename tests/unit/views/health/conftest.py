import pytest


@pytest.fixture(autouse=True)
def sealing():
    """What is decided of an objective does not depend on how the graph lies on disk."""
