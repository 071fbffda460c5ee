"""Where the logs of these tests lie."""

import pytest

from tests.logs import FilePlace, MemoryPlace


@pytest.fixture(params=["memory", "files"])
def place(request, tmp_path):
    """In memory, and in files."""
    return MemoryPlace() if request.param == "memory" else FilePlace(tmp_path)


@pytest.fixture
def files(tmp_path):
    return FilePlace(tmp_path)
