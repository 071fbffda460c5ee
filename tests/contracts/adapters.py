"""Every storage adapter, each with a way to open the same store again, as another process would."""

import pytest

from tests.logs import FilePlace, MemoryPlace

ADAPTERS = ["memory", "files", "files-small-segments"]


def make(name, folder):
    if name == "memory":
        return MemoryPlace()
    if name == "files":
        return FilePlace(folder)
    return FilePlace(folder, segment_bytes_max=2_000)


@pytest.fixture(params=ADAPTERS)
def place(request, tmp_path):
    return make(request.param, tmp_path)
