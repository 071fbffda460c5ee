"""The examples of docs/identity.md, each run as it stands there."""

import re
import subprocess
import sys

import pytest

from tests.paths import REPOSITORY

PAGE = (REPOSITORY / "docs" / "identity.md").read_text(encoding="utf-8")
# Section → its examples, which go on from one another.
EXAMPLES = {
    title: re.findall(r"^```python\n(.*?)^```", body, re.M | re.S)
    for title, body in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
}


@pytest.mark.parametrize("title", [title for title, found in EXAMPLES.items() if found])
def test_the_examples_of_a_section_run(title, tmp_path):
    code = "\n".join(EXAMPLES[title])
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_the_page_has_examples():
    assert EXAMPLES["Who am I"]
