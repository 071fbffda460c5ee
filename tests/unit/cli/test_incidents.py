"""``wherefrom impact`` and ``why`` on a directory: tables, JSON, a case that is written, misuse."""

from __future__ import annotations

import time

import pytest

from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats.series import Labels, Series
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import of_posix
from wherefrom.views.series.store import SeriesStore

OLD, NEW = (f"sha256:{letter * 64}" for letter in "ab")
NOW = time.time() // 60 * 60


def at(minutes):
    return of_posix(int(NOW + 60 * minutes))


# The tests may take minutes: what is asked about must not move with the clock.
WINDOW = ("--since", at(-60), "--until", at(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A cart whose canary fails since ten minutes ago."""
    folder = DataFolder(tmp_path_factory.mktemp("incidents") / "data")
    folder.create(origin="log.example/incidents")
    with open_recorder(folder) as recorder:
        for pool, value, minute in (("main", OLD, -300), ("canary", NEW, -11)):
            scope = Scope("prod", "cart", "", pool)
            content = changes.deploy(scope, value, at=at(minute), source="/x")
            recorder.record([content], principal=local(0))
    store = SeriesStore(folder.series_path, SeriesSettings)
    for pool, born, rate in (("main", -60, 0.999), ("canary", -10, 0.6)):
        where = Labels("prod", "cart", pool=pool, instance=f"cart-{pool}")
        times = [NOW + 60 * m for m in range(born, 0)]
        store.add([Series(where, "requests", times, [100.0] * len(times)),
                   Series(where, "success_rate", times, [rate] * len(times))], now=NOW)  # fmt: skip
    store.close()
    return folder.path


def test_impact_draws_where_it_concentrates_and_every_split(folder):
    said = run("impact", "--service", "cart", *WINDOW, data=folder).out
    assert "7,000 requests" in said
    assert "! artifact=sha256:bbbbbbbbbbbb: 40 % fail against 0.1 % elsewhere" in said
    assert "    by #2" in said
    assert "the same requests are pool=canary: nobody can tell which it is" in said
    assert "log  log.example/incidents, size 3" in said


def test_impact_by_another_dimension(folder):
    asked = ("impact", "--service", "cart", "--by", "instance,pool", *WINDOW)
    answer = run(*asked, "--json", data=folder).json
    assert {split["label"] for split in answer["splits"]} == {"instance", "pool"}
    ran = run("impact", "--by", "colour", data=folder)
    assert (ran.code, "colour" in ran.err) == (2, True)


def test_why_draws_changes_with_their_records_and_reasons(folder):
    said = run("why", "--service", "cart", "--at", at(-2), data=folder).out
    assert "deploy of cart  sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb" in said
    assert "#2" in said
    assert "new bbbbbbbb fails 40 % against 0.1 % in the same minutes" in said
    assert "none of these changes" in said
    assert "nobody says who calls whom" in said


def test_of_two_flags_of_one_service_each_is_called_by_its_name(tmp_path):
    folder = DataFolder(tmp_path / "data")
    folder.create(origin="log.example/flags")
    with open_recorder(folder) as recorder:
        for name, minute in (("fast", -11), ("blue", -11), ("late", -1)):
            content = changes.place("flag", name, "on", Scope("prod", "cart"), at=at(minute),
                                    source="/x", told={})  # fmt: skip
            recorder.record([content], principal=local(0))
    asked = ("why", "--service", "cart", "--at", at(-2))
    said = run(*asked, data=folder.path).out
    for line in ("%  flag fast of cart  nothing → on", "%  flag blue of cart  nothing → on",
                 "response  flag late of cart to on"):  # fmt: skip
        assert line in said, said
    answer = run(*asked, "--json", data=folder.path).json
    assert {row["name"] for row in answer["ranked"]} == {"fast", "blue", ""}
    assert answer["responded"][0]["name"] == "late"


def test_a_case_is_written_once_and_never_over_another(folder, tmp_path):
    asked = ("why", "--service", "cart", "--at", at(-2), "--until", at(0))
    live = run(*asked, "--json", "--write-case", tmp_path / "case", data=folder).json
    again = run("why", "--case", tmp_path / "case", "--json").json
    told = [
        [(row["change"], row["probability"]) for row in answer["ranked"]]
        for answer in (live, again)
    ]
    assert told[0] == told[1]
    before = (tmp_path / "case" / "case.json").read_bytes()
    ran = run(*asked, "--write-case", tmp_path / "case", data=folder)
    assert ran.code == 2
    assert "cannot be written" in ran.err
    assert (tmp_path / "case" / "case.json").read_bytes() == before


def test_an_incident_that_is_none_ends_with_no(folder):
    for verb in ("impact", "why"):
        ran = run(verb, "--alert", "Nothing", "--json", data=folder)
        assert (ran.code, ran.problem["code"]) == (1, "not_found")


def test_nothing_is_measured_and_it_is_said(folder):
    said = run("impact", "--service", "mail", data=folder).out
    assert "nothing of mail was measured in this window" in said
