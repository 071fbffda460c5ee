"""A proof token, the road once: made by a server, carried away, checked by the page and the key."""

import re

import pytest
from cryptography.exceptions import InvalidSignature

from tests.folders import BUILDER, envelope, sha256_of, statement
from tests.logs import VKEY
from tests.paths import REPOSITORY
from tests.served import ServerProcess, ndjson
from tests.unit.cli.running import run
from tests.unit.formats.test_proof_token import GOLDEN, TOKEN

PAGE = (REPOSITORY / "docs/formats/proof-token.md").read_text(encoding="utf-8")
(BY_HAND,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.fixture
def by_hand():
    names = {}
    exec(compile(BY_HAND, "docs/formats/proof-token.md", "exec"), names)
    return names["checked"]


def test_the_token_on_the_page_is_the_golden_one_and_the_page_checks_it(by_hand):
    assert f"```\n{GOLDEN}\n```" in PAGE
    assert f"`{VKEY.to_text()}`" in PAGE
    assert "import wherefrom" not in BY_HAND
    said = by_hand(GOLDEN, VKEY.to_text(), now=TOKEN.expires - 1)
    assert said == {
        "entry": 7, "size": 9, "leaf": "01" * 32, "root": "02" * 32, "of": TOKEN.of,
    }  # fmt: skip
    with pytest.raises(AssertionError, match="expired"):
        by_hand(GOLDEN, VKEY.to_text(), now=TOKEN.expires)
    for place in range(9, len(GOLDEN), 7):
        changed = GOLDEN[:place] + ("A" if GOLDEN[place] != "A" else "B") + GOLDEN[place + 1 :]
        with pytest.raises((AssertionError, InvalidSignature, ValueError, IndexError)):
            by_hand(changed, VKEY.to_text(), now=TOKEN.issued)


def test_a_server_makes_it_and_it_holds_after_the_log_has_grown(tmp_path, by_hand, monkeypatch):
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token)
        there = ("--server", server.url)
        client.post("/v1/records", content=envelope(statement("app"), BUILDER))
        made = run("proof-token", "make", sha256_of("app"), "--expires", "1h", *there)
        assert made.code == 0, made.err
        token = made.out.strip()
        client.post("/v1/records", content=ndjson(range(300)))
        checked = run("proof-token", "check", token, "--json", *there)
        assert checked.json["result"] == "proven", checked.json
        vkey = client.get("/v1/log").json()["vkey"]
    assert by_hand(token, vkey)["of"] == sha256_of("app")
    assert run("proof-token", "check", token, "--offline", "--log-key", vkey).code == 0
    # The directory is asked as the server was.
    assert run("proof-token", "check", token, data=tmp_path / "data").code == 0
