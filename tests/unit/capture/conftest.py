"""Each test is a program of its own: nobody knows yet what it is, and no work is in hand."""

import os

import pytest

from wherefrom.capture import identity
from wherefrom.capture.propagation import context

ARTIFACT = "sha256:" + "a" * 64


@pytest.fixture(autouse=True)
def _a_program_of_its_own(monkeypatch):
    for name in [n for n in os.environ if n.startswith(("WHEREFROM_", "OTEL_"))]:
        monkeypatch.delenv(name)
    identity.forget()
    token = context.attached(None)
    yield
    context.detached(token)
    identity.forget()


@pytest.fixture
def me(monkeypatch):
    """A cart of one artifact."""
    monkeypatch.setenv("WHEREFROM_ARTIFACT", ARTIFACT)
    monkeypatch.setenv("WHEREFROM_SERVICE", "cart")
    return identity.identity()
