"""A flip changes one bit and takes it back; a content is found where it lies."""

import pytest

from tests.folders import made, record
from tests.served import event_bytes
from wherefrom.app import fold_views, log_at_rest, open_log
from wherefrom.errors import NotFound
from wherefrom.log.audit import audit
from wherefrom.testing.flips import flip, rename_in_view, where_lies
from wherefrom.upkeep import audit_folder


def test_a_bit_is_changed_and_the_same_call_puts_it_back(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    flip(path, 8 * 1 + 3)
    assert path.read_bytes() == bytes([ord("a"), ord("b") ^ 8, ord("c")])
    flip(path, 8 * 1 + 3)
    assert path.read_bytes() == b"abc"
    with pytest.raises(IndexError, match="has no bit 24"):
        flip(path, 24)


def test_a_content_is_found_in_the_journal_and_its_flip_is_in_it_alone(tmp_path):
    folder = made(tmp_path / "data")
    record(folder, *map(event_bytes, range(5)))
    flip(*where_lies(event_bytes(2), folder.path))
    [problem] = audit(log_at_rest(folder)).problems
    assert (problem.entry, "its content or nonce is not" in problem.what) == (3, True)
    with pytest.raises(NotFound, match="no file of the journal holds this content"):
        where_lies(event_bytes(2), folder.path)
    changed = bytearray(event_bytes(2))
    changed[len(changed) // 2] ^= 1
    flip(*where_lies(bytes(changed), folder.path))
    assert audit(log_at_rest(folder)).problems == []


def test_a_view_that_says_another_name_is_named_by_the_audit(tmp_path):
    folder = made(tmp_path / "data")
    record(folder, *map(event_bytes, range(5)))
    fold_views(folder, open_log(folder))
    assert audit_folder(folder).problems == []
    assert rename_in_view(folder.graph_path, name="clean/2", to="clean/9") > 0
    [problem] = audit_folder(folder).problems
    assert problem.file == "views/graph.db"
