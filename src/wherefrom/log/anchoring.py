"""Anchor the newest published checkpoint, again and again: in Rekor v2 logs, and by timestamps.

    published ──text──► signed by the anchor key ──► every log and every authority at once
                                             └─ their answers, checked ──► DIR/anchors

It goes by its own schedule and nothing waits for it. What one of them answers is checked as an
auditor would before it is kept; one that does not answer, or answers wrongly, is left out and told,
and the others are kept. If nobody answers, it is tried again a little later.

Source: docs/formats/anchor.md; rekor-tiles, CLIENTS.md; RFC 3161 §3.4 (over HTTP)
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from wherefrom.collect.principals import write_secret
from wherefrom.errors import Error, SettingError, Unavailable
from wherefrom.formats import anchor as anchors
from wherefrom.formats import note as notes
from wherefrom.formats import rfc3161_request, strict_json
from wherefrom.formats.anchor import Anchor, AnchorSettings
from wherefrom.formats.checkpoint import parse as parse_checkpoint
from wherefrom.keys.public import PublicKey
from wherefrom.log.anchors import AnchorFolder
from wherefrom.verify.anchors import check
from wherefrom.verify.sigstore import trusted_root

RETRY_SECONDS: Final = 60.0
TIMEOUT_SECONDS: Final = 20.0
ANSWER_BYTES_MAX: Final = 256 * 1024
_JSON: Final = "application/json"


class AnchorKey:
    """A P-256 key that signs checkpoints for others to hold; made when it is first asked for."""

    def __init__(self, path: Path) -> None:
        """Raises SettingError for a file that holds no such key."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        if not path.exists():
            made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_secret(path, made.decode())
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError):
            raise SettingError("not a private key", where=str(path), do="Remove it") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise SettingError("not a P-256 key", where=str(path), do="Remove it")
        self._key = key
        self.public = PublicKey(
            key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def sign(self, text: str) -> bytes:
        """A signature in DER, another one each time."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        return self._key.sign(text.encode(), ec.ECDSA(hashes.SHA256()))


class Anchoring:
    """The schedule of one log. Made, run and closed on one event loop.

    published   gives the newest published checkpoint; raises Unavailable while there is none
    on_trouble  is told in a line what failed, and not again for the same
    """

    def __init__(
        self,
        *,
        settings: AnchorSettings,
        published: Callable[[], bytes],
        key: AnchorKey,
        kept: AnchorFolder,
        on_trouble: Callable[[str], None] = lambda says: None,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self._settings = settings
        self._root = trusted_root.parse(settings.root.encode())
        self._published = published
        self._key = key
        self._kept = kept
        self._on_trouble = on_trouble
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._told = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin the schedule."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """End it; what is under way is given up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._client.aclose()

    async def _run(self) -> None:
        while True:
            try:
                await self.once()
                pause = float(self._settings.every_s)
            except Error as error:
                self._tell(str(error))
                pause = min(RETRY_SECONDS, self._settings.every_s)
            except Exception as error:  # noqa: BLE001 - a slip of ours must not end the schedule
                self._tell(f"a checkpoint cannot be anchored: {error!r}")
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def once(self) -> Anchor | None:
        """Anchor what is published, unless it is anchored already. Raises Error if nobody did."""
        note = await asyncio.to_thread(self._published)
        text = notes.parse(note).text
        size = parse_checkpoint(text).size
        if size in (await asyncio.to_thread(self._kept.sizes))[-1:]:
            return None
        signature = self._key.sign(text)
        logs, stamps = await asyncio.gather(
            asyncio.gather(*(self._entry(u, note, text, signature) for u in self._settings.logs)),
            asyncio.gather(*(self._stamp(u, note, text, signature) for u in self._settings.stamps)),
        )
        failed = [str(answer) for answer in (*logs, *stamps) if isinstance(answer, Error)]
        if len(failed) == len(logs) + len(stamps):
            raise Unavailable(
                "nobody holds the newest checkpoint",
                got="; ".join(failed),
                do="It is tried again; wherefrom doctor tells who does not answer",
            )
        # Two addresses may lead to one log or one authority; a verifier wants each answer once.
        entries = [*{_place(e): e for e in logs if not isinstance(e, Error)}.values()]
        stamped = [*dict.fromkeys(s for s in stamps if not isinstance(s, Error))]
        made = self._made(note, text, signature, entries, stamped)
        try:
            # Each holds alone; that they hold together is what an auditor will ask.
            await asyncio.to_thread(self._check, made)
        except Error as error:
            failed.append(f"the logs, at the time that was stamped: {error}")
            if not stamped:
                raise Unavailable(
                    "nobody holds the newest checkpoint",
                    got=str(error),
                    do="It is tried again; wherefrom doctor tells who does not answer",
                ) from error
            made = self._made(note, text, signature, [], stamped)
        await asyncio.to_thread(self._kept.keep, made)
        if failed:
            self._tell("not anchored by " + "; ".join(failed))
        else:
            self._told = ""
        return made

    def _made(
        self,
        note: bytes,
        text: str,
        signature: bytes,
        entries: list[dict[str, Any]],
        stamps: list[bytes],
    ) -> Anchor:
        bundle = anchors.bundle_of(
            text, signature=signature, hint=self._key.public.id, entries=entries, stamps=stamps
        )
        return Anchor(note=note.decode(), key=self._key.public.to_pem(), bundle=bundle)

    def _check(self, made: Anchor) -> None:
        check(made, root=self._root, now=datetime.now(UTC))

    # What one of them answers, once it holds; or why it does not.

    async def _entry(
        self, url: str, note: bytes, text: str, signature: bytes
    ) -> dict[str, Any] | Error:
        asked = anchors.rekor_request(text, signature=signature, spki=self._key.public.spki)
        where = f"{url.rstrip('/')}/api/v2/log/entries"
        try:
            answer = await self._post(where, msgspec.json.encode(asked), _JSON)
            entry = strict_json.as_object(strict_json.decode(answer), where="answer")
            made = self._made(note, text, signature, [entry], [])
            await asyncio.to_thread(self._check, made)
            return entry
        except Error as error:
            return _at(url, error)

    async def _stamp(self, url: str, note: bytes, text: str, signature: bytes) -> bytes | Error:
        body = rfc3161_request.to_bytes(hashlib.sha256(signature).digest())
        try:
            stamp = await self._post(url, body, rfc3161_request.MEDIA_TYPE)
            made = self._made(note, text, signature, [], [stamp])
            await asyncio.to_thread(self._check, made)
            return stamp
        except Error as error:
            return _at(url, error)

    async def _post(self, url: str, body: bytes, media_type: str) -> bytes:
        headers = {"Content-Type": media_type}
        try:
            async with self._client.stream("POST", url, content=body, headers=headers) as answer:
                read = bytearray()
                async for piece in answer.aiter_bytes():
                    read += piece
                    if len(read) > ANSWER_BYTES_MAX:
                        raise Unavailable(
                            "answers too much", expected=f"{ANSWER_BYTES_MAX} bytes at most"
                        )
                if answer.status_code not in (200, 201):
                    raise Unavailable("refuses", got=f"HTTP {answer.status_code}")
                return bytes(read)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable("does not answer", got=type(error).__name__) from error

    def _tell(self, says: str) -> None:
        if says != self._told:
            self._told = says
            self._on_trouble(says)


def _place(entry: dict[str, Any]) -> tuple[str, str]:
    """Which entry of which log this is, of one that was checked."""
    return entry["logId"]["keyId"], str(entry.get("logIndex"))


def _at(url: str, error: Error) -> Error:
    """The error, with the address at which it came; a token in that is nobody's to read."""
    address = urlsplit(url)
    shown = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    return Unavailable(f"{shown}: {error}")
