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

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # a file of the folder, named like a library, would be run in its place

import argparse
import base64
import hashlib
import json
import re
from bisect import bisect_left
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

FORMAT = "wherefrom-audit-report/1"
OWN = "application/vnd.wherefrom."
TABLES = ("custody", "gaps", "keys", "logkeys", "question", "statements", "verdicts")
ALWAYS = {"checkpoint", "proof", "report.html", "verify.py", *(f"{t}.json" for t in TABLES)}
NUMBER = "(0|[1-9][0-9]{0,15})"
NAME = re.compile(rf"report\.pdf|entries/{NUMBER}|contents/{NUMBER}(\.nonce)?")
ED25519 = b"0*0\x05\x06\x03+ep\x03!\0"  # what SubjectPublicKeyInfo has before the key's 32 bytes


class Wrong(Exception):
    """Something is not as it must be; the text says what."""


# What else is raised over bytes that are not as they must be.
UNREADABLE = (Wrong, OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError,
              ArithmeticError, UnsupportedAlgorithm)  # fmt: skip


class Missing(Exception):
    """Something that is needed to go on is not there; the text says what."""


def need(holds: object, says: str) -> None:
    if not holds:
        raise Wrong(says)


def say(line: str) -> None:
    """A line; what a stranger wrote in it cannot move the cursor or turn the line around."""
    print("".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in line))


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def key_id(spki: bytes) -> str:
    return "k:" + sha256(spki).hex()[:32]


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

    return json.loads(written.decode(), object_pairs_hook=once)


def spelled(value: Any) -> bytes:
    """The one spelling of the JSON files that this report was made with."""
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


# -- signatures ------------------------------------------------------------------------------------


@cache
def loaded(spki: bytes) -> Any:
    return serialization.load_der_public_key(spki)


def signed_by(spki: bytes, message: bytes, signature: bytes, is_digest: bool = False) -> bool:
    """Whether the key (SubjectPublicKeyInfo, DER) made ``signature`` over ``message``."""
    key, tries = loaded(spki), [signature]
    if isinstance(key, ed25519.Ed25519PublicKey):
        ways: list[Any] = [()]
    elif isinstance(key, ec.EllipticCurvePublicKey):
        kinds: Any = {256: hashes.SHA256, 384: hashes.SHA384, 521: hashes.SHA512}
        kind, half = kinds[key.key_size](), (key.key_size + 7) // 8
        ways = [(ec.ECDSA(utils.Prehashed(kind) if is_digest else kind),)]
        if len(signature) == 2 * half:  # r and s side by side, as COSE and JOSE write them
            r, s = (int.from_bytes(n, "big") for n in (signature[:half], signature[half:]))
            tries.append(utils.encode_dss_signature(r, s))
    elif isinstance(key, rsa.RSAPublicKey):
        sha: Any = utils.Prehashed(hashes.SHA256()) if is_digest else hashes.SHA256()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
        ways = [(padding.PKCS1v15(), sha), (pss, sha)]
    else:
        return False
    for one in tries:
        for way in ways:
            try:
                key.verify(one, message, *way)
                return True
            except (InvalidSignature, ValueError):
                continue
    return False


def envelope_of(document: dict[str, Any]) -> tuple[bytes, list[bytes], str, bytes]:
    """Of a DSSE envelope: what was signed, the signatures, the type, the payload."""

    def read(text: str) -> bytes:
        return unbase64(text.replace("-", "+").replace("_", "/"))

    payload, kind = read(document["payload"]), document["payloadType"]
    message = b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)
    return message, [read(s["sig"]) for s in document["signatures"]], kind, payload


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
    items: list[Any] = []
    if info == 31:  # of no stated length: items until a break
        while data[at] != 0xFF:
            item, at = cbor_item(data, at)
            items.append(item)
        return (b"".join(items) if major in (2, 3) else items if major == 4 else None), at + 1
    if info >= 24:
        need(info <= 27, "CBOR of a kind that is not read here")
        width = 1 << info - 24
        info, at = int.from_bytes(data[at : at + width], "big"), at + width
    if major in (2, 3):
        need(at + info <= len(data), "CBOR that ends too early")
        return data[at : at + info], at + info
    for _ in range({4: info, 5: 2 * info, 6: 1}.get(major, 0)):
        item, at = cbor_item(data, at)
        items.append(item)
    return (items if major == 4 else items[0] if major == 6 else None), at


