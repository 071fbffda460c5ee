"""``wherefrom verdicts renew``, on a directory and through a server."""

from tests.folders import BUILDER, envelope, public, statement
from tests.served import Inside
from tests.unit.cli.running import run


def test_renewing_says_what_was_looked_at_and_what_changed(tmp_path):
    data = tmp_path / "data"
    run("record", "-", stdin=envelope(statement("app"), BUILDER), data=data)
    ran = run("verdicts", "renew", data=data)
    assert (ran.code, ran.out) == (
        0, "1 signed record of 2 entries judged again: 0 changed. Recorded in entry 2\n",
    )  # fmt: skip
    assert run("verdicts", "renew", "--json", data=data).json["entry"] == 3


def test_a_server_renews_too_and_the_record_of_it_can_be_asked_about(tmp_path, monkeypatch):
    with Inside(tmp_path / "data") as server:
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token["admin"])
        server.client.post("/v1/records", content=envelope(statement("app"), BUILDER))
        server.client.post("/v1/keys", json={"action": "trust", "pem": public(BUILDER).to_pem()})
        ran = run("verdicts", "renew", "--json", "--server", server.url)
        assert (ran.code, ran.json["looked"], ran.json["changed"]) == (0, 1, 0)
        server.fold()
        shown = server.client.get(f"/v1/show/entry:{ran.json['entry']}").json()["matches"][0]
        assert (shown["properties"]["decision"], shown["properties"]["looked"]) == ("system", 1)
