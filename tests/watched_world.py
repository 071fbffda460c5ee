"""A log whose estate is watched, in this process: records in, a round when asked, what was told.

with World(path) as world:
    world.deploy("cart", 1); world.vouch_for(1)        what runs, and its papers
    world.use(policy, "prod")                           in force from now on
    world.rounds()  ──► decisions; world.told, world.stands()
"""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta

from wherefrom.app import (
    DataFolder,
    fold_views,
    open_desk,
    open_gate,
    open_log,
    open_recorder,
    open_status,
    open_views,
)
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.errors import Unavailable
from wherefrom.formats import exception, in_force, timestamps
from wherefrom.formats import policy as policies
from wherefrom.formats.dsse import IN_TOTO_TYPE
from wherefrom.formats.entry import Trust, parse
from wherefrom.formats.own import Administrators
from wherefrom.formats.states import Scope
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.public import PublicKey
from wherefrom.policy.gate import GateRequest
from wherefrom.policy.signing import vouched_for
from wherefrom.policy.watch import Watch
from wherefrom.query.dossier import dossier, survey
from wherefrom.query.reality import RealityOptions
from wherefrom.sample.signed import digest
from wherefrom.views.estate import EstateReader
from wherefrom.views.graph import GraphReader
from wherefrom.views.together import fold_to

SBOM = {"name": "sbom", "needs": "sbom"}
SCANNED = {"name": "scanned", "needs": "vulnerabilities", "none_from": "critical"}
CVE = "CVE-2026-1234"


def image(number):
    """The id of an artifact."""
    return f"sha256:{digest(f'image {number}')}"


def key_id(key):
    """The id by which policies name a key."""
    return PublicKey(spki_der(key.public_key)).id


def policy(*rules, name="p", version="1", **more):
    return policies.parse(
        {"name": name, "version": version, "rules": list(rules), **more}, where="policy"
    )


def statement(artifact, predicate_type, predicate):
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": artifact[:12], "digest": {"sha256": artifact[7:]}}],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    ).encode()


