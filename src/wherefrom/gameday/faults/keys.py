"""Key compromise: a stolen key vouches for a forged release, then it becomes known.

    honest records ──► (the key is stolen) forged release ──► revoke --compromised-since ──► watched

Nobody can tell a forgery by a key that still counts. What is measured is what comes after: whether
exactly what was forged is no longer believed, who is told, and whether what came before stays.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

from wherefrom.formats import timestamps
from wherefrom.gameday.faults.scenario import Fault, Scenario
from wherefrom.gameday.shop import SERVICE, trusted
from wherefrom.gameday.stage import Stage
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.public import PublicKey

_FORGED: Final = "1.0.1"
_AFTER: Final = "1.0.2"


def _forge(stage: Stage, faulty: bool) -> None:
    """A release by whoever holds CI's key: somebody else, or, without the fault, CI."""
    stage.kept["since"] = timestamps.to_text(datetime.now(UTC))
    time.sleep(0.01)  # what comes now is heard later than that
    stage.kept["forged"] = forged = stage.shop.release(_FORGED, datetime.now(UTC))
    stage.release(forged)


def _revoke(stage: Stage, faulty: bool) -> Fault:
    forged = stage.kept["forged"]
    index = stage.index_of(forged.provenance)
    key = PublicKey(spki_der(stage.shop.ci.public_key)).id
    if faulty:
        changed = stage.administer(
            "/v1/keys",
            {
                "action": "revoke", "key": key, "compromised_since": stage.kept["since"],
                "reason": "a game day: it was stolen",
            },
        )  # fmt: skip
        stage.measured["judged_again"] = changed["judged_again"]
    return Fault(
        f"CI's key {key} was stolen, and vouched for {SERVICE} {_FORGED} (entry {index}), which "
        "runs; then it was revoked.",
        (key, f"entry {index}", forged.digest),
    )


def _replace(stage: Stage) -> None:
    """A new key, and a release that it vouches for."""
    key = SigningKey.generate()
    wish = trusted(key, "gameday-ci-2")
    stage.administer("/v1/keys", {"action": "trust", "pem": wish.pem, "names": list(wish.names)})
    stage.release(stage.shop.release(_AFTER, datetime.now(UTC), signer=key))


COMPROMISE: Final = Scenario(
    name="key-compromise",
    family="key-compromise",
    says="CI's key was stolen, and vouched for what runs",
    prepare=_forge,
    act=_revoke,
    undo=_replace,
)