def cbor_bytes(value: bytes) -> bytes:
    if len(value) < 24:
        return bytes([0x40 + len(value)]) + value
    power = next(p for p in (0, 1, 2) if len(value) < 256 ** (1 << p))
    return bytes([0x58 + power]) + len(value).to_bytes(1 << power, "big") + value


Signed = tuple[bytes, list[bytes], bool]  # the message, signatures over it, is it a digest?


def signatures_in(content: bytes) -> dict[str, Signed]:
    """What is signed in a content: ``signed``, the record; ``batch``, the batch it came in."""
    if content[:2] == b"\xd2\x84":  # COSE_Sign1 (RFC 9052), as in SCITT statements
        protected, _, payload, signature = cbor_item(content, 0)[0]
        message = b"\x84\x6aSignature1" + cbor_bytes(protected) + b"\x40"
        none = payload is None
        return {} if none else {"signed": (message + cbor_bytes(payload), [signature], False)}
    document = parse_json(content)
    if document.get("mediaType") == "application/vnd.wherefrom-batched.v1+json":
        record = unbase64(document["record"])
        message, signatures, kind, payload = envelope_of(document["batch"])
        need(kind == "application/vnd.wherefrom-batch.v1+json", "a batch of another type")
        root, path = parse_json(payload), unbase64(document["path"])
        steps = [path[i : i + 32] for i in range(0, len(path), 32)]
        reached = climb(sha256(b"\0", record), document["index"], root["size"], steps)
        need(reached == unbase64(root["root"]), "the path does not lead to the batch's root")
        try:
            inner = signatures_in(record)
        except (ValueError, AttributeError):
            inner = {}  # the record in it is no JSON object
        return inner | {"batch": (message, signatures, False)}
    if "payload" in document and "payloadType" in document:
        message, signatures, _, _ = envelope_of(document)
        return {"signed": (message, signatures, False)}
    if "signed" in document and "signatures" in document:
        made = [s["sig"] for s in document["signatures"] if not s.get("other_headers")]
        message = canonical(document["signed"]).encode()
        return {"signed": (message, [bytes.fromhex(s) for s in made], False)}
    if document.get("kind") == "hashedrekord" and "spec" in document:
        spec = document["spec"]["hashedRekordV002"]
        digest, signature = spec["data"]["digest"], spec["signature"]["content"]
        return {"signed": (unbase64(digest), [unbase64(signature)], True)}
    return {}


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


class Note:
    """A text and signature lines under it (C2SP signed-note): ``— name base64(id, signature)``."""

    def __init__(self, written: str) -> None:
        text, _, lines = written.rpartition("\n\n")
        self.text = text + "\n"
        split = [line.split(" ") for line in lines.removesuffix("\n").split("\n")]
        need(all(len(s) == 3 and s[0] == "\u2014" for s in split), "a bad signature line")
        self.lines = [(name, unbase64(encoded)) for _, name, encoded in split]

    def signed_at(self, vkey: str) -> int | None:
        """When, in seconds, this key signed; 0 if it does not say so, None if it did not sign."""
        try:
            name, id, encoded = vkey.split("+", 2)
            kind, public = unbase64(encoded)[0], unbase64(encoded)[1:]
        except (ValueError, IndexError):
            raise Wrong(f"a key that cannot be read: {vkey[:60]}") from None
        named = b"" if kind == 2 else name.encode() + b"\n" + bytes([kind])
        need(id == sha256(named, public)[:4].hex(), f"the key of {name} has a wrong key id")
        need(kind in (1, 2, 4, 6), f"the key of {name} is of an unknown type")
        made = [s[4:] for n, s in self.lines if n == name and s[:4].hex() == id]
        if not made:
            return None
        message, signature, time = self.text.encode(), made[0], 0
        if kind in (4, 6):
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = f"cosignature/v1\ntime {time}\n{self.text}".encode()
        right = (
            self.by_mldsa(name, public, time, signature)
            if kind == 6
            else signed_by(public if kind == 2 else ED25519 + public, message, signature)
        )
        need(right, f"the signature of {name} on the checkpoint or a change of keys is wrong")
        return time

    def by_mldsa(self, name: str, public: bytes, time: int, signature: bytes) -> bool:
        """Of a checkpoint, by ML-DSA-44 (C2SP tlog-cosignature)."""
        first, size, root = self.text.split("\n")[:3]
        ends = b"".join(n.to_bytes(8, "big") for n in (0, int(size))) + unbase64(root)
        cosigner, origin = (bytes([len(t.encode())]) + t.encode() for t in (name, first))
        message = b"subtree/v1\n\0" + cosigner + time.to_bytes(8, "big") + origin + ends
        try:
            from cryptography.hazmat.primitives.asymmetric import mldsa

            mldsa.MLDSA44PublicKey.from_public_bytes(public).verify(signature, message)
        except (ImportError, UnsupportedAlgorithm):
            raise Missing(f"the key of {name} needs cryptography 47 or newer") from None
        except (InvalidSignature, ValueError):
            return False
        return True


