"""``wherefrom record``: an item for each record, in order, and the right exit."""

import json

import pytest

from tests.unit.cli.running import event, lines, run
from wherefrom.cli import record as module
from wherefrom.cli.local import LocalWriting

KEYS = ["source", "line", "index", "content", "status", "code", "reason"]


def test_every_record_gets_an_item_with_its_source_line_index_and_fate(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines([1]) + b'{"neither": 1}\n' + b"{broken\n" + lines([2]))
    ran = run("record", path, "--json", data=tmp_path / "d")
    assert ran.code == 1
    said = ran.json
    assert [said[k] for k in ("recorded", "known", "refused")] == [2, 0, 2]
    assert [list(item) for item in said["items"]] == [KEYS] * 4
    fates = [(i["source"], i["line"], i["index"], i["status"], i["code"]) for i in said["items"]]
    assert fates == [
        (str(path), 1, 1, "recorded", None),
        (str(path), 2, None, "refused", "unsupported"),
        (str(path), 3, None, "refused", "malformed"),
        (str(path), 4, 2, "recorded", None),
    ]
    assert said["items"][0]["content"].startswith("sha256:")
    assert said["log"]["size"] == 3
    assert len(said["log"]["root"]) == 64


def test_the_same_again_is_known_under_its_first_index(tmp_path):
    (tmp_path / "a").write_bytes(lines([1, 2]))
    first = run("record", tmp_path / "a", "--json", data=tmp_path / "d")
    again = run("record", tmp_path / "a", "--json", data=tmp_path / "d")
    assert (first.code, again.code) == (0, 0)
    assert [i["status"] for i in again.json["items"]] == ["known", "known"]
    assert [i["index"] for i in again.json["items"]] == [1, 2]
    assert again.json["log"] == first.json["log"]


def test_standard_input_is_a_source_called_dash(tmp_path):
    ran = run("record", "-", "--json", stdin=lines([1]), data=tmp_path / "d")
    assert ran.code == 0
    assert [(i["source"], i["line"]) for i in ran.json["items"]] == [("-", None)]


def test_items_stay_in_order_across_batches_and_refusals(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH_RECORDS", 3)
    written = b"".join(
        b"{broken\n" if number % 4 == 1 else lines([number]) for number in range(1, 21)
    )
    (tmp_path / "a").write_bytes(lines([0]) + written)
    ran = run("record", tmp_path / "a", "--json", data=tmp_path / "d")
    assert [i["line"] for i in ran.json["items"]] == list(range(1, 22))
    refused = [i["line"] for i in ran.json["items"] if i["status"] == "refused"]
    assert refused == [2, 6, 10, 14, 18]
    indexes = [i["index"] for i in ran.json["items"] if i["index"] is not None]
    assert indexes == list(range(1, 17))


def test_a_batch_ends_at_its_records_or_its_bytes(tmp_path, monkeypatch):
    batches = []
    record = LocalWriting.record

    def counted(place, contents):
        batches.append(len(contents))
        return record(place, contents)

    monkeypatch.setattr(LocalWriting, "record", counted)
    monkeypatch.setattr(module, "BATCH_RECORDS", 4)
    (tmp_path / "a").write_bytes(lines(range(10)))
    assert run("record", tmp_path / "a", data=tmp_path / "d").code == 0
    monkeypatch.setattr(module, "BATCH_BYTES", 2 * len(lines([1])) - 10)
    assert run("record", tmp_path / "a", data=tmp_path / "e").code == 0
    assert batches == [4, 4, 2, *[2] * 5]


def test_an_unreadable_file_is_told_and_the_rest_is_recorded(tmp_path):
    (tmp_path / "a").write_bytes(lines([1]))
    ran = run("record", tmp_path / "no", tmp_path / "a", "--json", data=tmp_path / "d")
    assert ran.code == 3
    assert ran.json["unread"] == [
        {"source": str(tmp_path / "no"), "reason": "no such file or directory"}
    ]
    assert ran.json["recorded"] == 1


def test_unreadable_outweighs_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"{broken")
    assert run("record", tmp_path / "no", tmp_path / "a", data=tmp_path / "d").code == 3


def test_an_empty_folder_is_not_an_error_and_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    ran = run("record", tmp_path / "empty", data=tmp_path / "d")
    assert ran.code == 0
    assert "Nothing to record" in ran.out


def test_a_person_sees_counts_and_the_first_refusals_not_all(tmp_path):
    (tmp_path / "a").write_bytes(lines([1]) + b"{broken\n" * 50 + lines([2]))
    ran = run("record", tmp_path / "a", data=tmp_path / "d")
    assert ran.code == 1
    assert "        2  recorded  new in the log" in ran.out
    assert "       50  refused   not taken" in ran.out
    assert "       50  malformed" in ran.out
    assert f"{tmp_path / 'a'}:2\n" in ran.out
    assert ran.out.count(str(tmp_path / "a")) == module.SHOWN_MAX
    assert "add --json" in ran.out
    assert len(ran.out.splitlines()) < 25


def test_a_refusal_cannot_move_the_cursor_of_who_reads_it(tmp_path):
    (tmp_path / "a").write_bytes(b'{"\x1b[2J')
    (tmp_path / "\x1b[2Jb").write_bytes(b"nothing of ours")
    ran = run("record", tmp_path, data=tmp_path.with_name("d"))
    assert "\x1b" not in ran.out


def test_a_new_log_is_announced_on_standard_error_only(tmp_path):
    ran = run("record", "-", stdin=lines([1]), data=tmp_path / "d")
    assert ran.err.startswith("wherefrom: started a new log in ")
    assert "started" not in ran.out
    assert run("record", "-", stdin=lines([2]), data=tmp_path / "d").err == ""


def test_many_items_are_still_one_json_object(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SPOOL_BYTES", 64)  # to disk at once, and back in many pieces
    (tmp_path / "a").write_bytes(lines(range(300)))
    said = run("record", tmp_path / "a", "--json", data=tmp_path / "d").json
    assert [i["index"] for i in said["items"]] == list(range(1, 301))


def test_a_name_that_is_no_text_is_still_one_json_object(tmp_path):
    path = bytes(tmp_path) + b"/\xff.json"
    with open(path, "wb") as file:
        file.write(json.dumps(event(1)).encode())
    ran = run("record", tmp_path, "--json", data=tmp_path.with_name("d2"))
    assert ran.code == 0
    assert ran.json["recorded"] == 1


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_no_path_is_misuse(arguments):
    assert run("record", *arguments).code == 2
