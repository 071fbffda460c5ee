"""An evening on which a cart failed, told to a log minute by minute: for tests of postmortems.

with Story(path, monkeypatch) as story:
    story.at(10); story.deploy("cart", 2)           received and dated at minute 10
    story.at(24); story.config(8, minute=10)        dated at minute 10, received at minute 24
    story.report("cart-fails")

Minute 0 is 2026-03-01 13:00 UTC. Nothing here looks at a clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from wherefrom.app import DataFolder, fold_views, open_desk, open_log, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats import cause, config_bundle, incident
from wherefrom.formats.config_bundle import Bundle
from wherefrom.formats.dsse import IN_TOTO_TYPE
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.formats.timestamps import to_text
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.ed25519 import spki_der
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.public import PublicKey

START = datetime(2026, 3, 1, 13, tzinfo=UTC)
CART = Scope("prod", "cart")


def moment(minute):
    """A minute of that evening, as events write it."""
    return to_text(START + timedelta(minutes=minute))


def image(number):
    return f"sha256:{f'{number:x}' * 64}"[: 7 + 64]


def bundle(version):
    return Bundle(name="cart", version=str(version), settings={"calls.timeout_ms": 100 * version})


class Story:
    """A data directory and what was told to it when."""

    def __init__(self, path, monkeypatch):
        self.folder = DataFolder(path / "data")
        self.path = self.folder.path
        self._minute = -120
        monkeypatch.setattr("wherefrom.app.now", lambda: moment(self._minute))
        self.folder.create(origin="log.example/evening")
        self.record()

    def at(self, minute):
        """From now on it is this minute."""
        self._minute = minute

    def record(self, *contents):
        """The entries of these, received now."""
        with open_recorder(self.folder) as recorder:
            found = recorder.record(list(contents), principal=local(0))
        assert all(one.index is not None for one in found), found
        return [one.index for one in found]

    def trust(self, key):
        """From now on, what this key signs is believed."""
        with open_recorder(self.folder) as recorder:
            pem = PublicKey(spki_der(key.public_key)).to_pem()
            recorder.wish(KeyWish(action="trust", pem=pem))

    def sign(self, statement, key):
        """The entry of a statement that this key signed."""
        return self.record(sign_envelope(IN_TOTO_TYPE, statement, key))[0]

    def erase(self, entry):
        """Erase a record."""
        with open_recorder(self.folder) as recorder:
            recorder.erase(entry, reason="asked for", principal=local(0))

    def vouch(self, statement):
        """The entry of a statement that the log itself signed."""
        with open_recorder(self.folder) as recorder:
            (done,) = recorder.vouch_all([statement], principal=local(0))
        return done.entry

    def _when(self, minute):
        return moment(self._minute if minute is None else minute)

    def deploy(self, service, number, *, minute=None):
        at = self._when(minute)
        return self.record(changes.deploy(Scope("prod", service), image(number), at=at,
                                          source="/cd"))[0]  # fmt: skip

    def pack(self, version):
        return self.record(config_bundle.to_statement(bundle(version)))[0]

    def config(self, version, *, minute=None, service="cart"):
        said = changes.place("config", "cart", bundle(version).digest, Scope("prod", service),
                             at=self._when(minute), source="/cd", told={})  # fmt: skip
        return self.record(said)[0]

    def seen(self, number, *, minute=None, service="cart", instances=2):
        """All that a cluster lists of a service."""
        states = [
            {"slot": "artifact", "name": service, "value": image(number),
             "scope": {"service": service, "instance": f"{service}-{n}"}}
            for n in range(instances)
        ]  # fmt: skip
        return self.record(changes.estate(OBSERVED, Scope("prod"), states, all_of=("artifact",),
                                          at=self._when(minute), source="/agent"))[0]  # fmt: skip

    def say(self, stage, *, minute=None, id="incident:wherefrom:cart-fails@then", **told):
        """A stage of the incident."""
        told = {"service": "cart", "environment": "prod", **told}
        said = incident.IncidentStage(incident=id, stage=stage, at=self._when(minute), **told)
        return self.record(incident.to_statement(said))[0]

    def accept(self, version, *, minute=None, withdrawn=False, **told):
        """That a config bundle was taken for the cause."""
        said = cause.Cause(
            service="cart", environment="prod", slot="config", name="cart", withdrawn=withdrawn,
            at=self._when(minute), value=bundle(version).digest,
            incident="incident:wherefrom:cart-fails@then", probability=0.9, **told,
        )  # fmt: skip
        return self.record(cause.to_statement(said))[0]

    def accept_artifact(self, number, **told):
        """That a deployment of the cart was taken for the cause."""
        said = cause.Cause(
            service="cart", environment="prod", slot="artifact", name="", at=self._when(None),
            value=image(number), incident="incident:wherefrom:cart-fails@then", **told,
        )  # fmt: skip
        return self.record(cause.to_statement(said))[0]

    def desk(self):
        log = open_log(self.folder)
        fold_views(self.folder, log)
        return open_desk(self.folder, log)

    def report(self, text="cart fails", *, as_of=None):
        return self.desk().postmortems.report(text, as_of=as_of)


def evening(story):
    """Settings that came unseen: told 14 minutes late, accepted as the cause, taken back."""
    story.pack(7)
    story.pack(8)
    story.deploy("cart", 1)
    story.config(7)
    story.seen(1)
    story.at(0)
    story.deploy("cart", 2)
    story.at(1)
    story.seen(2)
    story.at(15)
    story.say("opened", title="cart fails", severity="page")
    story.at(20)
    story.say("noted", text="only carts with coupons", links=["https://chat.example/1"])
    story.at(24)
    story.config(8, minute=10)
    story.at(26)
    story.accept(8)
    story.at(30)
    story.config(7)
    story.at(40)
    story.say("closed", text="the old settings are back")
