"""An exported folder is read by a small client of its own, which knows only tlog-tiles."""

import base64
import hashlib
import os

import pytest

from tests.logs import VKEY, MemoryPlace, numbered, reader, small_log, writer
from wherefrom.errors import AlreadyExists, Corrupt
from wherefrom.log.export import export


def place_of(n):
    digits = f"{n:03}" if n < 1000 else f"{n:06}"
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([*(f"x{g}" for g in groups[:-1]), groups[-1]])


class Client:
    """Reads a folder by the text of the tlog-tiles specification, and trusts only its root."""

    def __init__(self, folder):
        self.folder = folder
        origin, size, root, blank, signature = (folder / "checkpoint").read_text().split("\n")[:5]
        assert (origin, blank) == (VKEY.name, "")
        assert signature.startswith(f"— {origin} ")
        self.size, self.root = int(size), base64.b64decode(root)

    def tile(self, level, n, width):
        suffix = "" if width == 256 else f".p/{width}"
        return (self.folder / f"tile/{level}/{place_of(n)}{suffix}").read_bytes()

    def level(self, level):
        """All hashes of a level, from its tiles."""
        count = self.size >> 8 * level
        tiles = [self.tile(level, n, 256) for n in range(count // 256)]
        if count % 256:
            tiles.append(self.tile(level, count // 256, count % 256))
        for written, width in zip(tiles, [256] * (count // 256) + [count % 256], strict=False):
            assert len(written) == 32 * width
        row = b"".join(tiles)
        return [row[i : i + 32] for i in range(0, len(row), 32)]

    def entries(self):
        found = []
        for n in range(-(-self.size // 256)):
            width = min(256, self.size - n * 256)
            written = self.tile("entries", n, width)
            while written:
                length = int.from_bytes(written[:2], "big")
                found.append(written[2 : 2 + length])
                written = written[2 + length :]
        return found

    def check(self):
        leaves = [hashlib.sha256(b"\0" + e).digest() for e in self.entries()]
        assert len(leaves) == self.size
        level, row = 0, leaves
        while self.size >> 8 * level:
            assert self.level(level) == row
            row = [root(row[i : i + 256]) for i in range(0, len(row) - 255, 256)]
            level += 1
        assert root(leaves) == self.root


def root(hashes):
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(hashes[:half]) + root(hashes[half:])).digest()


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def grow(place, upto):
    made = writer(place)
    if made.size < upto:
        made.commit(numbered(range(10_000 + made.size, 10_000 + upto)))
    made.close()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 1025])
def test_an_export_is_a_tree_that_leads_to_its_checkpoint(tmp_path, size):
    place = MemoryPlace()
    grow(place, size)
    made = reader(place)
    position = export(made, tmp_path / "out")
    client = Client(tmp_path / "out")
    client.check()
    assert (client.size, client.root) == position == made.position()
    assert client.entries() == list(made.entries(0, size))
    assert (tmp_path / "out/checkpoint").read_bytes() == made.checkpoint


def test_an_empty_log_exports_its_checkpoint_alone(tmp_path):
    place = MemoryPlace()
    writer(place).close()
    export(reader(place), tmp_path)
    assert files(tmp_path) == ["checkpoint"]
    Client(tmp_path).check()


def test_only_the_partial_tiles_of_the_exported_size_are_there(tmp_path):
    place = MemoryPlace()
    grow(place, 600)
    export(reader(place), tmp_path)
    assert files(tmp_path) == [
        "checkpoint",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
    ]


def test_exporting_again_extends_the_folder_and_writes_no_full_tile_twice(tmp_path):
    place = MemoryPlace()
    before = {}
    for size in (1, 100, 256, 257, 300, 512, 900, 900):
        grow(place, size)
        export(reader(place), tmp_path)
        Client(tmp_path).check()
        full = {f: os.stat(tmp_path / f).st_ino for f in files(tmp_path) if ".p/" not in f}
        del full["checkpoint"]
        assert before.items() <= full.items()
        before = full


def test_a_partial_tile_goes_once_the_full_one_is_there_and_not_before(tmp_path):
    place = MemoryPlace()
    for size, partial in ((100, [100]), (200, [100, 200]), (300, [])):
        grow(place, size)
        export(reader(place), tmp_path)
        kept = [f for f in files(tmp_path) if f.startswith("tile/0/000.p/")]
        assert kept == [f"tile/0/000.p/{width}" for width in partial]


def test_a_crash_anywhere_leaves_a_folder_whose_checkpoint_is_true(tmp_path, monkeypatch):
    class Crash(Exception):
        pass

    place, real, step = MemoryPlace(), os.rename, 0
    grow(place, 300)
    export(reader(place), tmp_path)
    grow(place, 900)
    while True:
        left = [step]

        def rename(old, new, left=left):
            if left[0] == 0:
                raise Crash
            left[0] -= 1
            real(old, new)

        monkeypatch.setattr(os, "rename", rename)
        try:
            export(reader(place), tmp_path)
            break
        except Crash:
            client = Client(tmp_path)
            assert client.size == 300
            client.check()
            step += 1
    assert step > 5
    Client(tmp_path).check()


def test_tiles_are_made_from_the_entries_so_a_wrong_one_is_not_copied(tmp_path):
    place = small_log(MemoryPlace())
    place.blobs().replace("tile/0/000", bytes(8192))
    export(reader(place), tmp_path)
    Client(tmp_path).check()


def test_entries_that_do_not_lead_to_the_signed_root_are_not_exported(tmp_path):
    made = reader(small_log(MemoryPlace()))
    real = made.entries
    made.entries = lambda first, limit: (e.replace(b"l:0", b"l:1") for e in real(first, limit))
    with pytest.raises(Corrupt, match="the entries do not lead to the root signed at size 600"):
        export(made, tmp_path)
    assert not (tmp_path / "checkpoint").exists()


def test_a_folder_with_another_log_or_a_longer_one_is_left_alone(tmp_path):
    long, short, other = MemoryPlace(), MemoryPlace(), MemoryPlace()
    grow(long, 400)
    grow(short, 300)
    grow(other, 500)
    export(reader(long), tmp_path)
    before = {f: (tmp_path / f).read_bytes() for f in files(tmp_path)}
    with pytest.raises(AlreadyExists, match="the folder holds a longer log"):
        export(reader(short), tmp_path)
    with pytest.raises(AlreadyExists, match="the folder holds another log"):
        export(reader(other), tmp_path)
    assert {f: (tmp_path / f).read_bytes() for f in files(tmp_path)} == before


def test_an_export_that_lost_a_tile_is_told_to_start_again(tmp_path):
    place = MemoryPlace()
    grow(place, 300)
    export(reader(place), tmp_path)
    (tmp_path / "tile/0/000").unlink()
    grow(place, 310)
    with pytest.raises(Corrupt, match=r"an exported tile is missing.*Export into a new folder"):
        export(reader(place), tmp_path)
