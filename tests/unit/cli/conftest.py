"""Every test of the command line reads a page of a hundred columns, and no one's environment."""

import os

import pytest


@pytest.fixture(autouse=True)
def _a_clean_page(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    for name in [n for n in os.environ if n.startswith("WHEREFROM_")]:
        monkeypatch.delenv(name)
