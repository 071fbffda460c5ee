"""An answer as JSON: what both processes of a server write."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

_ENCODER: Final = msgspec.json.Encoder()


def json_response(value: Any, status: int = 200) -> Response:
    """JSON, encoded by msgspec: structs keep their order."""
    return Response(_ENCODER.encode(value), status, media_type="application/json")
