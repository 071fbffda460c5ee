#!/usr/bin/env python3
"""Check an audit report again, from nothing but its folder and keys that you bring yourself.

    python3 verify.py --log-key KEY [--witness KEY]... [FOLDER]

It needs Python 3.11 or newer and one library, cryptography (pip install cryptography). It opens
no network connection, writes nothing, and uses no other program of the report's makers: read it
before you trust it. KEY is a line such as log.example/one+1dde4531+ATtqJ7zO..., or a file with it.
Get it from somewhere else than this folder: the log's owner publishes it. Without it, nothing
that is checked here says *whose* log this is, and the result can only be UNPROVEN.

    manifest.json ── SHA-256 of ──► every file
    your log key ── signed ──► checkpoint ── root of ──► all entries/ (by the hashes in proof)
    entry ── SHA-256(nonce, content) ──► contents/
    entry 0 ── names ──► service key ── signed ──► key records ──► the keys that signed contents

Exits: 0 PROVEN (all steps hold), 1 FAILED (something was changed, or is not as claimed),
2 UNPROVEN (nothing is wrong, but something needed was not there).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

FORMAT = "wherefrom-audit-report/1"
OWN = "application/vnd.wherefrom."
NAME = re.compile(
    r"[a-z]+\.(html|pdf|py|json|txt)|checkpoint|proof|(entries|contents)/[0-9]{1,16}"
    r"|contents/[0-9]{1,16}\.nonce"
)
STATES = {"trust": "active", "retire": "retired", "revoke": "revoked"}


class Wrong(Exception):
    """Something is not as it must be; the text says what."""


def need(holds: object, says: str) -> None:
    if not holds:
        raise Wrong(says)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def unbase64(text: str) -> bytes:
    value = base64.b64decode(text, validate=True)
    need(base64.b64encode(value).decode() == text, "base64 that is not in its one spelling")
    return value


def parse_json(written: bytes) -> Any:
    """JSON in which no name stands twice: two readers could otherwise read two things."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        read = dict(pairs)
        need(len(read) == len(pairs), "a JSON object that has a name twice")
        return read

    return json.loads(written.decode("utf-8-sig"), object_pairs_hook=once)


def spelled(value: Any) -> bytes:
    """The one spelling of the JSON files that this report was made with."""
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


# -- signatures ------------------------------------------------------------------------------------


def signed_by(spki: bytes, message: bytes, signature: bytes, *, is_digest: bool = False) -> bool:
    """Whether the key (SubjectPublicKeyInfo, DER) made ``signature`` over ``message``."""
    key = serialization.load_der_public_key(spki)
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            size = {256: 32, 384: 48, 521: 66}[key.key_size]
            kinds: Any = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}
            kind = kinds[key.key_size]()
            scheme = ec.ECDSA(utils.Prehashed(kind) if is_digest else kind)
            try:
                key.verify(signature, message, scheme)
            except InvalidSignature:  # r and s side by side, as COSE and JOSE write them
                need(len(signature) == 2 * size, "")
                r, s = (int.from_bytes(n, "big") for n in (signature[:size], signature[size:]))
                key.verify(utils.encode_dss_signature(r, s), message, scheme)
        elif isinstance(key, rsa.RSAPublicKey):
            sha: Any = utils.Prehashed(hashes.SHA256()) if is_digest else hashes.SHA256()
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
            try:
                key.verify(signature, message, padding.PKCS1v15(), sha)
            except InvalidSignature:
                key.verify(signature, message, pss, sha)
        else:
            return False
    except (InvalidSignature, ValueError, Wrong):
        return False
    return True


def envelope_of(document: dict[str, Any]) -> tuple[bytes, list[tuple[str, bytes]], str, bytes]:
    """Of a DSSE envelope: what was signed, (key hint, signature)..., the type, the payload."""
    payload, kind = dsse_base64(document["payload"]), document["payloadType"]
    message = b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)
    signatures = [(s.get("keyid") or "", dsse_base64(s["sig"])) for s in document["signatures"]]
    return message, signatures, kind, payload


def dsse_base64(text: str) -> bytes:
    return unbase64(text.replace("-", "+").replace("_", "/"))


