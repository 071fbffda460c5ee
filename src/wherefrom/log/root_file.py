"""A trusted root that lies in a data directory: taken up into a log that has none yet, once.

    DIR/trusted-root.json ──► no root was ever said? ──► version 1, as old as the file
                                       └ else ──► left alone; ``beside`` tells of another than ours

``wherefrom verify --bundle`` uses the file; the door never does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from wherefrom.errors import Refused, SettingError
from wherefrom.formats import timestamps
from wherefrom.formats.own import digest_of_root
from wherefrom.formats.trusted_root import BYTES_MAX, FILE_NAME, parse
from wherefrom.keys.changes import RootWish
from wherefrom.log.decisions import Decisions
from wherefrom.log.recorder import Recorder


def take_up(folder: Path, recorder: Recorder) -> None:
    """Record the root in ``folder``, unless the log has ever said which one it has.

    Raises SettingError for a file that is none, or if the service key alone may not decide.
    """
    path = folder / FILE_NAME
    if recorder.decisions.roots or not path.exists():
        return
    try:
        written = _read(path)
        parse(written)
        since = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        wish = RootWish(
            trusted_root=written.decode(),
            as_of=min(timestamps.to_text(since), recorder.now()),
            reason=f"taken up from {FILE_NAME}",
        )
        recorder.set_root(wish)
    except (OSError, UnicodeDecodeError, Refused) as error:
        raise SettingError(
            "the trusted root of this directory cannot become the log's", where=str(path),
            got=str(error), do="Move it elsewhere; then: wherefrom roots set FILE",
        ) from error  # fmt: skip


def beside(folder: Path, decisions: Decisions) -> str | None:
    """What to say of a file that is not the root in force; None if it is, or is not there."""
    path, root = folder / FILE_NAME, decisions.root
    try:
        digest = digest_of_root(_read(path))
    except OSError:
        return None
    if root is None or root.digest == digest:
        return None
    return (
        f"{path} is not the trusted root in force (version {root.version}), and only "
        f"verify --bundle uses it; wherefrom roots set {path} makes it the log's"
    )


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(BYTES_MAX + 1)
