"""Post what somebody is told: to where the settings say, and nowhere else.

No redirect is followed; of an answer only the status is read.

Sizes:  TIMEOUT_SECONDS for an answer
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from wherefrom import __version__
from wherefrom.errors import Unavailable

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS: Final = 15.0


def post(
    client: httpx.Client, name: str, url: str, body: bytes, headers: Mapping[str, str] = {}
) -> None:
    """Post JSON once to the receiver ``name``. Raises Unavailable if it is not taken."""
    import httpx

    said = {
        "Content-Type": "application/json", "User-Agent": f"wherefrom/{__version__}", **headers,
    }  # fmt: skip
    try:
        with client.stream("POST", url, content=body, headers=said) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unavailable(f"{name} does not answer", got=type(error).__name__) from error
    if not 200 <= status < 300:
        raise Unavailable(f"{name} does not take it", got=f"HTTP {status}")
