"""What is not imported: a program that will use us, the command's help and each process of a
server hold only what they run.
"""

import subprocess
import sys

import pytest

SERVER = ("starlette", "uvicorn", "uvloop", "httptools", "anyio", "prometheus_client")
DATA = ("apsw", "numpy", "zstandard", "nacl", "cryptography")
OUTSIDE = ("httpx", "rich", "click", "msgspec", "ssl", "asyncio")
TESTS = ("pytest", "prov", "networkx", "wherefrom.testing", "wherefrom.sample")

# What is imported → what that must not bring along.
ABSENT = {
    "wherefrom": (*SERVER, *DATA, *OUTSIDE, *TESTS, "wherefrom.cli", "wherefrom.formats"),
    "wherefrom.cli.main": (
        *SERVER, *DATA, *TESTS, "httpx", "rich", "msgspec", "ssl", "asyncio", "wherefrom.query",
        "wherefrom.app", "wherefrom.log",
    ),
    "wherefrom.verify.evidence_file": (*SERVER, *TESTS, "numpy", "httpx", "rich", "click", "apsw"),
    "wherefrom.verify.judging": (*SERVER, *TESTS, "numpy", "httpx", "rich", "click", "apsw"),
    "wherefrom.query.exports": (*SERVER, *TESTS, "numpy", "httpx", "rich", "click"),
    "wherefrom.serving.reader": (
        *TESTS, "numpy", "httpx", "rich", "zstandard", "wherefrom.cli", "wherefrom.log.writer",
        "wherefrom.log.recorder", "wherefrom.verify.pool",
    ),
    "wherefrom.serving.writer": (
        *TESTS, "numpy", "httpx", "rich", "wherefrom.cli", "wherefrom.log.runs",
    ),
    "wherefrom.log.recorder": (*TESTS, "numpy", "wherefrom.log.runs"),
    "wherefrom.capture.identity": (
        *SERVER, *DATA, *TESTS, "httpx", "rich", "click", "ssl", "asyncio",
    ),
}  # fmt: skip


def imported_by(module):
    code = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True
    )
    return set(ran.stdout.split())


@pytest.mark.parametrize("module", ABSENT)
def test_a_module_does_not_bring_along_what_it_does_not_run(module):
    found = imported_by(module)
    assert module in found
    assert not found & set(ABSENT[module])


def test_a_module_that_is_brought_along_is_seen():
    assert "numpy" in imported_by("wherefrom.log.runs")
    assert imported_by("wherefrom.serving.writer") & {"starlette"}
