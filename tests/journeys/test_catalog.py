"""A catalogue over a real estate: owners stand in answers, and who is silent is told."""

import json

import pytest

from tests.paths import DATA
from tests.served import ServerProcess, until
from tests.unit.cli.running import run

SHOP = DATA / "runtime" / "microservices-demo-release-history"
DIGEST = "sha256:" + "c" * 64
CATALOG = """
version: 1
environments: {prod: {production: true}, test: {}}
teams:
  checkout: {contacts: {slack: "#checkout"}}
  platform: {}
services:
  cartservice:
    owner: checkout
    criticality: critical
    environments: [prod]
    repository: github.com/GoogleCloudPlatform/microservices-demo
    emitters:
      - {name: git, kinds: [deployment], source: /git/*}
      - {name: ci, kinds: [provenance, sbom]}
  checkoutservice:
    owner: checkout
    environments: [prod, test]
    emitters: [{name: git, kinds: [deployment], within: 1d}]
  ghost: {owner: platform, environments: [prod], emitters: [{name: ci, kinds: [sbom]}]}
"""


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")


def ok(*arguments, **named):
    done = run(*arguments, **named)
    assert done.code == 0, done.out + done.err
    return done


@pytest.fixture
def data(tmp_path):
    last = json.loads((SHOP / "index.jsonl").read_text().splitlines()[-1])
    data = tmp_path / "data"
    ok("change", "manifest", SHOP / last["file"], "-e", "prod", "--source", "/git/shop", data=data)
    return data


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG)
    return path


@pytest.fixture
def key(tmp_path):
    ok("keys", "new", "ops", "-o", tmp_path)
    return tmp_path / "ops.key"


def states(answer):
    return {(g["environment"], g["service"], g["kind"]): g["state"] for g in answer["gaps"]}


def gaps(data, *more):
    return run("catalog", "gaps", "--json", *more, data=data)


def test_who_is_silent_is_told_and_who_owns_what_runs(data, file, tmp_path, key):
    assert gaps(data).code == 1  # no catalogue: nobody can tell who is silent
    assert gaps(data).problem["code"] == "not_found"
    ok("keys", "trust", tmp_path / "ops.pub", data=data)
    first = ok("catalog", "record", file, "--key", key, "--json", data=data).json
    again = ok("catalog", "record", file, "--key", key, "--json", data=data).json
    index = first["items"][0]["index"]
    assert (again["status"], again["index"]) == ("known", index)

    answer = gaps(data)
    assert answer.code == 1
    assert states(answer.json) == {
        ("prod", "cartservice", "provenance"): "missing",
        ("prod", "cartservice", "sbom"): "missing",
        ("prod", "ghost", "sbom"): "missing",
        ("test", "checkoutservice", "deployment"): "missing",
    }
    assert answer.json["catalogs"][0]["trust"] == "signed"
    assert answer.json["unseen"] == ["ghost"]
    strangers = {one["service"]: one["environments"] for one in answer.json["unknown"]}
    assert strangers["frontend"] == ["prod"]
    assert "cartservice" not in strangers
    covered = answer.json["coverage"]
    assert covered["all"] == {"expected": 6, "covered": 2, "share": 2 / 6}
    assert covered["teams"]["platform"]["covered"] == 0
    assert covered["environments"]["test"]["expected"] == 1

    # A record of what is missing closes that gap, and no other.
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "cart", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "t", "externalParameters": {}, "resolvedDependencies": [
                    {"uri": "git+https://github.com/GoogleCloudPlatform/microservices-demo",
                     "digest": {"gitCommit": "b" * 40}},
                ],
            },
            "runDetails": {"builder": {"id": "https://ci.example/b"}},
        },
    }  # fmt: skip
    ok("record", "-", stdin=json.dumps(statement).encode(), data=data)
    assert set(states(gaps(data).json)) == set(states(answer.json)) - {
        ("prod", "cartservice", "provenance")
    }

    # What runs is named by a digest from here on: then that one needs its own.
    ok("change", "deploy", "cartservice", DIGEST, "-e", "prod", "--source", "/git/shop", data=data)
    (found,) = [g for g in gaps(data, "cartservice").json["gaps"] if g["kind"] == "provenance"]
    assert (found["state"], found["without"]) == ("missing", [DIGEST])

    place = ok("running", "prod/cartservice", "--json", data=data).json["places"][0]
    assert place["owner"] == "checkout"
    reached = ok("affected", DIGEST, "--json", data=data).json["running"]
    assert [one["owner"] for one in reached] == ["checkout"]
    assert "checkout" in ok("running", "prod/cartservice", data=data).out
    assert "checkout" in ok("affected", DIGEST, data=data).out
    told = run("catalog", "gaps", data=data).out
    assert "prod/cartservice  checkout, critical" in told
    assert f"missing  provenance  ci  none of {DIGEST[:19]}, which runs" in told
    assert "missing  sbom  ci  never" in told
    assert "No catalogue names frontend in prod" in told
    assert "No record names ghost" in told
    assert "2 of 6 (33.3%) of what is expected is there; in production 2 of 5 (40.0%)" in told
    shown = ok("catalog", "show", "cartservice", data=data).out
    for line in ("cartservice  checkout, critical  prod", "slack  #checkout", "heard  deployment",
                 "expected  ci: provenance, sbom", "heard  provenance"):  # fmt: skip
        assert line in shown
    up = ok("trace", "service:cartservice", "--json", data=data).json
    assert ("attributed_to", "team:checkout") in {
        (e["relation"], e["to"]) for e in up["edges"]
    }  # fmt: skip


