"""Logs of others beside ours: the same entries in batches of the same size, to the same root.

    entries of 300 B ──► wherefrom · pymerkle · tlog-scales · Tessera ──► append · prove · bytes

Each says whether an answered batch would outlive a power cut, as its code has it. A root that
differs from the one expected, or a proof that does not lead there, stops the area: then the figures
would be of different work. Audits are in ``peers_audit``.
"""

from __future__ import annotations

import functools
import importlib.util
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from bench import tessera_programs as tessera
from bench.inputs import entry_of
from bench.machine import version_of
from bench.place import BATCH, CONTENT_BYTES, Place
from bench.report import Row, not_here
from bench.timing import spread
from wherefrom.app import open_recorder
from wherefrom.merkle.hashing import hash_leaf, hash_leaves
from wherefrom.merkle.proofs import verify_inclusion
from wherefrom.merkle.tree import Frontier

_SEED: Final = bytes(range(32))
_AHEAD: Final = 16
Paths = list[list[bytes]]


class Asked(NamedTuple):
    """How much is asked of each: entries, and proofs until ``seconds`` are over."""

    entries: int
    proofs: int
    seconds: float


class Found(NamedTuple):
    """Of one log.

    rate     entries a second; cpu, microseconds of processor time an entry
    says     what stands beside the rate: durable or not, above all
    proofs   seconds of building one, of a random entry; cold at first
    """

    rate: float
    cpu: float
    says: dict[str, float | str]
    proofs: list[float]


class Kept(NamedTuple):
    """A log's files: their bytes, the same in whole blocks, how many; and how the disk was."""

    size: int
    blocks: int
    files: int
    fsync_ms: float


class Log(NamedTuple):
    """One to compare with. ``missing`` names what is not installed; ``fill`` makes it and asks."""

    missing: Callable[[], str | None]
    fill: Callable[[Path, Asked], Found]


Measured = dict[str, tuple[Found, Kept] | str]


def measure(place: Place) -> Iterator[Row]:
    """All of them, figure by figure."""
    sizes = place.sizes
    asked = Asked(sizes.peer_entries, sizes.peer_proofs, sizes.peer_seconds)
    logs = {"wherefrom, the log alone": _ours(place), **OTHERS}
    found: Measured = {}
    for name, log in logs.items():
        place.say(f"{asked.entries:,} entries: {name}")
        missing = log.missing()
        found[name] = missing or _filled(log, place, f"log-{len(found)}", asked)
    yield from _appended(asked, found)
    yield from _proved(asked, found)
    yield from _kept(asked, found)


def _filled(log: Log, place: Place, name: str, asked: Asked) -> tuple[Found, Kept]:
    folder, fsync_ms = place.folder / name, place.fsync_ms()
    found = log.fill(folder, asked)
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    size, blocks = sum(f.st_size for f in files), sum(f.st_blocks for f in files) * 512
    shutil.rmtree(folder)
    return found, Kept(size, blocks, len(files), fsync_ms)


# -- the rows


def _appended(asked: Asked, found: Measured) -> Iterator[Row]:
    area = f"logs: appending {asked.entries:,} entries of {CONTENT_BYTES} B, batches of {BATCH:,}"
    for name, one in found.items():
        if isinstance(one, str):
            yield not_here(area, name, one)
        else:
            beside = {**one[0].says, "CPU µs/entry": one[0].cpu, "fdatasync ms": one[1].fsync_ms}
            yield Row(area=area, what=name, value=one[0].rate, unit="/s", beside=beside)


def _proved(asked: Asked, found: Measured) -> Iterator[Row]:
    area = f"logs: an inclusion proof of a random entry of {asked.entries:,}, p99"
    for name, one in found.items():
        if isinstance(one, str):
            yield not_here(area, name, one)
            continue
        times = spread(one[0].proofs)
        beside: dict[str, float | str] = {
            "p50 ms": times.p50,
            "worst ms": times.worst,
            "proofs built": float(len(one[0].proofs)),
        }
        yield Row(area=area, what=name, value=times.p99, unit="ms", beside=beside)


def _kept(asked: Asked, found: Measured) -> Iterator[Row]:
    area = f"logs: bytes on disk beyond the {CONTENT_BYTES} B of each entry"
    for name, one in found.items():
        if isinstance(one, str):
            yield not_here(area, name, one)
            continue
        kept = one[1]
        beside: dict[str, float | str] = {
            "in whole blocks B": kept.blocks / asked.entries - CONTENT_BYTES,
            "in all files": float(kept.files),
        }
        beyond = kept.size / asked.entries - CONTENT_BYTES
        yield Row(area=area, what=name, value=beyond, unit="B", beside=beside)


# -- each log


def _ours(place: Place) -> Log:
    def fill(folder: Path, asked: Asked) -> Found:
        made = place.fresh(folder.name)
        with open_recorder(made) as recorder:
            writer = recorder.writer
            first = writer.entry(0)
            rate, cpu = _append(asked.entries, writer.append_entries)
            root = writer.root_at(asked.entries + 1)
            need_root("wherefrom", root, root_of_entries(asked.entries, first=(first,)))

            def prove(index: int) -> list[bytes]:
                return writer.prove([index + 1])[1][0]

            took, paths = _prove(asked, prove)
        need_proof(paths[-1], root, size=asked.entries + 1, first=1)
        return Found(
            rate,
            cpu,
            {
                "durable": "one fdatasync a batch, before it is answered",
                "signed": "a checkpoint each batch",
            },
            took,
        )

    return Log(lambda: None, fill)


