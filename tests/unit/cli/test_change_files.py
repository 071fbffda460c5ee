"""``wherefrom change terraform``, ``secret`` and ``flags``: what others write, without secrets."""

import json
import os
import signal
import subprocess
import threading

import pytest

from tests.served import WHEREFROM
from tests.unit.capture.test_terraform import LEAK, plan, raw_state, shown_state
from tests.unit.cli.running import run
from wherefrom.app import DataFolder

ON = b'{"flags": {"dark": {"state": "ENABLED", "variants": {"a": true}, "defaultVariant": "a"}}}'
OFF = ON.replace(b"true", b"false")


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def states(data, slot, *more):
    ran = run("running", "prod", "--slot", slot, "--json", *more, data=data)
    assert ran.code == 0, ran.err
    said = ran.json
    return {p["name"]: p["declared"] and p["declared"]["value"] for p in said["places"]}


def contents(data):
    """All bytes that are kept."""
    return b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


# -- Terraform


@pytest.mark.parametrize("document", [shown_state(), raw_state(), plan()], ids=["s", "raw", "plan"])
def test_what_terraform_writes_is_recorded_without_its_secrets(tmp_path, data, document):
    base = ("change", "terraform", "-", "-e", "prod", "--source", "/terraform/prod")
    stdin = json.dumps(document).encode()
    without = run(*base, stdin=stdin, data=data)
    assert (without.code, LEAK in without.err) == (2, False)
    assert "--hash-key" in without.err
    done = run(*base, "--hash-key", tmp_path / "key", stdin=stdin, data=data)
    assert done.code == 0, done.err
    assert "made a new key" in done.err
    assert LEAK.encode() not in contents(data)
    assert list(states(data, "resource")) == ["aws_db_instance.main"]


def test_a_state_ends_what_the_one_before_it_had(tmp_path, data):
    def tell(document, at):
        (tmp_path / "s.json").write_text(json.dumps(document))
        done = run(
            "change", "terraform", tmp_path / "s.json", "-e", "prod", "--source", "/tf", "--at", at,
            "--hash-key", tmp_path / "key", data=data,
        )  # fmt: skip
        assert done.code == 0, done.err

    tell(shown_state(), "2026-01-01")
    tell({"format_version": "1.0"}, "2026-01-02")
    assert states(data, "resource") == {}
    assert list(states(data, "resource", "--at", "2026-01-01T12:00")) == ["aws_db_instance.main"]
    assert run("drift", "prod", data=data).code == 0


@pytest.mark.parametrize(
    ("stdin", "says"),
    [
        (b'{"values": "' + LEAK.encode(), "not JSON"),
        (b'["' + LEAK.encode() + b'"]', "wrong type"),
        (b'{"a": "' + LEAK.encode() + b'"}', "nothing of terraform"),
        (b'{"format_version": "1.0", "values": {"root_module": "' + LEAK.encode() + b'"}}', "type"),
        (b'{"format_version": "9", "values": {}}', "another version"),
    ],
)
def test_what_is_not_of_terraform_is_told_without_a_word_of_it(tmp_path, data, stdin, says):
    done = run(
        "change", "terraform", "-", "-e", "prod", "--hash-key", tmp_path / "k", stdin=stdin,
        data=data,
    )  # fmt: skip
    assert done.code == 1, done.err
    assert says in done.err
    assert LEAK not in done.err


# -- secrets


def test_a_rotation_shows_and_the_secret_does_not(tmp_path, data):
    def rotate(value, *more):
        return run(
            "change", "secret", "db", "-e", "prod", "--hash-key", tmp_path / "key", *more,
            stdin=value, data=data,
        )  # fmt: skip

    values = []
    for value in (LEAK.encode(), b"\xff\x00", LEAK.encode()):
        assert rotate(value).code == 0
        values.append(states(data, "secret")["db"])
    assert values[0] == values[2] != values[1]
    assert LEAK.encode() not in contents(data)
    assert rotate(b"").code == 2
    (tmp_path / "file").write_bytes(LEAK.encode())
    done = run(
        "change", "secret", "db", tmp_path / "file", "-e", "prod", "--hash-key", tmp_path / "key",
        "--reason", "yearly", data=data,
    )  # fmt: skip
    assert done.code == 0
    assert states(data, "secret")["db"] == values[0]
    assert run("change", "secret", "db", "-e", "prod", stdin=b"x", data=data).code == 2


# -- flags


def test_a_flag_file_is_recorded_once(tmp_path, data):
    path = tmp_path / "flags.json"
    path.write_bytes(ON)
    assert run("change", "flags", path, "-e", "prod", data=data).code == 0
    assert states(data, "flag") == {"dark": "true"}
    bad = ON.replace(b'"defaultVariant": "a"', b'"defaultVariant": "b"')
    path.write_bytes(bad)
    refused = run("change", "flags", path, "-e", "prod", data=data)
    assert (refused.code, "no variant of its flag" in refused.err) == (1, True)
    assert states(data, "flag") == {"dark": "true"}
    assert run("change", "flags", path, "-e", "prod", "--watch", "--at", "2026-01-01").code == 2


class Watching:
    """A watcher of its own process; what it says, line by line."""

    def __init__(self, path, data):
        self.process = subprocess.Popen(
            [WHEREFROM, "change", "flags", path, "-e", "prod", "--watch", "--every", "0.1",
             "--data", data],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def until(self, says):
        """Read what it says up to this."""
        heard = ""
        while says not in heard:
            heard += self._line()
        return heard

    def _line(self):
        found = []
        reader = threading.Thread(
            target=lambda: found.append(self.process.stdout.readline()), daemon=True
        )
        reader.start()
        reader.join(60)
        assert found, "nothing was said"
        assert found[0], "it ended"
        return found[0]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def test_a_watched_file_is_told_at_each_change_and_a_bad_one_in_between_only_named(tmp_path, data):
    path = tmp_path / "flags.json"
    path.write_bytes(ON)
    DataFolder(data).create(origin="log.example/flags")
    with Watching(path, data) as watching:
        watching.until("recorded as entry")
        path.write_bytes(b'{"flags"')
        watching.until("not JSON")
        (tmp_path / "new").write_bytes(OFF)
        os.replace(tmp_path / "new", path)
        watching.until("recorded as entry")
        assert states(data, "flag") == {"dark": "false"}
        path.unlink()
        watching.until("cannot be read")
        path.write_bytes(ON)
        watching.until("recorded as entry")
        assert states(data, "flag") == {"dark": "true"}
        assert watching.stop() == 0


def test_what_cannot_be_sent_is_tried_again_until_it_is(tmp_path, data):
    path = tmp_path / "flags.json"
    path.write_bytes(ON)
    data.write_text("no folder")
    with Watching(path, data) as watching:
        heard = watching.until("\n")
        assert "recorded" not in heard
        data.unlink()
        watching.until("recorded as entry")
        assert states(data, "flag") == {"dark": "true"}
        assert watching.stop() == 0


def test_a_deployment_of_an_empty_text_is_misuse_and_no_record_that_states_nothing(data):
    ran = run("change", "deploy", "cart", "", "-e", "prod", data=data)
    assert ran.code == 2
    assert "leave it out" in ran.err