def test_what_is_late_is_late_by_the_time_that_is_asked_about(data, file):
    ok("catalog", "record", file, data=data)
    at = ok("catalog", "show", "--json", data=data).json["at"]
    later = f"{int(at[:4]) + 1}{at[4:]}"
    found = states(gaps(data, "checkoutservice", "--at", later).json)
    assert found["prod", "checkoutservice", "deployment"] == "late"
    assert run("catalog", "gaps", "checkoutservice", "-e", "prod", data=data).code == 0
    # Before it was recorded there was none.
    assert gaps(data, "--at", "2020-01-01T00:00:00Z").problem["code"] == "not_found"


def test_a_catalogue_takes_the_place_of_the_one_before_and_can_come_back(data, file, tmp_path):
    ok("catalog", "record", file, data=data)
    before = file.read_text()
    file.write_text(before.replace("owner: platform", "owner: checkout"))
    differing = ok("catalog", "diff", file, "--json", data=data).json["differing"]
    assert [(d["name"], d["fields"]) for d in differing] == [("ghost", ["owner"])]
    for text, owner in ((file.read_text(), "checkout"), (before, "platform")):
        file.write_text(text)
        assert ok("catalog", "record", file, "--json", data=data).json["items"]
        shown = ok("catalog", "show", "ghost", "--json", data=data).json
        assert [s["service"]["owner"] for s in shown["services"]] == [owner]
    assert ok("catalog", "diff", file, data=data).out.strip().endswith("Nothing differs.")
    size = ok("log", "status", "--json", data=data).json["size"]
    then = ok("catalog", "show", "ghost", "--as-of", size - 1, "--json", data=data).json
    assert then["services"][0]["service"]["owner"] == "checkout"


def test_an_erased_catalogue_owns_nothing(data, file):
    index = ok("catalog", "record", file, "--json", data=data).json["items"][0]["index"]
    ok("erase", index, "--reason", "test", data=data)
    assert ok("catalog", "show", "--json", data=data).json["catalogs"] == []
    place = ok("running", "prod/cartservice", "--json", data=data).json["places"][0]
    assert place["owner"] is None
    assert ok("log", "audit", data=data).code == 0


def test_backstage_and_a_catalogue_of_ours_are_one_and_say_what_is_left_out(tmp_path, file):
    info = tmp_path / "catalog-info.yaml"
    info.write_text(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {name: web}\n"
        "spec: {type: website, lifecycle: production, owner: platform}\n---\n"
        "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {name: jane}\n"
        "spec: {profile: {email: jane@example.com}}\n"
    )
    checked = ok("catalog", "check", info, file, "--json").json
    assert (checked["services"], checked["left_out"]) == (4, {"User": 1})
    data = tmp_path / "data"
    ok("catalog", "record", info, file, data=data)
    entry = ok("catalog", "show", "web", "--json", data=data).json["catalogs"][0]["entry"]
    assert b"jane" not in ok("show", f"entry:{entry}", "--json", data=data).written
    bad = tmp_path / "bad.yaml"
    bad.write_text("services: {a: {ownr: x}}")
    refused = run("catalog", "check", bad, "--json")
    assert (refused.code, refused.problem["code"]) == (1, "malformed")


def test_a_server_gives_the_same_answers(data, file, monkeypatch):
    ok("catalog", "record", file, data=data)
    here = {verb: run("catalog", verb, "--json", "--at", "2027-01-01T00:00:00Z", data=data).json
            for verb in ("show", "gaps")}  # fmt: skip
    made = ok("tokens", "new", "ci", "--role", "record", "--json", data=data).json
    with ServerProcess(data) as server:
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token)
        for verb, answer in here.items():
            there = run(
                "catalog", verb, "--json", "--at", "2027-01-01T00:00:00Z", "--server", server.url
            )
            assert there.json == answer
        assert run("catalog", "record", file, "--server", server.url).code == 0
        assert run("catalog", "show", "nobody", "--server", server.url).code == 1
        # Who may only record need not see what is in force.
        monkeypatch.setenv("WHEREFROM_TOKEN", made["token"])
        assert run("catalog", "record", file, "--server", server.url).code == 0
        assert run("catalog", "show", "--server", server.url).code != 0
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token)
        # The fold notes for the writer whose spans are kept whole, and again when it changes.
        noted = data / "views" / "catalogued.json"
        until(noted.exists)
        assert json.loads(noted.read_bytes()) == {"billable": [], "critical": ["cartservice"]}
        file.write_text(CATALOG.replace("criticality: critical", "billable: true"))
        assert run("catalog", "record", file, "--server", server.url).code == 0
        wanted = {"billable": ["cartservice"], "critical": []}
        until(lambda: json.loads(noted.read_bytes()) == wanted)
