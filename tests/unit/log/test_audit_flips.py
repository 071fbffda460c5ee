"""One flipped bit anywhere in a log's directory: the audit always says so, and never breaks.

A failure names its seed, the file and the bit.
"""

import random

import pytest

from tests.logs import FilePlace, erase, numbered, reader, small_log, writer
from wherefrom.log import dedup
from wherefrom.log.audit import audit

FLIPS = 400


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dedup, "RECENT_MAX", 150)  # so that there are runs to flip bits in
        made = small_log(FilePlace(tmp_path_factory.mktemp("log"), segment_bytes_max=120_000))
        log = writer(made)
        for index in (3, 256, 511, 598):
            erase(log, index)
        log.close()
        log = writer(made)
        log.commit(numbered(range(2000, 2030)))
        log.close()
    return made


def test_the_log_has_a_file_of_every_kind_and_no_problem(place):
    kinds = {p.suffix or p.name for p in place.folder.rglob("*") if p.is_file()}
    assert {".wfj", ".idx", ".run", "head", "000", "001"} <= kinds
    assert audit(reader(place), dedup_folder=place.dedup_folder).problems == []


@pytest.mark.parametrize("seed", range(8))
def test_every_flipped_bit_is_reported(place, seed):
    chance = random.Random(seed)
    files = sorted(p for p in place.folder.rglob("*") if p.is_file() and p.stat().st_size)
    for _ in range(FLIPS // 8):
        path = chance.choice(files)
        whole = path.read_bytes()
        bit = chance.randrange(8 * len(whole))
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            again = reader(place, refresh=False)
            found = audit(again, dedup_folder=place.dedup_folder).problems
        except BaseException as error:
            error.add_note(f"seed {seed}, {path.name}, bit {bit}")
            raise
        finally:
            path.write_bytes(whole)
        where = f"seed {seed}, {path.relative_to(place.folder)}, bit {bit}"
        assert found, f"{where}: the audit is silent"
        if path.suffix in (".idx", ".run"):
            assert all("rebuildable" in p.what for p in found), f"{where}: {found}"
            assert {p.file.split("/")[-1] for p in found} == {path.name}, where
        else:
            named = {p.file for p in found}
            assert any(path.name in file for file in named) or "journal" in named, where


@pytest.mark.parametrize("seed", range(4))
def test_every_cut_missing_or_swapped_file_is_reported(place, seed):
    chance = random.Random(seed)
    counted = sorted(
        p for p in place.folder.rglob("*") if p.suffix == ".wfj" or p.parent.name.isdigit()
    )
    for _ in range(12):
        path = chance.choice(counted)
        whole = path.read_bytes()
        other = chance.choice([p for p in counted if p.suffix == path.suffix and p != path])
        how = chance.choice(["cut", "gone", "swapped"])
        if how == "cut":
            path.write_bytes(whole[: chance.randrange(len(whole))])
        elif how == "gone":
            path.unlink()
        else:
            path.write_bytes(other.read_bytes())
        try:
            found = audit(reader(place)).problems
        finally:
            path.write_bytes(whole)
        assert any(path.name in p.file for p in found), f"seed {seed}, {path.name} {how}: {found}"
