"""What the middlewares of ASGI and of WSGI have in common: their options, and where a request is.

Source: docs/identity.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from wherefrom.capture.identity import identity
from wherefrom.capture.propagation import callers, context

WELL_KNOWN: Final = "/.well-known/wherefrom"
REALITY_HEADER: Final = "wherefrom-reality"
App = TypeVar("App")


class Middleware(Generic[App]):
    """Options of a middleware around the application ``app``.

    trusts      whether callers are of us: at the edge of the world say False, and ids begin here
    tells       put the reality on each answer
    well_known  answer at ``/.well-known/wherefrom``
    xfcc        believe the header ``x-forwarded-client-cert``: only behind a proxy that sets it
                itself, and drops what clients send

    Raises SettingError when what this program is is told wrongly.
    """

    def __init__(
        self,
        app: App,
        *,
        trusts: bool = True,
        tells: bool = True,
        well_known: bool = True,
        xfcc: bool = False,
    ) -> None:
        identity()
        self._app = app
        self._trusts, self._tells, self._well_known, self._xfcc = trusts, tells, well_known, xfcc

    def _forwarded(self, carrier: Mapping[str, str]) -> str:
        """What a proxy says of its client's certificate, if it is believed."""
        return carrier.get(callers.HEADER, "") if self._xfcc else ""

    def _here(self, carrier: Mapping[str, str], caller: str) -> context.Context:
        """The context of a request with these headers, from ``caller``."""
        return context.called_by(context.begin(carrier, trusts=self._trusts), caller)
