"""Run a recipe where it finds no network, no home and no time of its own: bubblewrap.

    tree ──► bwrap: the system read-only, the tree at /tmp/build, an empty home, another host name
               └──► faketime, where it is: a clock that stands still ──► the command

What was recorded of the environment is set; what is not recorded is pinned (``surroundings.py``).
faketime reaches programs that ask the C library for the time; one that asks the kernel, as those of
Go do, sees the machine's. The command is somebody's word, and the system is read-only to it, but
readable: run what you trust.

Sizes:  a build ends after its seconds · the last OUTPUT_BYTES of what it said are kept
Source: bwrap(1); faketime(1)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple

from wherefrom.capture.rebuild.recipe import Cannot, Recipe
from wherefrom.capture.rebuild.surroundings import HOME, Surroundings
from wherefrom.errors import Unavailable

OUTPUT_BYTES: Final = 2_000
_CHUNK_BYTES: Final = 1 << 16
_OWN: Final = ("/tmp", "/run")
_WORDS_LINES: Final = 3
_WORDS_CHARS: Final = 200
_TRIAL_SECONDS: Final = 10
_TRIED_AT: Final = 1_000_000_000
# Monotonic time goes on: a program that waits for something would wait for ever.
_FAKETIME: Final = {
    "FAKETIME_FMT": "%s", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DISABLE_SHM": "1",
}  # fmt: skip


class Built(NamedTuple):
    """One build: how the command ended, what it made (None where it made nothing of that name)."""

    status: int
    outputs: dict[str, str | None]
    said: str


class Failed(Cannot):
    """The command failed in its sandbox, or did not end in time."""


class Sandbox(NamedTuple):
    """What a build runs under.

    bwrap     the program
    faketime  the library that it preloads; None where there is none. The program itself is not
              used for a build: it would wait for whatever goes on when the command has ended
    """

    bwrap: str
    faketime: str | None


def need_sandbox() -> Sandbox:
    """The programs. Raises Unavailable if bubblewrap is not there or may not work here."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise Unavailable(
            "bubblewrap is not installed", do="Install it: apt-get install bubblewrap"
        )
    plain = [bwrap, "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
    tried = _tried([*plain, "--", "true"])
    if tried.returncode != 0:
        raise Unavailable(
            "bubblewrap does not work here",
            got=tried.stderr.decode("utf-8", "replace")[:200],
            do="Let users make namespaces: sysctl kernel.unprivileged_userns_clone=1",
        )
    return Sandbox(bwrap, _preloaded(plain))


def _preloaded(plain: list[str]) -> str | None:
    """The library of faketime, as it names it to the linker, if it works here."""
    program = shutil.which("faketime")
    if program is None:
        return None
    script = 'date +%s; printf %s "$LD_PRELOAD"'
    tried = _tried([*plain, "--", program, "-m", "-f", str(_TRIED_AT), "sh", "-c", script])
    said, _, library = tried.stdout.decode("utf-8", "replace").partition("\n")
    return library if said == str(_TRIED_AT) and library.startswith("/") else None


def _tried(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command, env={**os.environ, **_FAKETIME}, capture_output=True, check=False,
            stdin=subprocess.DEVNULL, timeout=_TRIAL_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, b"", b"it does not end")


def digest_of(path: Path) -> str | None:
    """SHA-256 in hex of a regular file; None if there is none."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with open(path, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


def build(
    sandbox: Sandbox,
    recipe: Recipe,
    tree: Path,
    *,
    around: Surroundings,
    environ: Mapping[str, str],
    seconds: float,
    toolchains: Sequence[Path] = (),
) -> Built:
    """Run a recipe in its tree.

    sandbox     from ``need_sandbox``; without its faketime the clock is the machine's
    environ     of whoever rebuilds: where programs are
    toolchains  folders that are to be seen, and not written, at the top of the tree

    Raises Failed if it fails or does not end in time.
    """
    environment = around.variables(recipe, environ)
    if around.clock is not None and sandbox.faketime is not None:
        stopped = {"LD_PRELOAD": sandbox.faketime, "FAKETIME": str(around.clock)}
        environment |= {**_FAKETIME, **stopped}
    settings = [part for name, value in environment.items() for part in ("--setenv", name, value)]
    command = [
        sandbox.bwrap, "--unshare-all", "--die-with-parent", "--new-session",
        "--hostname", around.host, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
        "--tmpfs", "/tmp", "--tmpfs", "/run", *_shown(recipe, environment),
        "--bind", str(tree), around.folder, "--dir", HOME,
        *(part for one in toolchains
          for part in ("--ro-bind", str(one.resolve()), f"{around.folder}/{one.name}")),
        "--chdir", os.path.normpath(f"{around.folder}/{recipe.directory}"),
        "--clearenv", *settings, "--", *recipe.command,
    ]  # fmt: skip
    status, said = _run(command, umask=around.umask, seconds=seconds)
    if status != 0:
        raise Failed(f"the command ended with {status} here", got=_last_words(said))
    made = {one.name: digest_of(tree / one.name) for one in recipe.outputs}
    return Built(status, made, said)


def _shown(recipe: Recipe, environment: Mapping[str, str]) -> list[str]:
    """Programs that lie in a folder that a build has its own of, such as /tmp/venv/bin."""
    folders = [*environment.get("PATH", "").split(":"), os.path.dirname(recipe.command[0])]
    shown: dict[str, None] = {}
    for folder in map(os.path.normpath, folders):
        above = os.path.dirname(folder)
        is_venv = os.path.basename(folder) == "bin" and above not in _OWN
        if folder.startswith(tuple(f"{own}/" for own in _OWN)) and os.path.isdir(folder):
            shown[above if is_venv else folder] = None
    return [part for folder in shown for part in ("--ro-bind", folder, folder)]


def _last_words(said: str) -> str | None:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    words = " | ".join(lines[-_WORDS_LINES:])[-_WORDS_CHARS:]
    return "".join(c if c.isprintable() else "�" for c in words) or None


def _run(command: Sequence[str], *, umask: int, seconds: float) -> tuple[int, str]:
    """Run to the end; how it ended, and the last that it said. Raises Failed."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        umask=umask,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        said = bytearray()
        reading = threading.Thread(target=_keep_last, args=(child.stdout, said), daemon=True)
        reading.start()
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise Failed("it did not end in time", expected=f"{seconds:g} seconds") from error
        finally:
            child.kill()  # its children go with it: they die with their parent
            reading.join()
    return status, said.decode("utf-8", "replace")


def _keep_last(stream: IO[bytes], said: bytearray) -> None:
    while chunk := os.read(stream.fileno(), _CHUNK_BYTES):
        said += chunk
        del said[:-OUTPUT_BYTES]