def canonical(value: Any) -> str:
    """Canonical JSON of older in-toto documents."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{canonical(k)}:{canonical(value[k])}" for k in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return json.dumps(value)


def cbor_item(data: bytes, at: int) -> tuple[Any, int]:
    """One CBOR item (RFC 8949) and where it ends; maps and numbers are passed over, as None."""
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info >= 24:
        need(info <= 27, "CBOR of a kind that is not read here")
        width = 1 << info - 24
        info, at = int.from_bytes(data[at : at + width], "big"), at + width
    if major in (2, 3):
        need(at + info <= len(data), "CBOR that ends too early")
        return data[at : at + info], at + info
    items = []
    for _ in range({4: info, 5: 2 * info, 6: 1}.get(major, 0)):
        item, at = cbor_item(data, at)
        items.append(item)
    return (items if major == 4 else items[0] if major == 6 else None), at


def cbor_bytes(value: bytes) -> bytes:
    head = next(k for k in (0, 1, 2, 4) if len(value) < (24 if k == 0 else 256**k))
    if head == 0:
        return bytes([0x40 + len(value)]) + value
    return bytes([0x57 + {1: 1, 2: 2, 4: 3}[head]]) + len(value).to_bytes(head, "big") + value


class Claim:
    """What the signatures of one content are over: of the record, and of a batch it came in."""

    def __init__(self, content: bytes) -> None:
        self.record: tuple[bytes, list[bytes], bool] | None = None
        self.batch: tuple[bytes, list[bytes], bool] | None = None
        if content[:2] == b"\xd2\x84":  # COSE_Sign1 (RFC 9052), as in SCITT statements
            protected, _, payload, signature = cbor_item(content, 0)[0]
            if payload is not None:
                message = b"\x84\x6aSignature1" + cbor_bytes(protected) + b"\x40"
                self.record = message + cbor_bytes(payload), [signature], False
            return
        try:
            document = parse_json(content)
        except ValueError:
            return
        if not isinstance(document, dict):
            return
        if document.get("mediaType") == "application/vnd.wherefrom-batched.v1+json":
            inner = unbase64(document["record"])
            self.record = Claim(inner).record
            message, signatures, kind, payload = envelope_of(document["batch"])
            need(kind == "application/vnd.wherefrom-batch.v1+json", "a batch of another type")
            root, path = parse_json(payload), unbase64(document["path"])
            steps = [path[i : i + 32] for i in range(0, len(path), 32)]
            reached = climb(sha256(b"\0", inner), document["index"], root["size"], steps)
            need(reached == unbase64(root["root"]), "the path does not lead to the batch's root")
            self.batch = message, [s for _, s in signatures], False
        elif "payload" in document and "payloadType" in document:
            message, signatures, _, _ = envelope_of(document)
            self.record = message, [s for _, s in signatures], False
        elif "signed" in document and "signatures" in document:
            made = [s["sig"] for s in document["signatures"] if not s.get("other_headers")]
            message = canonical(document["signed"]).encode()
            self.record = message, [bytes.fromhex(s) for s in made], False
        elif document.get("kind") == "hashedrekord" and "spec" in document:
            spec = document["spec"]["hashedRekordV002"]
            signature = unbase64(spec["signature"]["content"])
            self.record = unbase64(spec["data"]["digest"]), [signature], True


def climb(node: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that a leaf's hash and its path lead to (RFC 9162, 2.1.3.2)."""
    need(0 <= index < size, "a leaf outside of its tree")
    last = size - 1
    for sibling in path:
        need(last > 0, "a path that is too long")
        if index & 1 or index == last:
            node = sha256(b"\1", sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = sha256(b"\1", node, sibling)
        index, last = index >> 1, last >> 1
    need(last == 0, "a path that is too short")
    return node


# -- the keys that the log named, and what became of them ------------------------------------------


class Keyring:
    """Folded from key records in the order of the log (docs/formats/own-records.md)."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.administrators: dict[str, Any] | None = None
        self.versions: dict[str, int] = {}
        self.digest = ""

    def why_not(self, id: str, at: str) -> str | None:
        """Why a signature that is known to exist since ``at`` does not count; None if it does."""
        key = self.keys.get(id)
        if key is None:
            return f"no record before it names the key {id}"
        if key["state"] == "revoked" and not key["compromised_since"]:
            return f"the key {id} is revoked"
        if key["valid_from"] and at < key["valid_from"]:
            return f"the key {id} counts only from {key['valid_from']} on"
        if key["valid_to"] and at >= key["valid_to"]:
            return f"the key {id} counted until {key['valid_to']}"
        if key["state"] == "retired" and not key["valid_to"]:
            return f"the key {id} is retired"
        return None

    def may_change(self, change: dict[str, Any], signers: set[str], at: str) -> bool:
        if (signers or change.get("keyring")) and change.get("keyring", "") != self.digest:
            return False
        if "threshold" in change:
            states = {self.keys[id]["state"] for id in change["keys"] if id in self.keys}
            if states != {"active"} or not self.keys.keys() >= set(change["keys"]):
                return False
        if self.administrators is None:
            return True
        counted = {id for id in signers if self.why_not(id, at) is None}
        named = set(self.administrators["keys"])
        if len(counted & named) >= self.administrators["threshold"]:
            return True
        if change.get("action") in ("retire", "revoke"):
            return change["key"] in counted
        before = self.keys.get(change.get("replaces") or "")
        if before is None or change["replaces"] not in counted - named:
            return False
        same = all((change.get(k) or "") == (before[k] or "") for k in ("owner",))
        lists = all(change.get(k, []) == before[k] for k in ("kinds", "scopes"))
        return change["key"] not in self.keys and same and lists

    def fold(self, index: int, kind: str, change: dict[str, Any], payload: bytes) -> None:
        if kind == "administrators.v1+json":
            self.administrators = change
        elif kind in ("intake.v1+json", "root.v1+json"):
            self.versions[kind] = change["version"]
            return
        else:
            self.fold_key(index, change)
        self.digest = sha256(f"{self.digest} {index} ".encode(), payload).hex()

    def fold_key(self, index: int, change: dict[str, Any]) -> None:
        spki = unbase64(change["spki"])
        id = "k:" + sha256(spki).hex()[:32]
        need(change["key"] == id, f"the key record {index} names a key by another key's id")
        before = self.keys.get(id)
        one = {"valid_from", "valid_to", "replaces", "compromised_since"}
        key: dict[str, Any] = {name: change.get(name) for name in one}
        key |= {"owner": change.get("owner", ""), "spki": spki, "state": STATES[change["action"]]}
        key |= {name: change.get(name, []) for name in ("kinds", "scopes")}
        if change["action"] != "trust" and before is None:
            key["compromised_since"] = None
        elif change["action"] != "trust" and before is not None:
            kept = ("owner", "kinds", "scopes", "replaces", "valid_from")
            key |= {name: before[name] for name in kept}
            retired = change["action"] == "retire"
            ends = change.get("since") if retired else change.get("compromised_since")
            key["valid_to"] = min(filter(None, (ends, before["valid_to"])), default=None)
            if before["state"] == "revoked":
                since = [before["compromised_since"], key["compromised_since"]]
                times = since[: 1 if retired else 2]
                key["state"] = "revoked"
                key["compromised_since"] = min(times) if all(times) else None
        key["changes"] = [*(before["changes"] if before else []), index]
        self.keys[id] = key


# -- the steps -------------------------------------------------------------------------------------


class Check:
    """The steps, in order; each says what it proves and what it does not."""

    def __init__(self, folder: Path, log_key: str | None, witnesses: list[str]) -> None:
        self.folder, self.log_key, self.witnesses = folder, log_key, witnesses
        self.files: dict[str, str] = {}
        self.entries: dict[int, dict[str, Any]] = {}
        self.ring = Keyring()
        self.unproven: list[str] = []
        self.told = 0

    def tell(self, title: str, proves: str, not_proves: str) -> None:
        self.told += 1
        print(f"{self.told}. OK  {title}\n   proves:  {proves}\n   but not: {not_proves}")

    def read(self, name: str) -> bytes:
        """A file of the report, once its hash is the one in the manifest."""
        need(name in self.files, f"{name} is not in the report")
        path = self.folder / name
        need(path.is_file() and not path.is_symlink(), f"{name} is missing, or is no plain file")
        written = path.read_bytes()
        need(sha256(written).hex() == self.files[name], f"{name} was changed")
        return written

    def read_json(self, name: str) -> Any:
        value = parse_json(written := self.read(name))
        need(spelled(value) == written, f"{name} is not in its one spelling")
        return value

    def has(self, index: int) -> bool:
        return f"contents/{index}" in self.files

    def run(self) -> None:
        self.check_files()
        self.check_checkpoint()
        self.check_entries()
        self.check_contents()
        self.check_records()
        self.check_tables()

    def check_files(self) -> None:
        path = self.folder / "manifest.json"
        need(path.is_file(), "there is no manifest.json: is this the folder of a report?")
        written = path.read_bytes()
        manifest = parse_json(written)
        need(manifest.get("format") == FORMAT, f"not a report of the format {FORMAT}")
        need(spelled(manifest) == written, "manifest.json is not in its one spelling")
        need(manifest.keys() == {"files", "format"}, "manifest.json holds what it should not")
        self.files = manifest["files"]
        need(all(NAME.fullmatch(n) for n in self.files), "the manifest has a strange file name")
        for name in self.files:
            self.read(name)
        there = (p for p in self.folder.rglob("*") if p.is_symlink() or not p.is_dir())
        found = {p.relative_to(self.folder).as_posix() for p in there}
        more = sorted(found - self.files.keys() - {"manifest.json"})
        need(not more, f"a file that is not part of the report: {', '.join(more)[:200]}")
        self.tell(
            f"{len(self.files)} files are those that manifest.json lists",
            f"the folder is whole; its fingerprint is {sha256(written).hex()}",
            "who made it, or that report.html and report.pdf say what the steps below show",
        )

    def check_checkpoint(self) -> None:
        question = self.read_json("question.json")
        note = self.read("checkpoint").decode()
        self.text, _, lines = note.rpartition("\n\n")
        self.text += "\n"
        self.origin, size, root = self.text.split("\n")[:3]
        self.size, self.root = int(size), unbase64(root)
        need(str(self.size) == size, "the size in the checkpoint is not in its one spelling")
        self.lines = [line.split(" ") for line in lines.rstrip("\n").split("\n")]
        need(
            all(len(line) == 3 and line[0] == "\u2014" for line in self.lines),
            "a bad signature line",
        )
        said = {"origin": self.origin, "size": self.size, "root": self.root.hex()}
        need(question["log"] == said, "question.json is of another checkpoint")
        own = parse_json(envelope_of(parse_json(self.read("contents/0")))[3])
        named = self.followed(own["log_key"])
        if self.log_key is None:
            self.unproven.append("no log key was given (--log-key): whose log this is, is open")
        need(self.log_key in (None, *named), "entry 0 is of a log with another key")
        # Keys of a log change; one that you trust may name another (docs/formats/log-keys.md).
        # Without a key of the caller's, the folder is at least held to what it says of itself.
        keys = self.followed(self.log_key or own["log_key"])
        signed = [k for k in keys if self.has_line(k)]
        need(signed, "no key of the log, as far as you can follow them, signed the checkpoint")
        self.check_note(signed[0], "the log")
        whose = "your key" if self.log_key else "the key that the folder itself names"
        self.tell(
            f"the checkpoint of {self.origin}, {self.size} entries, is signed by {whose}",
            "the holder of that key stated: these entries, in this order, and no others before "
            f"entry {self.size}. It cannot be taken back or stated differently unnoticed",
            "when it was stated; that everybody was shown the same log, unless witnesses say so",
        )
        for witness in self.witnesses:
            at = datetime.fromtimestamp(self.check_note(witness, "a witness"), UTC)
            self.tell(
                f"the witness {witness.split('+')[0]} cosigned it at {at:%Y-%m-%d %H:%M:%S} UTC",
                "an independent party saw this state of the log by then, and none before that "
                "contradicts it",
                "that the witness is independent: that is for you to judge",
            )

    def followed(self, vkey: str) -> list[str]:
        """The keys that follow from this one: each change of them is signed by one before."""
        keys, ends = [vkey], {vkey: "-"}
        for note in self.read_json("logkeys.json"):
            text, _, lines = note.rpartition("\n\n")
            said = (text + "\n").encode()
            head, origin, _, at, *named = text.split("\n")
            need(head == "wherefrom log keys v1" and origin == self.origin, "a strange key note")
            for key in [k for k in keys if ends[k] == "-" or at < ends[k]]:
                _, id, encoded = key.split("+", 2)
                blob = unbase64(encoded)
                spki = blob[1:] if blob[0] == 2 else b"0*0\x05\x06\x03+ep\x03!\0" + blob[1:]
                made = [unbase64(line.split(" ")[2]) for line in lines.rstrip("\n").split("\n")]
                mine = [m[4:] for m in made if m[:4].hex() == id and blob[0] in (1, 2)]
                if any(signed_by(spki, said, m) for m in mine):
                    found = [line.split(" ") for line in named]
                    keys += [k for k, _, _ in found if k not in keys]
                    ends = {k: until for k, _, until in found} | {vkey: ends[vkey]}
                    break
        return keys

    def has_line(self, vkey: str) -> bool:
        name, id, _ = vkey.split("+", 2)
        return any(n == name and unbase64(e)[:4].hex() == id for _, n, e in self.lines)

    def check_note(self, vkey: str, who: str) -> int:
        """The time, in seconds, at which this key signed the checkpoint; 0 if it says none."""
        try:
            name, id, key = vkey.split("+", 2)
            algorithm, public = unbase64(key)[0], unbase64(key)[1:]
        except (ValueError, IndexError):
            raise Wrong(f"the key of {who} cannot be read: {vkey[:60]}") from None
        right = sha256(name.encode(), b"\n", bytes([algorithm]), public)[:4].hex()
        need(id == right, f"the key of {who} has a wrong key id")
        need(who != "the log" or name == self.origin, f"the checkpoint is of {self.origin}")
        need(who == "the log" or algorithm in (4, 6), "the key of a witness has type 4 or 6")
        for _, line_name, encoded in self.lines:
            blob = unbase64(encoded)
            if line_name != name or blob[:4].hex() != id:
                continue
            message, signature, time = self.text.encode(), blob[4:], 0
            if algorithm != 1:
                time, signature = int.from_bytes(blob[4:12], "big"), blob[12:]
                message = f"cosignature/v1\ntime {time}\n{self.text}".encode()
            try:
                if algorithm in (1, 4):
                    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
                else:
                    need(algorithm == 6, f"the key of {who} is of an unknown type")
                    self.check_mldsa(name, public, time, signature)
            except (InvalidSignature, ValueError):
                raise Wrong(f"the signature of {name} on the checkpoint is wrong") from None
            return time
        raise Wrong(f"{name} did not sign the checkpoint")

    def check_mldsa(self, name: str, public: bytes, time: int, signature: bytes) -> None:
        from cryptography.hazmat.primitives.asymmetric import mldsa  # cryptography 47 or newer

        ends = b"".join(n.to_bytes(8, "big") for n in (0, self.size)) + self.root
        cosigner, origin = (bytes([len(t.encode())]) + t.encode() for t in (name, self.origin))
        message = b"subtree/v1\n\0" + cosigner + time.to_bytes(8, "big") + origin + ends
        mldsa.MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)

    def check_entries(self) -> None:
        leaves = {}
        for name in self.files:
            if name.startswith("entries/"):
                index, written = int(name[8:]), self.read(name)
                need(name == f"entries/{index}", f"a strange name: {name}")
                entry = parse_json(written)
                one = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
                need(one.encode() == written and entry["v"] == 1, f"entry {index} is no entry")
                self.entries[index], leaves[index] = entry, sha256(b"\0", written)
        self.entries = dict(sorted(self.entries.items()))
        need(0 in leaves and max(leaves) < self.size, "entry 0 is missing, or an entry is too many")
        rest = iter([unbase64(line) for line in self.read("proof").decode().splitlines()])
        among = sorted(leaves)

        def root_of(start: int, end: int, first: int, last: int) -> bytes:
            """The root over leaves start to end; among[first:last] are those that are here."""
            if first == last:  # none of them is here: its root stands in the proof
                return next(rest)
            if end - start == 1:
                return leaves[start]
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            cut = next((i for i in range(first, last) if among[i] >= middle), last)
            left = root_of(start, middle, first, cut)
            return sha256(b"\1", left, root_of(middle, end, cut, last))

        try:
            reached = root_of(0, self.size, 0, len(among))
        except StopIteration:
            raise Wrong("the proof is too short") from None
        need(next(rest, None) is None, "the proof is too long")
        need(reached == self.root, "an entry was changed, or is of another log: the roots differ")
        whole = len(among) == self.size
        self.tell(
            f"{len(among)} entries are in that log at their places",
            "each entry is, to the byte, the one that the log's owner is bound to"
            + ("; they are all that the log held: nothing was left out" if whole else ""),
            "that what a record says is true"
            + ("" if whole else "; that no other entry of the log matters: this is a part of it"),
        )

    def check_contents(self) -> None:
        absent = []
        for index, entry in self.entries.items():
            if not self.has(index):
                absent.append(index)
                continue
            content, nonce = self.read(f"contents/{index}"), self.read(f"contents/{index}.nonce")
            right = (
                len(nonce) == 16 and entry["content"] == "sha256:" + sha256(nonce, content).hex()
            )
            need(
                right and entry["size"] == len(content),
                f"content {index} is not what its entry says",
            )
        extra = {int(re.sub(r"\D", "", n)) for n in self.files if n.startswith("contents/")}
        need(extra <= self.entries.keys(), "a content without its entry")
        self.absent = absent
        self.tell(
            f"{len(self.entries) - len(absent)} contents are those that the entries commit to",
            "each document here is, to the byte, the one that was received",
            f"anything about {len(absent)} contents that are not here"
            if absent
            else "who wrote it",
        )

    def check_records(self) -> None:
        """Entry by entry, as the log grew: keys, who signed what, verdicts, erasures."""
        self.now = {i: {"by": None, **e["trust"]} for i, e in self.entries.items()}
        self.verdicts: list[dict[str, Any]] = []
        self.erased: dict[int, int] = {}
        self.counts = dict.fromkeys(("own", "signed", "batch", "keyless", "channel", "gone"), 0)
        self.digests: set[str] = {""}
        for index, entry in self.entries.items():
            if entry["trust"]["level"] == "self":
                if self.has(index):
                    self.check_own(index, entry)
                continue
            self.counts[self.check_trust(index, entry["trust"], index)] += 1
        n = self.counts
        self.tell(
            f"{n['own']} records of the log's keeper are signed by the service key of entry 0",
            "these key changes, verdicts and erasures were decided by the holder of that key, "
            "and key changes also by as many administrators as the log demands",
            "that no key change was left out of this folder, unless all entries are here",
        )
        self.tell(
            f"{n['signed']} records are signed, {n['batch']} as part of a signed batch",
            "each was signed by the keys that its entry names, and each key counted when the "
            "log received the record",
            "who held a key: that is what its owner, and the record that trusts it, say; nor that "
            "the key was allowed to speak of that subject (its scopes)",
        )
        print(
            f"   not checked again here: {n['keyless']} keyless signatures (a certificate of "
            f"Sigstore),\n   {n['channel']} records that no known key signed, and {n['gone']} "
            "whose content is not here: the log's word"
        )
        silent = [i for i in self.absent if i not in self.erased]
        if silent:
            shown = ", ".join(map(str, silent[:20]))
            self.unproven.append(f"no record here says why these contents are absent: {shown}")
        self.tell(
            f"{len(self.verdicts)} later verdicts and {len(self.erased)} erasures are in order",
            "the trust shown for each entry is that of the latest verdict in this folder",
            "that no later verdict was left out of this folder, unless all entries are here",
        )

    def check_own(self, index: int, entry: dict[str, Any]) -> None:
        message, signatures, kind, payload = envelope_of(parse_json(self.read(f"contents/{index}")))
        need(kind.startswith(OWN), f"record {index} is of a type that the keeper does not write")
        kind, said = kind.removeprefix(OWN), parse_json(payload)
        need(entry["type"] == OWN + kind, f"entry {index} is of another type than its content")
        if index == 0:
            need(
                kind == "genesis.v1+json" and said["origin"] == self.origin, "entry 0 is no genesis"
            )
            self.service_key = unbase64(said["service_key"])
        id = "k:" + sha256(self.service_key).hex()[:32]
        need(entry["trust"]["signers"] == [id], f"entry {index} names another service key")
        first = signed_by(self.service_key, message, signatures[0][1])
        need(first, f"the service key did not sign the decision in entry {index}")
        self.counts["own"] += 1
        if kind in ("key.v1+json", "administrators.v1+json", "intake.v1+json", "root.v1+json"):
            keys = [(i, k["spki"]) for i, k in self.ring.keys.items()]
            others = {i for i, k in keys for _, s in signatures[1:] if signed_by(k, message, s)}
            before = self.ring.versions.get(kind, 0)
            follows = kind[0] not in "ir" or said["version"] == before + 1
            if self.ring.may_change(said, others, entry["received"]) and follows:
                self.ring.fold(index, kind, said, payload)
                self.digests.add(self.ring.digest)
        elif kind == "tombstone.v1+json":
            self.erased.setdefault(said["entry"], index)
        elif kind == "verdict.v1+json" and said["entry"] in self.entries and said["entry"] < index:
            on = said["entry"]
            here = said.get("content") in (None, "", self.entries[on]["content"])
            need(here, f"the verdict in entry {index} is on another content")
            ring = said.get("keyring", "")
            need(ring in ("", self.ring.digest), f"key records before entry {index} are missing")
            self.check_trust(on, said["trust"], index)
            self.now[on] = {"by": index, **said["trust"]}
            names = ("reason", "at", "verifier", "keyring")
            self.verdicts.append(
                {"entry": index, "on": on, **said["trust"], **{n: said.get(n, "") for n in names}}
            )

    def check_trust(self, index: int, trust: dict[str, Any], at: int) -> str:
        """Whether the keys that are said to have signed a record did, as was known at entry at."""
        level, entry = trust["level"], self.entries[index]
        if level in ("keyless", "channel"):
            return str(level)
        if not self.has(index):
            return "gone"
        claim = Claim(self.read(f"contents/{index}"))
        over = claim.batch if level == "batch" else claim.record
        need(over is not None, f"entry {index} is said to be {level}, and holds no signature")
        assert over is not None
        message, signatures, is_digest = over
        need(trust["signers"], f"entry {index} is said to be {level}, by nobody")
        for id in trust["signers"]:
            why = self.ring.why_not(id, entry["received"])
            need(why is None, f"entry {index}, as judged at entry {at}: {why}")
            key = self.ring.keys[id]
            made = (signed_by(key["spki"], message, s, is_digest=is_digest) for s in signatures)
            need(any(made), f"the key {id} did not sign the record in entry {index}")
            kinds = key["kinds"]
            fits = not kinds or entry["kind"] in kinds or entry["type"] in kinds
            need(fits, f"the key {id} may not sign the kind of record in entry {index}")
        return str(level)

    def check_tables(self) -> None:
        """The tables that the report shows, made again from the entries."""
        rows = []
        for index, e in self.entries.items():
            here = "here" if self.has(index) else "erased" if index in self.erased else "absent"
            copied = ("kind", "type", "producer", "occurred", "received")
            row = {"entry": index, "door": e["trust"], "now": self.now[index], "content": here}
            erased = self.erased.get(index)
            rows.append({**{k: e[k] for k in copied}, **row, "erased_by": erased})
        need(self.read_json("custody.json") == rows, "custody.json is not what the entries say")
        need(self.read_json("verdicts.json") == self.verdicts, "verdicts.json is not what they say")
        names = ("state", "valid_from", "valid_to", "compromised_since", "owner", "replaces")
        shown = {k["id"]: k for k in self.read_json("keys.json")["keys"]}
        need(shown.keys() == self.ring.keys.keys(), "keys.json is of other keys")
        for id, key in self.ring.keys.items():
            same = all(shown[id][n] == key[n] for n in names)
            changes = [c["entry"] for c in shown[id]["changes"]] == key["changes"]
            need(same and changes, f"keys.json does not show {id} as the key records do")
        self.tell(
            "custody.json, verdicts.json and keys.json say what the records say",
            "times, senders, trust, signers and key histories in these tables were derived again",
            "statements.json and gaps.json: what a record means is a reading of its content",
        )


def main() -> int:
    parser = argparse.ArgumentParser(description="Check an audit report again.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--log-key", metavar="KEY", help="the log's verifier key, or its file")
    parser.add_argument("--witness", metavar="KEY", action="append", default=[])
    given = parser.parse_args()

    def key(text: str) -> str:
        path = Path(text)
        return (path.read_text(encoding="utf-8") if path.is_file() else text).strip()

    log_key = key(given.log_key) if given.log_key is not None else None
    check = Check(given.folder, log_key, [key(w) for w in given.witness])
    try:
        check.run()
    except (Wrong, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        said = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
        print(f"{check.told + 1}. FAILED  {said}\nFAILED: this report is not what it claims to be")
        return 1
    for why in check.unproven:
        print(f"   open: {why}")
    print("UNPROVEN: nothing is wrong, but see above" if check.unproven else "PROVEN")
    return 2 if check.unproven else 0


if __name__ == "__main__":
    sys.exit(main())
