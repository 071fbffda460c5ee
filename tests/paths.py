"""Where the tests find things: the repository, and the real inputs that lie beside it.

The inputs are other people's files under their own licences (data/README.md in the shared
folder), so they are read from there and never committed.
"""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
DATA = SHARED / "data"

if not DATA.is_dir():
    raise SystemExit(
        f"no real inputs at {DATA}: the tests need the shared/ folder beside the repository"
    )
