"""The key that secrets are hashed with, as options name it."""

from __future__ import annotations

from pathlib import Path

import click

hash_key_option = click.option(
    "--hash-key",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Hashes secrets; made if not there.",
)


def read(path: Path | None) -> bytes | None:
    """The key in a file; a new one in a file that is not there. Raises SettingError,
    StorageError."""
    from wherefrom.capture.keyed_hashes import read_or_make
    from wherefrom.cli.failures import warn

    if path is None:
        return None
    key, is_new = read_or_make(path)
    if is_new:
        warn(f"made a new key in {path}: keep it, or no secret can be compared with these hashes")
    return key
