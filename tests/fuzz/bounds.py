"""What one input may cost, and how it may end: read, refused in our words, or reported here.

An input of up to 64 KiB takes at most

    CPU_SECONDS   of user time in this process (a timer ends it, so that a hang is found)
    PEAK_BYTES    of memory beyond what was there, in the interpreter's own count
                  (``tracemalloc``; slow, so of one input in TRACED_EVERY)

and the fuzzing processes of ``make fuzz`` live under RLIMIT_AS besides, which sees what
libraries take.
"""

from __future__ import annotations

import contextlib
import hashlib
import resource
import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wherefrom.errors import Error

CPU_SECONDS = 2.0
PEAK_BYTES = 32 * 1024 * 1024
TRACED_EVERY = 16
ADDRESS_SPACE_BYTES = 3 * 1024 * 1024 * 1024
CORPUS = Path(__file__).with_name("corpus")


class Bug(AssertionError):
    """An input that ended in no way it may."""


class TookTooLong(BaseException):
    """Past CPU_SECONDS; no ``except Exception`` on the way keeps it."""


def check(run: Callable[[bytes], object], given: bytes, *, traced: bool = False) -> None:
    """Run a target on one input. Raises Bug, chained to what went wrong."""
    try:
        with _timed(), _measured(traced):
            run(given)
    except Error as error:
        _need_words(error)
    except Bug:
        raise
    except (Exception, TookTooLong) as error:
        raise Bug(f"{type(error).__name__}: {error}"[:300]) from error


def _need_words(error: Error) -> None:
    said = str(error)
    if not error.what or len(said) > 4000 or not said.isprintable():
        raise Bug(f"a refusal that cannot be shown: {said[:300]!r}") from error
    try:
        said.encode()
    except UnicodeEncodeError:
        raise Bug(f"a refusal that UTF-8 cannot hold: {said[:300]!r}") from error


@contextlib.contextmanager
def _timed() -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise TookTooLong(f"more than {CPU_SECONDS} s of processor time")

    old = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)


@contextlib.contextmanager
def _measured(traced: bool) -> Iterator[None]:
    if not traced:
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    if peak > PEAK_BYTES:
        raise Bug(f"it took {peak >> 20} MiB, {PEAK_BYTES >> 20} at most")


def limit_memory() -> None:
    """This process and its children may have so much; for processes that only fuzz."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, hard))


def shrunk(run: Callable[[bytes], object], given: bytes, *, seconds: float = 20) -> bytes:
    """A smaller input that ends in the same kind of bug."""
    wanted = _kind_of(run, given)
    until = time.monotonic() + seconds
    step = max(1, len(given) // 2)
    while step and time.monotonic() < until:
        at = 0
        while at < len(given) and time.monotonic() < until:
            less = given[:at] + given[at + step :]
            if _kind_of(run, less) == wanted:
                given = less
            else:
                at += step
        step //= 2
    return given


def _kind_of(run: Callable[[bytes], object], given: bytes) -> str | None:
    try:
        check(run, given, traced=True)
    except Bug as bug:
        cause = bug.__cause__
        if cause is None:
            return "memory"
        frame = cause.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        place = frame.tb_frame.f_code.co_qualname if frame is not None else ""
        return f"{type(cause).__name__} {place}"
    return None


def keep(target: str, given: bytes) -> Path:
    """Put an input into the corpus, where ``make test`` runs it for ever."""
    path = CORPUS / f"{target}-{hashlib.sha256(given).hexdigest()[:8]}"
    path.write_bytes(given)
    return path