class World:
    """One log, its views, and a watch that goes round when it is told to."""

    def __init__(self, path, **settings):
        self.folder = DataFolder(path)
        self.folder.create()
        self.key, self.other = SigningKey(bytes([7] * 32)), SigningKey(bytes([8] * 32))
        self.ahead = timedelta()
        self.told, self.troubles = [], []
        self.settings = settings.get("settings")
        self._ends = contextlib.ExitStack()
        self._number = 0
        self._fails = None
        self.principal = local(0)

    def __enter__(self):
        self.recorder = self._ends.enter_context(open_recorder(self.folder))
        self.log = open_log(self.folder)
        self.gate = open_gate(self.folder, self.log)
        self.trust(self.key)
        self.restart()
        return self

    def __exit__(self, *_):
        self._ends.close()

    # -- records

    def trust(self, key, **more):
        self.recorder.wish(
            KeyWish(action="trust", pem=PublicKey(spki_der(key.public_key)).to_pem(), **more)
        )

    def administrators(self, *keys):
        change = Administrators(keys=tuple(map(key_id, keys)), threshold=1)
        self.recorder._change(change)

    def limit_service_key(self, *kinds):
        self.trust(self.recorder._service_key, kinds=kinds)

    def write(self, name, text):
        (self.folder.path / name).write_text(text)

    def dossier(self, artifact, policy):
        """What a decision about an artifact by a policy looks at."""
        self.fold()
        with self.views() as (_, graph):
            looked = survey(graph, graph.lens(), artifact, also=[policy.digest], own=self.gate.own)
            return dossier(graph, graph.lens(), looked, self.log.content_of)

    @contextlib.contextmanager
    def views(self):
        with (
            EstateReader(self.folder.estate_path).snapshot() as estate,
            GraphReader(self.folder.graph_path).snapshot() as graph,
        ):
            yield estate, graph

    def changes(self, scope, slot):
        self.fold()
        desk = open_desk(self.folder, self.log)
        return desk.reality.changes(scope, RealityOptions(slots=(slot,))).changes

    @staticmethod
    def hours(number):
        return timedelta(hours=number)

    def running(self, scope="", slots=("artifact",), **more):
        self.fold()
        options = RealityOptions(slots=slots, **more)
        return open_desk(self.folder, self.log).reality.running(scope, options).places

    def ask_the_gate(self, number, *, environment="prod", policy=None):
        self.fold()
        asked = GateRequest(
            artifact=image(number), environment=environment,
            policy="" if policy is None else policy.to_document(),
        )  # fmt: skip
        return vouched_for(self.gate.prepare(asked), self.recorder, principal=local(0))

    def summary(self, number, policy):
        """The statement that the gate would sign."""
        self.fold()
        asked = GateRequest(artifact=image(number), environment="prod", policy=policy.to_document())
        return self.gate.prepare(asked).summary.encode()

    def revoke(self, key):
        self.recorder.wish(KeyWish(action="revoke", key=key_id(key)))

    def record(self, *contents):
        outcomes = self.recorder.record(contents, principal=local(0))
        assert all(o.status == "recorded" for o in outcomes), outcomes
        return [o.index for o in outcomes]

    def put(self, envelope):
        """Record what may be known already."""
        self.recorder.record([envelope], principal=local(0))

    def sign(self, payload, key=None):
        (entry,) = self.record(sign_envelope(IN_TOTO_TYPE, payload, key or self.key))
        return entry

    def deploy(self, service, artifact, environment="prod", mode="declared"):
        value = artifact if isinstance(artifact, str | None) else image(artifact)
        states = [{"slot": "artifact", "name": "", "value": value}] if value else []
        (entry,) = self.record(
            changes.estate(
                mode, Scope(environment, service), states, all_of=["artifact"],
                at=timestamps.to_text(datetime.now(UTC)), source=f"/ci/{environment}/{service}",
            )
        )  # fmt: skip
        return entry

    def sbom(self, number, *purls, key=None):
        self._number += 1
        bom = {
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": self._number,
            "metadata": {"component": {"type": "container", "name": "x", "bom-ref": "r"}},
            "components": [
                {"type": "library", "name": purl, "purl": purl, "bom-ref": purl} for purl in purls
            ],
            # The first needs the others.
            "dependencies": [{"ref": purls[0], "dependsOn": [*purls[1:]]}] if purls else [],
        }  # fmt: skip
        return self.sign(statement(image(number), "https://cyclonedx.org/bom", bom), key)

    def scan(self, number, *severities, purl=None, key=None):
        self._number += 1
        found = [
            {"VulnerabilityID": CVE, "Severity": severity.upper(), "PkgName": purl or "x",
             **({"PkgIdentifier": {"PURL": purl}} if purl else {})}
            for severity in severities
        ]  # fmt: skip
        predicate = {
            "invocation": {"uri": "https://scan.example", "event_id": str(self._number)},
            "scanner": {
                "uri": "https://scanner.example", "version": "1",
                "result": {"SchemaVersion": 2, "Results": [{"Vulnerabilities": found}]},
            },
            "metadata": {},
        }  # fmt: skip
        type = "https://cosign.sigstore.dev/attestation/vuln/v1"
        return self.sign(statement(image(number), type, predicate), key)

    def vex_of(self, purl, status):
        """A VEX about a package, wherever it is."""
        self._number += 1
        document = {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": f"https://example.com/{self._number}", "author": "x", "version": 1,
            "timestamp": timestamps.to_text(datetime.now(UTC)),
            "statements": [{"vulnerability": {"name": CVE}, "status": status,
                            "action_statement": "update", "products": [{"@id": purl}]}],
        }  # fmt: skip
        return self.sign(statement(image(99), "https://openvex.dev/ns/v0.2.0", document))

    def vex(self, number, status="not_affected", key=None):
        self._number += 1
        document = {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": f"https://example.com/{self._number}", "author": "x", "version": 1,
            "timestamp": timestamps.to_text(datetime.now(UTC)),
            "statements": [
                {"vulnerability": {"name": CVE}, "status": status,
                 "justification": "vulnerable_code_not_present",
                 "products": [{"@id": f"pkg:oci/x@{image(number)}",
                               "hashes": {"sha-256": image(number)[7:]}}]}
            ],
        }  # fmt: skip
        return self.sign(statement(image(number), "https://openvex.dev/ns/v0.2.0", document), key)

    def contains(self, whole, part, key=None):
        """Say that an image has another in it, as an SBOM of the whole does."""
        self._number += 1
        bom = {
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": self._number,
            "metadata": {"component": {"type": "container", "name": "x", "bom-ref": "r"}},
            "components": [{"type": "container", "name": f"x@{image(part)}", "bom-ref": "p",
                            "hashes": [{"alg": "SHA-256", "content": image(part)[7:]}]}],
        }  # fmt: skip
        return self.sign(statement(image(whole), "https://cyclonedx.org/bom", bom), key)

    def tag(self, number, name):
        """Say that an image is called so from now on."""
        self._number += 1
        said = json.loads(statement(image(number), "https://example.com/x", {"n": self._number}))
        said["subject"][0]["name"] = name
        return self.sign(json.dumps(said).encode())

    def break_glass(self, number, rule, *, hours):
        at = datetime.now(UTC)
        said = exception.Exceptional(
            stage="break_glass", at=timestamps.to_text(at), reason="night", rules=(rule,),
            environment="prod", until=timestamps.to_text(at + timedelta(hours=hours)),
        )  # fmt: skip
        return self.sign(exception.to_statement(said, {image(number): ""}))

    def judge_anew(self, entry, level):
        """What a renewal says of an entry that a root or a key no longer proves."""
        self.recorder._again.give(entry, Trust(level), "judged again")

    def built(self, number, builder="https://ci.example/builder", key=None):
        self._number += 1
        predicate = {
            "buildDefinition": {
                "buildType": "https://ci.example/type", "externalParameters": {},
                "resolvedDependencies": [{"uri": "git+https://git.example/shop",
                                          "digest": {"gitCommit": f"{self._number:040x}"}}],
            },
            "runDetails": {"builder": {"id": builder},
                           "metadata": {"invocationId": f"run-{self._number}"}},
        }  # fmt: skip
        return self.sign(statement(image(number), "https://slsa.dev/provenance/v1", predicate), key)

    def use(self, said, *environments, key=None, stage="in_force", until=""):
        """Put a policy in force, or end it; the entry of the last word."""
        if stage == "in_force":
            envelope = sign_envelope(IN_TOTO_TYPE, policies.to_statement(said), self.key)
            self.put(envelope)
        entry = None
        for environment in environments:
            word = in_force.InForce(
                stage=stage, environment=environment, until=until,
                since=timestamps.to_text(datetime.now(UTC)),
            )  # fmt: skip
            entry = self.sign(in_force.to_statement(word, said.digest), key)
        return entry

    # -- the watch

    def clock(self):
        return datetime.now(UTC) + self.ahead

    def restart(self):
        """Another watch, that knows nothing but the log."""
        self.watch = Watch(
            self.log, EstateReader(self.folder.estate_path), GraphReader(self.folder.graph_path),
            self.gate, sign=self._sign, tell=self._tell, clock=self.clock,
            on_trouble=self.troubles.append,
            **({"settings": self.settings} if self.settings else {}),
        )  # fmt: skip

    def fail_at(self, step):
        """From now on fail at ``sign``, ``tell`` or ``turn``."""
        self._fails = step

    def _tell(self, turns):
        if self._fails == "tell":
            raise Unavailable("no room")
        self.told += turns

    def _sign(self, statements):
        is_turn = any(b"urn:wherefrom:turned" in one for one in statements)
        if self._fails == ("turn" if is_turn else "sign"):
            raise Unavailable("nobody signs")
        done = self.recorder.vouch_all(list(statements), principal=local(0))
        return [one.entry for one in done]

    def fold(self):
        fold_views(self.folder, self.log)

    def rebuild_at(self, size):
        """Make the views anew, up to a size."""
        with open_views(self.folder, self.log) as views:
            views.discard()
            fold_to(views._source, dict.fromkeys(views._views, size))

    def types(self):
        """The type of every entry."""
        return [parse(e).type for e in self.log.entries(0, self.log.refresh().size)]

    def round(self, **bounds):
        self.fold()
        return self.watch.round(**bounds)

    def rounds(self, **bounds):
        """Go round until nothing is left to do: how much was decided, and written."""
        decided = written = 0
        while True:
            done = self.round(**bounds)
            decided, written = decided + done.decided, written + done.written
            if not done.waiting and not done.written:
                return decided, written

    def status(self, environment="", **more):
        self.fold()
        desk = open_status(self.folder, self.log, self.gate)
        desk._clock = self.clock
        return desk.status(environment, **more)

    def stands(self):
        """What runs and whether it is allowed: by environment, then number of the artifact."""
        return {(one.environment, one.subject): one.allowed for one in self.status().running}
