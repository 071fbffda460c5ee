"""Files and folders as records: what is read, in which order, and what is passed over."""

import gzip
import json
import os

from tests.unit.cli.running import event, lines
from wherefrom.cli.gather import records, sources


def names(*paths, base):
    return [os.path.relpath(s.name, base) for s in sources([str(p) for p in paths])]


def gathered(path):
    return [f for s in sources([str(path)]) for f in records(s, progress=lambda n: None)]


def test_a_folder_is_walked_in_sorted_order_and_git_is_passed_over(tmp_path):
    for name in ("b/2", "b/1", "a", "c/.git/config", "c/d", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert names(tmp_path, base=tmp_path) == [".hidden", "a", "b/1", "b/2", "c/d"]


def test_links_to_folders_are_not_followed_so_a_loop_ends(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(tmp_path / "a" / "file")
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    assert names(tmp_path, base=tmp_path) == ["a/file", "linked"]


def test_a_folder_named_by_a_link_is_walked(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert names(tmp_path / "link", base=tmp_path) == ["link/file"]


def test_pipes_in_a_folder_are_passed_over(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("x")
    assert names(tmp_path, base=tmp_path) == ["file"]


def test_a_missing_path_is_an_unread_source_and_the_others_go_on(tmp_path):
    (tmp_path / "there").write_text("x")
    found = list(sources([str(tmp_path / "missing"), str(tmp_path / "there")]))
    assert found[0].unread.got == "no such file or directory"
    assert found[1].unread is None


def test_each_line_says_where_it_stood(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines([1]) + b"{broken\n" + lines([2]))
    found = gathered(tmp_path / "a.jsonl")
    assert [f.line for f in found] == [1, 2, 3]
    assert found[0].content == lines([1]).strip()


def test_a_whole_document_keeps_every_byte_and_has_no_line(tmp_path):
    written = json.dumps(event(1), indent=2).encode() + b"\n"
    (tmp_path / "a").write_bytes(written)
    (only,) = gathered(tmp_path / "a")
    assert (only.line, only.content) == (None, written)


def test_damaged_compression_is_one_refusal_after_the_good_records(tmp_path):
    packed = gzip.compress(lines(range(2000)), mtime=0)
    (tmp_path / "a.gz").write_bytes(packed[: len(packed) // 2])
    found = gathered(tmp_path / "a.gz")
    assert found[-1].refusal.code == "malformed"
    assert "cut off" in str(found[-1].refusal)
    assert all(f.content for f in found[:-1])


def test_progress_is_told_of_every_byte(tmp_path):
    (tmp_path / "a").write_bytes(lines(range(3000)))
    seen = []
    (source,) = sources([str(tmp_path / "a")])
    assert sum(1 for _ in records(source, progress=seen.append)) == 3000
    assert sum(seen) == source.size
    assert len(seen) > 1


def test_a_path_that_leads_to_itself_is_unread(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "a")
    (only,) = gathered(tmp_path / "a")
    assert only.unread.got == "too many levels of symbolic links"