def _pymerkle(folder: Path, asked: Asked) -> Found:
    from pymerkle import SqliteTree

    folder.mkdir()
    with closing(SqliteTree(str(folder / "tree.db"))) as tree:
        rate, cpu = _append(asked.entries, tree.append_entries)
        began = time.perf_counter()
        root = tree.get_root()
        rooted = time.perf_counter() - began
        need_root("pymerkle", root, root_of_entries(asked.entries))
        # Its indexes count from 1, and its paths begin with the leaf.
        took, paths = _prove(asked, lambda index: tree.prove_inclusion(index + 1).path[1:])
    need_proof(paths[-1], root, size=asked.entries)
    says: dict[str, float | str] = {
        "version": version_of("pymerkle") or "",
        "durable": "SQLite, rollback journal, synchronous FULL: a transaction a batch",
        "signed": "nothing; only leaves are hashed until a root is asked for",
        "the root then takes s": rooted,
    }
    return Found(rate, cpu, says, took)


def _tlog_scales(folder: Path, asked: Asked) -> Found:
    from tlog_scales.signing import PlainEd25519Signer
    from tlog_scales.writer import TilesWriter

    writer = TilesWriter.create(folder, "bench.example/tlog-scales")
    signers = [PlainEd25519Signer(writer.origin, _SEED)]

    def append(batch: Sequence[bytes]) -> None:
        for entry in batch:
            writer.add_leaf(entry)
        writer.commit(signers)

    rate, cpu = _append(asked.entries, append)
    root = writer.reader.calculate_root_hash()
    need_root("tlog-scales", root, root_of_entries(asked.entries))
    took, paths = _prove(
        asked, lambda i: writer.reader.get_inclusion_proof(i, asked.entries).node_hashes
    )
    need_proof(paths[-1], root, size=asked.entries)
    says: dict[str, float | str] = {
        "version": version_of("tlog-scales") or "",
        "durable": "fsync of each tile and of its folder",
        "signed": "a checkpoint each batch",
    }
    return Found(rate, cpu, says, took)


def _tessera(folder: Path, asked: Asked) -> Found:
    alone = folder.with_name(f"{folder.name}-alone")
    one = tessera.add(alone, _vkey(alone), count=asked.entries, batch=BATCH, ahead=1)
    many = tessera.add(folder, _vkey(folder), count=asked.entries, batch=BATCH, ahead=_AHEAD)
    for added in (one, many):
        need_root("Tessera", bytes.fromhex(added.root), root_of_entries(asked.entries))
    proved = tessera.prove(folder, _vkey(folder), count=asked.proofs)
    says: dict[str, float | str] = {
        "version": tessera.version(),
        "durable": "each tile written with O_SYNC, its folder fsynced, before an index is given",
        "signed": "a checkpoint every 100 ms, the shortest it takes",
        "batches under way at once": str(_AHEAD),
        "one at a time /s": one.entries / one.seconds,
        "all below a checkpoint after s": many.published_seconds,
    }
    shutil.rmtree(alone)
    rate, cpu = many.entries / many.seconds, many.cpu_seconds / many.entries * 1e6
    return Found(rate, cpu, says, proved.proof_seconds)


def _vkey(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.vkey")


def _module(name: str) -> Callable[[], str | None]:
    return lambda: None if importlib.util.find_spec(name) else name


OTHERS: Final = {
    "pymerkle, SqliteTree": Log(_module("pymerkle"), _pymerkle),
    "tlog-scales, TilesWriter": Log(_module("tlog_scales"), _tlog_scales),
    "Tessera, its POSIX driver": Log(tessera.missing, _tessera),
}


# -- what all are asked


def _append(count: int, append: Callable[[Sequence[bytes]], object]) -> tuple[float, float]:
    """Entries a second, and processor microseconds of each. Making the entries is not counted."""
    took = used = 0.0
    for batch in _batches(count):
        began, cpu = time.perf_counter(), time.process_time()
        append(batch)
        used += time.process_time() - cpu
        took += time.perf_counter() - began
    return count / took, used / count * 1e6


def _batches(count: int) -> Iterator[list[bytes]]:
    for start in range(0, count, BATCH):
        yield [entry_of(n, CONTENT_BYTES) for n in range(start, min(start + BATCH, count))]


def _prove(asked: Asked, prove: Callable[[int], Sequence[bytes]]) -> tuple[list[float], Paths]:
    """Proofs of random entries, the last of them of the last entry."""
    chance = random.Random(7)
    took: list[float] = []
    paths: Paths = []
    while len(took) < asked.proofs - 1 and sum(took) < asked.seconds:
        took.append(_timed(prove, chance.randrange(asked.entries), paths))
    took.append(_timed(prove, asked.entries - 1, paths))
    return took, paths


def _timed(prove: Callable[[int], Sequence[bytes]], index: int, paths: Paths) -> float:
    began = time.perf_counter()
    path = prove(index)
    took = time.perf_counter() - began
    paths.append(list(path))
    return took


@functools.cache
def root_of_entries(count: int, first: tuple[bytes, ...] = ()) -> bytes:
    """What the root must be, after ``first``."""
    tree = Frontier()
    tree.extend(hash_leaves(first))
    for batch in _batches(count):
        tree.extend(hash_leaves(batch))
    return tree.root()


def need_root(name: str, root: bytes, expected: bytes) -> None:
    """Raises RuntimeError for another root."""
    if root != expected:
        raise RuntimeError(f"{name} has root {root.hex()}, expected {expected.hex()}")


def need_proof(path: Sequence[bytes], root: bytes, *, size: int, first: int = 0) -> None:
    """Check the path of the last entry, which is entry ``size - 1 - first``; raises ProofError."""
    leaf = hash_leaf(entry_of(size - 1 - first, CONTENT_BYTES))
    verify_inclusion(leaf_hash=leaf, index=size - 1, tree_size=size, path=path, root=root)
