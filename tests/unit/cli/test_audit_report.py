"""``audit report`` on the command line: what it says, how it ends, what it leaves."""

import json
import subprocess
import sys

from tests.unit.cli.running import lines, run
from wherefrom.app import DataFolder


def test_a_report_of_one_thing_is_made_and_proven(tmp_path):
    data, out = tmp_path / "d", tmp_path / "r"
    run("record", "-", stdin=lines(range(3)), data=data)
    ran = run("audit", "report", "--scope", "s3://bucket:clean/1", "-o", out, data=data)
    assert ran.code == 0, ran.err
    assert "1 record asked about, 2 entries in all" in ran.out
    key = DataFolder(data).log_vkey().to_text()
    checked = subprocess.run(
        [sys.executable, "-I", out / "verify.py", "--log-key", key],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "PROVEN")
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF-")
    again = run("audit", "report", "--scope", "s3://bucket:clean/1", "-o", tmp_path / "again",
                "--json", data=data)  # fmt: skip
    assert again.json["fingerprint"] in ran.out


def test_what_cannot_be_reported_ends_with_1_and_leaves_nothing(tmp_path):
    data, out = tmp_path / "d", tmp_path / "r"
    run("record", "-", stdin=lines([1]), data=data)
    ran = run("audit", "report", "--scope", "nothing", "-o", out, "--json", data=data)
    assert (ran.code, json.loads(ran.err)["code"]) == (1, "not_found")
    ran = run("audit", "report", "--since", "yesterday", "-o", out, data=data)
    assert ran.code != 0
    assert "--since" in ran.err
    assert not out.exists()
    assert run("audit", "report", "-o", out, "--no-pdf", data=data).code == 0
    assert run("audit", "report", "-o", out, data=data).code == 1
    assert run("audit", "report", "-o", out, data=tmp_path / "none").code == 3
