"""Serve a witness: one port, one process, until SIGTERM."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from wherefrom.api.witness import witness_app
from wherefrom.formats.note import VerifierKey
from wherefrom.serving.http import Tls, raise_file_limit, serve, spare_collections
from wherefrom.serving.witness_folder import WitnessFolder


def run(
    folder: WitnessFolder,
    logs: Mapping[str, Sequence[VerifierKey]],
    *,
    host: str,
    port: int,
    tls: Tls | None = None,
    moved: bool = False,
    serving: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises Unavailable if the port or directory is taken.

    serving  is told the address once requests are answered
    """
    with folder.opened(logs, moved=moved, on_stop=_say) as witness:
        spare_collections()
        raise_file_limit()
        serve(lambda: witness_app(witness), host=host, port=port, tls=tls, started=serving)


def _say(why: str) -> None:
    # The one line that says why every checkpoint is answered 503 from now on.
    line = f"wherefrom: the witness cosigns nothing more until a restart: {why}"
    print(line, file=sys.stderr, flush=True)  # noqa: T201
