"""Open the place that a command works on.

    Where ──► reading(where) ──► LocalReading(directory) or Remote(url): questions
          ──► writing(where) ──► LocalWriting(directory) or Remote(url): records, keys, erasure

A directory that a server holds is read directly and written through that server. A place for
changes closes once what was written can be asked about, or it is too busy to say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wherefrom.cli.settings import Where

if TYPE_CHECKING:
    from wherefrom.cli.places import Reading, Writing


@contextmanager
def reading(where: Where) -> Iterator[Reading]:
    """Open a place for questions. Raises NotFound, Unavailable."""
    if where.server is not None:
        from wherefrom.cli.remote import Remote

        with Remote(where) as remote:
            yield remote
    else:
        from wherefrom.cli.local import LocalReading

        yield LocalReading(where.data)


@contextmanager
def writing(where: Where, *, create: bool = False) -> Iterator[Writing]:
    """Open a place for changes; ``create`` starts a log where there is none.

    Raises NotFound, Unavailable.
    """
    through = where
    if where.server is None:
        from wherefrom.cli.local import server_of

        through = server_of(where)
    if through.server is not None:
        from wherefrom.cli.remote import Remote

        with Remote(through) as remote:
            yield remote
            remote.wait_until_answered()
    else:
        from wherefrom.cli.local import open_local_writing

        with open_local_writing(where.data, create=create) as local:
            yield local
