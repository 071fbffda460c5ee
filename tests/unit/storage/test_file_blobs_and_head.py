"""What only files can suffer: full disks, torn slots, names that would leave the folder."""

import errno
import os

import pytest

from wherefrom.errors import Corrupt, StorageError
from wherefrom.storage.file_blobs import FileBlobs
from wherefrom.storage.file_head import SLOT_BYTES, SLOTS, FileHead


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "name", ["../out", "/etc/x", "tile", "tile/../x", "tile/0/.x", "a/b c", ""]
)
def test_a_blob_name_that_could_leave_the_folder_is_refused(tmp_path, name):
    for call in (FileBlobs(tmp_path).get, lambda n: FileBlobs(tmp_path).put(n, b"")):
        with pytest.raises(ValueError, match="not a blob name"):
            call(name)


@pytest.mark.parametrize("verb", ["put", "replace"])
def test_a_blob_the_disk_takes_only_a_part_of_is_refused_and_leaves_nothing(
    tmp_path, monkeypatch, verb
):
    blobs = FileBlobs(tmp_path)
    blobs.put("tile/0/000", b"first")

    class Full:
        def __init__(self, descriptor, mode):
            self.descriptor = descriptor

        def __enter__(self):
            return self

        def __exit__(self, *_):
            os.close(self.descriptor)

        def write(self, written):
            os.write(self.descriptor, written[:10])
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("wherefrom.storage.file_blobs.open", Full, raising=False)
        with pytest.raises(StorageError, match=r"cannot write a blob.*No space left"):
            getattr(blobs, verb)("tile/0/001", bytes(8192))
    assert files(tmp_path) == ["tile/0/000"]


def test_blobs_in_a_folder_that_is_gone_cannot_be_flushed(tmp_path):
    with pytest.raises(StorageError, match="cannot flush blobs"):
        FileBlobs(tmp_path / "gone").sync()


def head_with(tmp_path, *swaps):
    head, generation = FileHead(tmp_path), 0
    for value, durable in swaps:
        generation = head.swap(expected=generation, value=value, durable=durable)
    return tmp_path / "head"


def tear(path, *slots):
    with path.open("rb+") as file:
        for slot in slots:
            file.seek(slot * SLOT_BYTES + 60)
            file.write(b"torn")


def test_a_torn_slot_leaves_the_one_before_it(tmp_path):
    path = head_with(tmp_path, (b"one" * 9, True), (b"two" * 9, False), (b"three" * 9, False))
    tear(path, 3 % 2)
    assert FileHead(tmp_path).read() == (2, b"two" * 9)
    assert FileHead(tmp_path).damaged_slots() == [1]


def test_when_a_power_cut_tears_both_slots_the_last_durable_swap_is_still_there(tmp_path):
    path = head_with(tmp_path, (b"one" * 9, True), (b"two" * 9, False), (b"three" * 9, False))
    tear(path, 0, 1)
    assert FileHead(tmp_path).read() == (1, b"one" * 9)
    assert FileHead(tmp_path).swap(expected=1, value=b"on", durable=False) == 2


def test_a_head_with_no_whole_slot_is_corrupt(tmp_path):
    path = head_with(tmp_path, (b"one" * 9, True), (b"two" * 9, False))
    tear(path, 0, 1, 2)
    with pytest.raises(Corrupt, match=r"no slot of the head is whole.*Restore"):
        FileHead(tmp_path).read()


def test_a_durable_swap_waits_for_the_disk_once_for_each_slot_and_another_never(
    tmp_path, monkeypatch
):
    head = FileHead(tmp_path)
    head.swap(expected=0, value=b"a", durable=False)
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda f: synced.append(f) or real(f))
    head.swap(expected=1, value=b"b", durable=False)
    assert synced == []
    head.swap(expected=2, value=b"c", durable=True)
    assert len(synced) == 2


def test_every_flipped_bit_of_a_head_is_seen(tmp_path):
    path = head_with(tmp_path, (b"one", True), (b"two", False), (b"three", False))
    whole = path.read_bytes()
    assert len(whole) == SLOTS * SLOT_BYTES
    assert FileHead(tmp_path).damaged_slots() == []
    for at in [*range(80), 4000, SLOT_BYTES - 1]:
        for slot in range(SLOTS):
            changed = bytearray(whole)
            changed[slot * SLOT_BYTES + at] ^= 1 << at % 8
            path.write_bytes(changed)
            assert slot in FileHead(tmp_path).damaged_slots()


def test_a_head_can_be_read_where_it_cannot_be_written(tmp_path, monkeypatch):
    head_with(tmp_path, (b"one", True))
    real = os.open

    def read_only(path, flags, *rest):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", read_only)
    assert FileHead(tmp_path).read() == (1, b"one")
    with pytest.raises(StorageError, match=r"cannot move the head.*Read-only"):
        FileHead(tmp_path).swap(expected=1, value=b"two", durable=False)


def test_a_value_that_is_too_long_for_a_slot_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a head holds 8140 bytes, not 9000"):
        FileHead(tmp_path).swap(expected=0, value=bytes(9000), durable=False)


def always_durable(folder):
    return FileHead(folder, slot_bytes=16 * 1024, always_durable=True)


def test_a_head_that_is_always_durable_writes_both_copies_with_one_sync(tmp_path, monkeypatch):
    head = always_durable(tmp_path)
    assert head.swap(expected=0, value=b"a" * 9000, durable=True) == 1
    happened = []
    for name in ("pwrite", "fdatasync", "fsync"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *given, real=real, name=name: happened.append(name) or real(*given)
        )
    assert head.swap(expected=1, value=b"b" * 9000, durable=True) == 2
    assert happened == ["pwrite", "pwrite", "fdatasync"]
    assert always_durable(tmp_path).read() == (2, b"b" * 9000)


def test_such_a_head_survives_one_copy_that_rots_and_a_cut_that_tears_both(tmp_path):
    head = always_durable(tmp_path)
    for generation, value in enumerate((b"one" * 99, b"two" * 99, b"three" * 99)):
        head.swap(expected=generation, value=value, durable=True)
    path = tmp_path / "head"
    whole = path.read_bytes()
    assert len(whole) == 3 * 16 * 1024
    for torn, expected in (
        ((1,), (3, b"three" * 99)),
        ((2,), (3, b"three" * 99)),
        ((1, 2), (2, b"two" * 99)),
    ):
        changed = bytearray(whole)
        for slot in torn:
            changed[slot * 16 * 1024 + 60] ^= 1
        path.write_bytes(changed)
        assert always_durable(tmp_path).read() == expected


def test_such_a_head_refuses_a_swap_that_is_not_durable_and_a_value_too_large(tmp_path):
    head = always_durable(tmp_path)
    with pytest.raises(ValueError, match="every swap of this head is durable"):
        head.swap(expected=0, value=b"", durable=False)
    with pytest.raises(ValueError, match="a head holds 16332 bytes, not 16333"):
        head.swap(expected=0, value=bytes(16_333), durable=True)
    assert head.swap(expected=0, value=bytes(16_332), durable=True) == 1
