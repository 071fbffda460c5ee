"""Tessera, a transparency log in Go: its POSIX driver, its client and its fsck, run as programs.

    bench/tessera ── make bench-peers ──► .venv-peers/bin/{tessera,fsck} ──► JSON, or what fsck says

Nothing is built or fetched here. The module and all it needs are pinned in bench/tessera/go.sum.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

_BIN: Final = Path(__file__).parent.parent / ".venv-peers" / "bin"
_MODULE: Final = Path(__file__).parent / "tessera" / "go.mod"
_VERSION: Final = re.compile(r"transparency-dev/tessera v(\S+)")
_SUCCEEDED: Final = re.compile(r"Successfully fsck'd log with size (\d+) and root \S+ \((\w+)\)")
WORKERS: Final = 2


class Added(msgspec.Struct, frozen=True):
    """What ``tessera add`` did: seconds to durable indexes, and to a checkpoint over them all.

    ``cpu_seconds`` are of the whole program until then, the making of entries included.
    """

    entries: int
    seconds: float
    published_seconds: float
    cpu_seconds: float
    root: str


class Proved(msgspec.Struct, frozen=True):
    """What ``tessera prove`` did: every proof was verified against the checkpoint."""

    size: int
    root: str
    proof_seconds: list[float]


class Checked(NamedTuple):
    """What fsck found intact."""

    size: int
    root: str
    seconds: float


def missing() -> str | None:
    """What is not here yet, if Tessera cannot be run."""
    if all((_BIN / name).exists() for name in ("tessera", "fsck")):
        return None
    return "Tessera, which a Go toolchain builds,"


def version() -> str:
    """The one that is pinned."""
    (found,) = _VERSION.findall(_MODULE.read_text())
    return str(found)


def add(folder: Path, vkey: Path, *, count: int, batch: int, ahead: int) -> Added:
    """Write a log of ``count`` entries; ``ahead`` batches are under way at once."""
    options = ["-count", str(count), "-batch", str(batch), "-ahead", str(ahead)]
    said = _run("tessera", "add", "-dir", str(folder), "-vkey", str(vkey), *options).stdout
    return msgspec.json.decode(said, type=Added)


def prove(folder: Path, vkey: Path, *, count: int) -> Proved:
    """Read a log with Tessera's client: random entries, a proof of each, each one verified."""
    options = ["-dir", str(folder), "-vkey", str(vkey), "-count", str(count)]
    return msgspec.json.decode(_run("tessera", "prove", *options).stdout, type=Proved)


def fsck(folder: Path, vkey: Path) -> Checked:
    """Tessera's own command, unchanged. Raises RuntimeError unless it says that all is well."""
    where = [f"--storage_url={folder.resolve().as_uri()}", f"--public_key={vkey}"]
    began = time.perf_counter()
    said = _run("fsck", *where, "--ui=false", f"--N={WORKERS}").stderr
    took = time.perf_counter() - began
    # It exits 0 whatever it found: what it says is the answer.
    found = _SUCCEEDED.search(said)
    if found is None:
        raise RuntimeError(f"Tessera's fsck did not succeed on {folder}:\n{said[:1000]}")
    return Checked(int(found[1]), found[2], took)


def _run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(_BIN / name), *arguments], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done
