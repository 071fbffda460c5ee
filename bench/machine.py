"""On what was measured: processor, memory, Python, libraries, the disk, and who else was busy."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

_LIBRARIES: Final = (
    "apsw", "cryptography", "httptools", "msgspec", "numpy", "PyNaCl", "starlette", "uvicorn",
    "uvloop",
)  # fmt: skip
_BUSY: Final = 0.25


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """``load`` is the load average of the last minute at the start, ``fsync_ms`` a median."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    libraries: dict[str, str]
    load: float
    fsync_ms: float

    def lines(self) -> Iterator[str]:
        """What a reader of the figures should know."""
        yield (
            f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB, {self.system}, "
            f"fdatasync {self.fsync_ms:.2f} ms"
        )
        libraries = ", ".join(f"{name} {number}" for name, number in self.libraries.items())
        yield f"Python {self.python}; {libraries}"

    def warnings(self) -> Iterator[str]:
        """Why the figures may be worse than the machine."""
        if self.load > _BUSY * self.cores:
            yield (
                f"The machine was busy when this began (load average {self.load:.2f}): "
                "times are too long, processor time beside them is nearer the truth"
            )


def look(*, fsync_ms: float) -> Machine:
    """This machine, now."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3,
        system=f"{platform.system()} {platform.release().split('-')[0]}",
        python=platform.python_version(),
        libraries={name: found for name in _LIBRARIES if (found := version_of(name))},
        load=os.getloadavg()[0],
        fsync_ms=fsync_ms,
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def version_of(name: str) -> str | None:
    """Of a distribution, if it is installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