# -- the keys that the log named, and what became of them ------------------------------------------


class Keyring:
    """Folded from key records in the order of the log."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}  # as keys.json shows them
        self.administrators: dict[str, Any] | None = None
        self.versions: dict[str, int] = {}
        self.digest = ""

    def signed(self, id: str, message: bytes, signatures: list[bytes], is_digest: bool) -> bool:
        spki = unbase64(self.keys[id]["spki"])
        return any(signed_by(spki, message, s, is_digest) for s in signatures)

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

    def may_change(self, kind: str, change: dict[str, Any], signers: set[str], at: str) -> bool:
        """Whether enough of those who must agree signed this change, of the ring as it is now."""
        if kind in ("intake", "root") and change["version"] != self.versions.get(kind, 0) + 1:
            return False
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
        if change.get("action") in ("retire", "revoke"):  # a key may end itself,
            return change["key"] in counted
        if change.get("replaces") not in counted - named:  # or name the one that replaces it
            return False
        before, same = self.keys[change["replaces"]], ("owner", "kinds", "scopes")
        new = change["key"] not in self.keys
        return new and all((change.get(n) or []) == (before[n] or []) for n in same)

    def fold(self, index: int, kind: str, change: dict[str, Any], payload: bytes) -> None:
        if kind in ("intake", "root"):
            self.versions[kind] = change["version"]
            return
        if kind == "administrators":
            self.administrators = change
        else:
            self.fold_key(index, change)
        self.digest = sha256(f"{self.digest} {index} ".encode(), payload).hex()

    def fold_key(self, index: int, change: dict[str, Any]) -> None:
        id, action = change["key"], change["action"]
        spki = unbase64(change["spki"])
        need(id == key_id(spki), f"the key record {index} names a key by another key's id")
        public, before = loaded(spki), self.keys.get(id, {})
        curve = f"ecdsa-p{public.key_size}" if hasattr(public, "curve") else "ed25519"
        key: dict[str, Any] = {
            "id": id, "spki": change["spki"], "entry": index, "compromised_since": None,
            "state": {"trust": "active", "retire": "retired", "revoke": "revoked"}[action],
            "algorithm": "rsa" if isinstance(public, rsa.RSAPublicKey) else curve,
            "names": list(dict.fromkeys([*before.get("names", ()), *change.get("names", ())])),
        }  # fmt: skip
        key |= {n: change.get(n) for n in ("since", "valid_from", "valid_to", "replaces")}
        key |= {n: change.get(n, "") for n in ("reason", "owner")}
        key |= {n: change.get(n, []) for n in ("kinds", "scopes")}
        if action != "trust" and before:
            key |= {n: before[n] for n in ("owner", "kinds", "scopes", "replaces", "valid_from")}
            ends = change.get("since" if action == "retire" else "compromised_since")
            key["valid_to"] = min(filter(None, (ends, before["valid_to"])), default=None)
            key["compromised_since"] = change.get("compromised_since")
            if before["state"] == "revoked":
                since = [before["compromised_since"], key["compromised_since"]]
                times = since[: 1 if action == "retire" else 2]
                key["state"] = "revoked"
                key["compromised_since"] = min(times) if all(times) else None
        said = {n: change.get(n) for n in ("since", "compromised_since")}
        said |= {"entry": index, "action": action, "reason": key["reason"]}
        key["changes"] = before.get("changes", [])
        key["changes"].append(said)
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
        say(f"{self.told}. OK  {title}")
        say(f"   proves:  {proves}")
        say(f"   but not: {not_proves}")

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
        manifest = parse_json(written := path.read_bytes())
        need(manifest.get("format") == FORMAT, f"not a report of the format {FORMAT}")
        need(spelled(manifest) == written, "manifest.json is not in its one spelling")
        need(manifest.keys() == {"files", "format"}, "manifest.json holds what it should not")
        self.files = manifest["files"]
        lacks = sorted(ALWAYS - self.files.keys())
        need(not lacks, f"files that every report has are not in it: {', '.join(lacks)}")
        for name in self.files:
            need(name in ALWAYS or NAME.fullmatch(name), f"a strange name in the manifest: {name}")
            self.read(name)
        found = {p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*")}
        more = found - self.files.keys() - {"manifest.json", "entries", "contents"}
        need(not more, f"what is not part of the report: {', '.join(sorted(more))[:200]}")
        links = [p for p in (path, *self.folder.iterdir()) if p.is_symlink()]
        need(not links, "a link in the place of a file or folder")
        self.tell(
            f"{len(self.files)} files are those that manifest.json lists",
            f"the folder is whole; its fingerprint is {sha256(written).hex()}",
            "who made it, or that report.html and report.pdf say what the steps below show",
        )

    def check_checkpoint(self) -> None:
        self.note = Note(self.read("checkpoint").decode())
        self.origin, size, root = self.note.text.split("\n")[:3]
        self.size, self.root = int(size), unbase64(root)
        need(str(self.size) == size, "the size in the checkpoint is not in its one spelling")
        said = {"origin": self.origin, "size": self.size, "root": self.root.hex()}
        asked = self.read_json("question.json")
        need(asked["log"] == said, "question.json is of another checkpoint")
        own = parse_json(envelope_of(parse_json(self.read("contents/0")))[3])
        if self.log_key is None:
            self.unproven.append("no log key was given (--log-key): whose log this is, is open")
        need(
            self.log_key in (None, *self.followed(own["log_key"])),
            "entry 0 is of a log with another key than yours (of an older report, it may be the "
            "same log: then give the key that it had at that time)",
        )
        # Keys of a log change; one that you trust may name another.
        # Without a key of the caller's, the folder is at least held to what it says of itself.
        keys = self.followed(self.log_key or own["log_key"])
        need(all(key.split("+")[0] == self.origin for key in keys), "a key of another log")
        signer = next((key for key in keys if self.note.signed_at(key) is not None), None)
        need(signer, "no key of the log, as far as you can follow them, signed the checkpoint")
        whose = "your key" if self.log_key else "the key that the folder itself names"
        whose = whose if signer == keys[0] else f"{signer}, to which {whose} leads"
        self.tell(
            f"the checkpoint of {self.origin}, {self.size} entries, is signed by {whose}",
            "the holder of that key stated: these entries, in this order, and no others before "
            f"entry {self.size}. It cannot be taken back or stated differently unnoticed",
            "when it was stated; that everybody was shown the same log, unless witnesses say so",
        )
        for witness in self.witnesses:
            name, time = witness.split("+")[0], self.note.signed_at(witness)
            need(time, f"{name} did not cosign the checkpoint, or with a key of another type")
            self.tell(
                f"the witness {name} cosigned it at {datetime.fromtimestamp(time or 0, UTC)}"[:-6]
                + " UTC",
                "an independent party saw this state of the log by then, and none before that "
                "contradicts it",
                "that the witness is independent: that is for you to judge",
            )

    def followed(self, vkey: str) -> list[str]:
        """The keys that follow from this one: each change of them is signed by one that signs."""
        keys, signing, number, since = [vkey], [[vkey, "", "-"]], 0, ""
        for written in self.read_json("logkeys.json"):
            note = Note(written)
            head, origin, nth, at, *named = note.text.removesuffix("\n").split("\n")
            need(head == "wherefrom log keys v1" and origin == self.origin, "a strange key note")
            # One that was replaced, and stolen later, names nobody.
            now = [k for k, start, end in signing if start <= at and (end == "-" or at < end)]
            plain = [k for k in now if unbase64(k.split("+", 2)[2])[:1] in (b"\1", b"\2")]
            if all(note.signed_at(k) is None for k in plain):
                continue
            need(int(nth) > number and at >= since, "two changes of the log's keys in one place")
            signing, number, since = [line.split(" ") for line in named], int(nth), at
            keys += [k for k, _, _ in signing if k not in keys]
        return keys

    def check_entries(self) -> None:
        leaves = {}
        names = (n for n in self.files if n.startswith("entries/"))
        for index in sorted(int(name.removeprefix("entries/")) for name in names):
            entry = parse_json(written := self.read(f"entries/{index}"))
            one = json.dumps(entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            need(one.encode() == written and entry["v"] == 1, f"entry {index} is no entry")
            self.entries[index], leaves[index] = entry, sha256(b"\0", written)
        among = list(leaves)
        need(0 in leaves and among[-1] < self.size, "entry 0 is missing, or one is too many")
        rest = iter([unbase64(line) for line in self.read("proof").decode().splitlines()])

        def root_of(start: int, end: int, first: int, last: int) -> bytes:
            """The root over leaves start to end; among[first:last] are those that are here."""
            if first == last:  # none of them is here: its root stands in the proof
                return next(rest)
            if end - start == 1:
                return leaves[start]
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            cut = bisect_left(among, middle, first, last)
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
        self.absent = [index for index in self.entries if not self.has(index)]
        here = [f"contents/{index}" for index in self.entries if self.has(index)]
        there = {name for name in self.files if name.startswith("contents/")}
        need(there == {*here, *(f"{name}.nonce" for name in here)}, "a content without its entry")
        for name in here:
            entry = self.entries[int(name.removeprefix("contents/"))]
            content, nonce = self.read(name), self.read(f"{name}.nonce")
            right = entry["content"] == "sha256:" + sha256(nonce, content).hex()
            right = right and len(nonce) == 16 and entry["size"] == len(content)
            need(right, f"{name} is not what its entry says")
        self.tell(
            f"{len(here)} contents are those that the entries commit to",
            "each document here is, to the byte, the one that was received",
            f"anything about {len(self.absent)} contents that are not here"
            if self.absent
            else "who wrote it",
        )

    def check_records(self) -> None:
        """Entry by entry, as the log grew: keys, who signed what, verdicts, erasures."""
        self.now = {i: {"by": None, **e["trust"]} for i, e in self.entries.items()}
        self.verdicts: list[dict[str, Any]] = []
        self.erased: dict[int, int] = {}
        n = dict.fromkeys(("self", "signed", "batch", "keyless", "channel", "gone"), 0)
        for index, entry in self.entries.items():
            level = entry["trust"]["level"]
            if level == "self" and self.has(index):
                self.check_own(index, entry)
            elif level != "self":
                level = self.check_trust(index, entry["trust"], index)
            n[level] += 1
        self.tell(
            f"{n['self']} records of the log's keeper are signed by the service key of entry 0",
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
        say(
            f"   not checked again here: {n['keyless']} keyless signatures (a certificate of "
            f"Sigstore), {n['channel']} records that no known key signed, and {n['gone']} whose "
            "content is not here: the log's word"
        )
        # The keeper's own decisions are never erased: without one, keys could be other than shown.
        own = {i for i in self.absent if self.entries[i]["trust"]["level"] == "self"}
        silent = sorted(set(self.absent) - self.erased.keys() | own)
        if silent:
            shown = ", ".join(map(str, silent[:20]))
            self.unproven.append(f"no record here says why these contents are absent: {shown}")
        self.tell(
            f"{len(self.verdicts)} later verdicts and {len(self.erased)} erasures are in order",
            "the trust shown for each entry is that of the latest verdict in this folder",
            "that no later verdict was left out of this folder, unless all entries are here",
        )

    def check_own(self, index: int, entry: dict[str, Any]) -> None:
        """A decision of the log's keeper: whether the service key made it, and what follows."""
        message, signatures, type, payload = envelope_of(parse_json(self.read(f"contents/{index}")))
        need(entry["type"] == type, f"entry {index} is of another type than its content")
        need(type.startswith(OWN), f"record {index} is of a type that the keeper does not write")
        kind, said = type.removeprefix(OWN).removesuffix(".v1+json"), parse_json(payload)
        if index == 0:
            right = kind == "genesis" and said["origin"] == self.origin
            need(right, "entry 0 is no genesis")
            self.service_key = unbase64(said["service_key"])
        id, signers = key_id(self.service_key), entry["trust"]["signers"]
        need(signers == [id], f"entry {index} names another service key")
        first = signed_by(self.service_key, message, signatures[0])
        need(first, f"the service key did not sign the decision in entry {index}")
        if kind in ("key", "administrators", "intake", "root"):
            more, keys = signatures[1:], self.ring.keys
            others = {
                i for i in (keys if more else ()) if self.ring.signed(i, message, more, False)
            }
            if self.ring.may_change(kind, said, others, entry["received"]):
                self.ring.fold(index, kind, said, payload)
        elif kind == "tombstone":
            self.erased.setdefault(said["entry"], index)
        elif kind == "verdict" and said["entry"] in self.entries and said["entry"] < index:
            on = said["entry"]
            here = said.get("content") in (None, "", self.entries[on]["content"])
            need(here, f"the verdict in entry {index} is on another content")
            ring = said.get("keyring", "")
            need(ring in ("", self.ring.digest), f"key records before entry {index} are missing")
            self.check_trust(on, said["trust"], index)
            self.now[on] = {"by": index, **said["trust"]}
            names = ("reason", "at", "verifier", "keyring")
            rest = {name: said.get(name, "") for name in names}
            self.verdicts.append({"entry": index, "on": on, **said["trust"], **rest})

    def check_trust(self, index: int, trust: dict[str, Any], at: int) -> str:
        """Whether the keys that are said to have signed a record did, as was known at entry at."""
        level, entry = str(trust["level"]), self.entries[index]
        if level in ("keyless", "channel"):
            return level
        if not self.has(index):
            return "gone"
        over = signatures_in(self.read(f"contents/{index}")).get(level)
        need(over, f"entry {index} is said to be {level}, and holds no signature")
        need(trust["signers"], f"entry {index} is said to be {level}, by nobody")
        for id in trust["signers"]:
            why = self.ring.why_not(id, entry["received"])
            need(why is None, f"entry {index}, as judged at entry {at}: {why}")
            made = over and self.ring.signed(id, *over)
            need(made, f"the key {id} did not sign the record in entry {index}")
            kinds = self.ring.keys[id]["kinds"]
            fits = not kinds or entry["kind"] in kinds or entry["type"] in kinds
            need(fits, f"the key {id} may not sign the kind of record in entry {index}")
        return level

    def check_tables(self) -> None:
        """The tables that the report shows, made again from the entries."""
        rows = []
        for index, e in self.entries.items():
            here = "here" if self.has(index) else "erased" if index in self.erased else "absent"
            row = {n: e[n] for n in ("kind", "type", "producer", "occurred", "received")}
            row |= {"entry": index, "door": e["trust"], "now": self.now[index], "content": here}
            rows.append(row | {"erased_by": self.erased.get(index)})
        keys = {"keys": [self.ring.keys[id] for id in sorted(self.ring.keys)]}
        tables = {"custody.json": rows, "verdicts.json": self.verdicts, "keys.json": keys}
        for name, made in tables.items():
            need(self.read(name) == spelled(made), f"{name} is not what the records say")
        self.tell(
            "custody.json, verdicts.json and keys.json say what the records say",
            "times, senders, trust, signers and key histories in these tables were derived again",
            "statements.json and gaps.json: what a record means is a reading of its content; that "
            "the records here are all that question.json asks for",
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
    except Missing as lack:
        check.unproven.append(f"{lack}; what follows was not checked")
    except UNREADABLE as error:
        said = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
        say(f"{check.told + 1}. FAILED  {said}")
        say("FAILED: this report is not what it claims to be")
        return 1
    for why in check.unproven:
        say(f"   open: {why}")
    say("UNPROVEN: nothing is wrong, but see above" if check.unproven else "PROVEN")
    return 2 if check.unproven else 0


if __name__ == "__main__":
    sys.exit(main())
