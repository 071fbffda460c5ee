"""How what runs is watched, as ``watch.yaml`` says it: who decides, and what comes first.

    by: [{key: "k:…"}, {identity: "…", issuer: "…"}]   whose word puts a policy in force
    production: [prod]                                 environments that are looked at first

Without ``by`` the administrators of keys decide, and where there are none, anybody who is trusted.

Sizes:  LISTED_MAX of each
Source: docs/continuous.md
"""

from __future__ import annotations

from typing import Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import statement_shape, strict_json, yaml_text
from wherefrom.formats.policy import Signer

PRODUCTION: Final = ("prod", "production", "live")
LISTED_MAX: Final = 100


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says."""

    by: tuple[Signer, ...] = ()
    production: tuple[str, ...] = PRODUCTION

    def rank(self, environment: str) -> tuple[int, str]:
        """To sort environments by: production first, in its order, then by name."""
        some = self.production
        return (some.index(environment) if environment in some else len(some), environment)


def parse(content: bytes, *, where: str) -> WatchSettings:
    """Read the file. Raises Malformed, LimitPassed."""
    written = yaml_text.decode(content, where=where)
    document = strict_json.as_object({} if written is None else written, where=where)
    said = statement_shape.convert(document, WatchSettings, "settings of the watch", where)
    if max(len(said.by), len(said.production)) > LISTED_MAX:
        raise LimitPassed("too much is listed", where=where, expected=f"{LISTED_MAX} of each")
    for signer in said.by:
        if (signer.key is None) is (signer.identity is None) or (
            (signer.identity is None) is not (signer.issuer is None)
        ):
            raise Malformed(
                "a signer is a key, or an identity with its issuer", where=f"{where}.by"
            )
    return said
