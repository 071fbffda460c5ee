"""Config bundles from files to the log and back: packed, activated, shown, compared."""

import json
import stat
from itertools import pairwise

import pytest

from tests.paths import DATA
from tests.unit.cli.running import run
from wherefrom.capture.bundles import flat

FLAGS = DATA / "runtime" / "otel-demo-flag-history"


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def key(tmp_path):
    assert run("keys", "new", "ops", "-o", tmp_path).code == 0
    (found,) = [p for p in tmp_path.glob("ops*") if b"PRIVATE" in p.read_bytes()]
    return found


def ok(*arguments, **named):
    done = run(*arguments, **named)
    assert done.code == 0, done.out + done.err
    return done


def alike(a, b):
    """As JSON has it: 1.0 is 1, and True is not."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def pack(tmp_path, key, number, text, *more):
    (tmp_path / "cart.yaml").write_text(text)
    out = tmp_path / f"cart-{number}.json"
    said = ok(
        "bundle", "pack", tmp_path / "cart.yaml", "--name", "cart", "--version", number,
        "--hash-key", tmp_path / "hash.key", "--key", key, "-o", out, "--json", *more,
    )  # fmt: skip
    return out, said.json["digest"]


def test_what_is_activated_is_shown_where_it_runs_and_differs_by_its_keys(tmp_path, key):
    data = tmp_path / "data"
    one, first = pack(tmp_path, key, 1, "timeout: 5\nhost: a\npassword: hunter2\n")
    assert stat.S_IMODE((tmp_path / "hash.key").stat().st_mode) == 0o600
    two, second = pack(tmp_path, key, 2, "timeout: 9\npool: 4\npassword: hunter3\n",
                       "--revises", first)  # fmt: skip
    assert b"hunter" not in one.read_bytes() + two.read_bytes()
    ok("keys", "trust", key.with_name("ops.pub"), data=data)
    scope = ("--service", "cart", "-e", "prod", "--region")
    ok("bundle", "activate", f"{one}", *scope, "eu", data=data)
    ok("record", two, data=data)
    ok("bundle", "activate", second, *scope, "us", data=data)

    places = ok("running", "prod", "--json", data=data).json["places"]
    assert {(p["region"], p["slot"], p["name"], p["declared"]["value"]) for p in places} == {
        ("eu", "config", "cart", first), ("us", "config", "cart", second),
    }  # fmt: skip
    assert {p["declared"]["says"] for p in places} == {"cart 1", "cart 2"}

    told = ok("diff", "prod/cart/eu", "prod/cart/us", "--json", data=data).json
    (differing,) = told["differing"]
    expected = [
        {"key": "host", "what": "removed", "before": "a", "after": None, "secret": False},
        {"key": "password", "what": "changed", "before": None, "after": None, "secret": True},
        {"key": "pool", "what": "added", "before": None, "after": 4, "secret": False},
        {"key": "timeout", "what": "changed", "before": 5, "after": 9, "secret": False},
    ]
    assert differing["keys"] == expected
    assert ok("bundle", "diff", one, second, "--json", data=data).json["keys"] == expected
    said = ok("diff", "prod/cart/eu", "prod/cart/us", data=data).out
    for line in ('host  removed: "a"', "password  secret, changed", "timeout  5 → 9"):
        assert line in said

    shown = ok("bundle", "show", second, data=data).out
    assert "cart 2, a config of 2 settings, 1 secret" in shown
    assert "timeout  9" in shown
    assert "password  secret, hash " in shown
    assert "hunter" not in shown
    # The record is the operator's, and the bundle follows on the one before.
    trace = ok("trace", second, "--json", data=data).json
    assert (second, "revises", first) in {
        (e["from"], e["relation"], e["to"]) for e in trace["edges"]
    }


def test_an_erased_bundle_is_active_and_nobody_can_name_its_keys(tmp_path, key):
    data = tmp_path / "data"
    one, first = pack(tmp_path, key, 1, "timeout: 5\n")
    two, _ = pack(tmp_path, key, 2, "timeout: 6\n")
    for file, region in ((one, "eu"), (two, "us")):
        ok("bundle", "activate", file, "-e", "prod", "--region", region, data=data)
    ok("erase", "1", "--reason", "a test", data=data)
    (differing,) = ok("diff", "prod//eu", "prod//us", "--json", data=data).json["differing"]
    assert differing["a"] == [first]
    assert "keys" not in differing
    assert run("bundle", "show", first, data=data).code == 1


def test_what_is_no_bundle_is_said_to_be_none(tmp_path, key):
    (tmp_path / "a.yaml").write_text("password: hunter2\nn: 1\n")
    base = ("bundle", "pack", tmp_path / "a.yaml", "--name", "a", "--key", key)
    refused = run(*base)
    assert refused.code == 2
    assert "--hash-key" in refused.err
    assert "hunter2" not in refused.err
    assert run("bundle", "show", tmp_path / "a.yaml").code == 1
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"properties": {"n": {"type": "string"}}}))
    bad = run(*base, "--hash-key", tmp_path / "k", "--schema", schema)
    assert bad.code == 1
    assert "properties/n/type" in bad.err
    schema.write_text(json.dumps({"properties": {"n": {"type": "integer", "writeOnly": True}}}))
    packed = ok(*base, "--hash-key", tmp_path / "k", "--schema", schema, "--max-seconds", 9,
                "--kind", "safe_mode", "--meaning", "reads only", "-o", tmp_path / "b")  # fmt: skip
    assert "2 secrets" in packed.out
    assert run("bundle", "activate", tmp_path / "b", "-e", "x", data=tmp_path / "d").code == 2
    assert run("bundle", "pack", tmp_path / "a.yaml", tmp_path / "a.yaml", "--name", "a",
               "--key", key).code == 1  # fmt: skip


def test_a_folder_is_one_bundle_each_file_under_its_path(tmp_path, key):
    folder = tmp_path / "conf"
    (folder / "db").mkdir(parents=True)
    (folder / "app.yaml").write_text("port: 80\n")
    (folder / "db" / "pool.properties").write_text("size.max=9\n")
    out = tmp_path / "b.json"
    ok("bundle", "pack", folder, "--name", "app", "--key", key, "-o", out)
    assert ok("bundle", "show", out, "--json").json["settings"] == {
        "app.port": 80, "db.pool.size.max": "9",
    }  # fmt: skip


def test_a_real_history_differs_from_version_to_version_by_what_its_files_say(tmp_path, key):
    versions = [json.loads(line) for line in (FLAGS / "index.jsonl").read_text().splitlines()]
    data, contents = tmp_path / "data", []
    for version in versions:
        file, out = FLAGS / version["file"], tmp_path / f"{version['seq']}.json"
        ok("bundle", "pack", file, "--name", "flags", "--version", version["commit"],
           "--key", key, "-o", out)  # fmt: skip
        ok("bundle", "activate", out, "-e", "demo", "--at", version["committed"], data=data)
        contents.append(flat(json.loads(file.read_text())))
    moments = [v["committed"] for v in versions]
    for number, (a, b) in enumerate(pairwise(contents)):
        told = ok(
            "diff", f"demo@{{{moments[number]}}}", f"demo@{{{moments[number + 1]}}}", "--json",
            data=data,
        ).json  # fmt: skip
        found = {k["key"]: (k["before"], k["after"]) for d in told["differing"] for k in d["keys"]}
        assert found == {
            key: (a.get(key), b.get(key))
            for key in a.keys() | b.keys()
            if not (key in a and key in b and alike(a[key], b[key]))
        }
