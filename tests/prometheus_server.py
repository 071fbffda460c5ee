"""A real Prometheus with made-up history: Debian's own, on loopback, ended with its block.

Counters(name, labels) … ──OpenMetrics──► promtool create-blocks ──► prometheus --storage.tsdb.path
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

STARTED_WITHIN_SECONDS = 40
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")


class History:
    """Samples by metric; ``text`` is what promtool reads."""

    def __init__(self):
        self._types, self._lines = {}, {}

    def add(self, family, kind, name, labels, at, value):
        """One sample of ``name``, which belongs to ``family``."""
        self._types[family] = kind
        said = ",".join(f'{key}="{text}"' for key, text in labels.items())
        self._lines.setdefault(family, []).append(f"{name}{{{said}}} {value!r} {at:.3f}")

    def text(self):
        parts = []
        for family, kind in self._types.items():
            parts += [f"# TYPE {family} {kind}", *self._lines[family]]
        return "\n".join([*parts, "# EOF", ""])


@contextlib.contextmanager
def prometheus(folder, history=None, *, config="{}\n", options=()):
    """Its URL. Every sample of ``history`` is there from the start."""
    assert PROMTOOL, "no prometheus here: make tools installs it"
    folder.mkdir(parents=True, exist_ok=True)
    stored, settings = folder / "tsdb", folder / "prometheus.yml"
    stored.mkdir()
    settings.write_text(config)
    if history is not None:
        written = folder / "history.txt"
        written.write_text(history.text())
        subprocess.run(
            [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", written, stored],
            check=True, capture_output=True,
        )  # fmt: skip
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with open(folder / "stderr", "wb") as errors:
        process = subprocess.Popen(
            [PROMETHEUS, f"--config.file={settings}", f"--storage.tsdb.path={stored}",
             f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=10y",
             *options],
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
        )  # fmt: skip
    try:
        _wait_ready(url, process, folder / "stderr")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(url, process, errors):
    until = time.monotonic() + STARTED_WITHIN_SECONDS
    while True:
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(f"{url}/-/ready", timeout=5),
        ):
            return
        assert process.poll() is None, errors.read_text()
        assert time.monotonic() < until, "prometheus did not start"
        time.sleep(0.05)
