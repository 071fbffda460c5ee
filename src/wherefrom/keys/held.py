"""Keys that another holds: a cloud's KMS, Vault, or a PKCS#11 token. One URI each.

    FILE.key                           PEM on disk (``pem``)
    awskms:ID or alias/NAME            AWS KMS                    ┐ securesystemslib's signers, with
    gcpkms:projects/…/1                Google Cloud KMS           │ credentials from where each
    azurekms://VAULT…/keys/NAME        Azure Key Vault            │ vendor's own tools look for them
    hv:NAME                            HashiCorp Vault Transit    ┘
    pkcs11:token=T;object=O?module-path=…&pin-source=…            RFC 7512, by python-pkcs11

Whoever holds the key is asked for the public half first, and what it signs is checked under that
half before it is used: a signature that fails is told here, not found in the log later.

The libraries are extras (``wherefrom[kms]``, ``wherefrom[hsm]``) and are imported when asked for.

Source: RFC 7512 (PKCS#11 URIs); PKCS #11 v3.0 §2.3.14 (EdDSA)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from wherefrom.errors import Error, SettingError, SignatureError, Unavailable
from wherefrom.keys.ed25519 import PUBLIC_KEY_BYTES, spki_der
from wherefrom.keys.key_uris import SCHEMES, is_held_elsewhere
from wherefrom.keys.pem import read_signing_key
from wherefrom.keys.public import PublicKey

_SECRET_BYTES_MAX: Final = 64 * 1024


class Signer(Protocol):
    """Whatever signs: a key in memory, or one that another holds."""

    @property
    def id(self) -> str:
        """``k:`` + 32 hex of SHA-256(SubjectPublicKeyInfo DER)."""

    def sign(self, message: bytes) -> bytes:
        """A signature as ``PublicKey.check`` takes it."""


class HeldKey:
    """A key that another holds: ``public`` is its public half."""

    def __init__(self, where: str, public: PublicKey, ask: Callable[[bytes], bytes]) -> None:
        self.where = where
        self.public = public
        self._ask = ask

    @property
    def id(self) -> str:
        """``k:`` + 32 hex of SHA-256(SubjectPublicKeyInfo DER)."""
        return self.public.id

    def sign(self, message: bytes) -> bytes:
        """Ask for a signature. Raises Unavailable if there is none to be had."""
        try:
            signature = self._ask(message)
        except Error:
            raise
        except Exception as error:
            raise _unavailable(self.where, error) from error
        try:
            self.public.check(message, signature)
        except SignatureError as error:
            raise Unavailable(
                "the signature that came is not by the key that was asked for",
                where=self.where,
                expected=self.id,
                do="Was the key rotated there? Give the version in the URI",
            ) from error
        return signature


def open_signer(where: str) -> Signer:
    """The key at a URI or in a file. Raises SettingError, Unavailable."""
    if is_held_elsewhere(where):
        return open_held(where)
    try:
        with Path(where).open("rb") as file:
            return read_signing_key(file.read(_SECRET_BYTES_MAX), where=where)
    except OSError as error:
        raise SettingError(
            "cannot read the key", where=where, got=error.strerror or str(error),
            expected=f"a PEM file, or a URI: {' '.join(s + ':' for s in SCHEMES)}",
            do="Name a file that is there and that this user may read",
        ) from error  # fmt: skip


def open_held(uri: str) -> HeldKey:
    """The key at a URI, once its holder has shown the public half. Raises SettingError,
    Unavailable."""
    scheme = uri.partition(":")[0]
    opening = _open_token if scheme == "pkcs11" else _open_kms
    try:
        return opening(uri)
    except Error:
        raise
    except ImportError as error:
        extra = "hsm" if scheme == "pkcs11" else "kms"
        raise SettingError(
            f"keys of {scheme} need a library that is not installed",
            where=uri,
            got=str(error),
            do=f"pip install 'wherefrom[{extra}]'",
        ) from error
    except Exception as error:
        raise _unavailable(uri, error) from error


def _unavailable(where: str, error: Exception) -> Unavailable:
    """What a vendor's library raised, in our words: there is no common class to catch."""
    return Unavailable(
        "whoever holds the key does not answer as it should",
        where=where,
        got=f"{type(error).__name__}: {error}".rstrip(": "),
        do="Check the address, the credentials and the key's state there",
    )


# -- clouds


def _open_kms(uri: str) -> HeldKey:
    private, public = _import(uri)
    signer = _signers().Signer.from_priv_key_uri(private, public)
    return HeldKey(uri, _public_of(public, uri), lambda message: _bytes_of(signer.sign(message)))


def _import(uri: str) -> tuple[str, Any]:
    """Ask for the public half: the library's own URI, and its form of a key."""
    from securesystemslib.exceptions import UnsupportedLibraryError

    signer = _signers()
    scheme, _, rest = uri.partition(":")
    try:
        if scheme == "awskms":
            return _pair(signer.AWSSigner.import_(rest))
        if scheme == "gcpkms":
            return _pair(signer.GCPSigner.import_(rest))
        if scheme == "hv":
            return _pair(signer.VaultSigner.import_(rest.partition("/")[0]))
        parts = urlsplit(uri)
        vault, name = parts.netloc.partition(".")[0], parts.path.removeprefix("/keys/")
        if not vault or not name or name.startswith("/"):
            raise SettingError(
                "not the address of a key in Azure", where=uri,
                expected="azurekms://VAULT.vault.azure.net/keys/NAME",
                do="Copy the key identifier from Azure, and write azurekms:// for https://",
            )  # fmt: skip
        return _pair(signer.AzureSigner.import_(vault, name))
    except UnsupportedLibraryError as error:
        raise ImportError(str(error)) from error


def _signers() -> Any:
    """The library's signers: what it offers there is not marked as exported."""
    return import_module("securesystemslib.signer")


def _pair(imported: tuple[str, Any]) -> tuple[str, Any]:
    return imported


def _public_of(key: Any, where: str) -> PublicKey:
    written: str = key.keyval["public"]
    if key.keytype == "ed25519":
        return PublicKey(spki_der(bytes.fromhex(written)), where=where)
    return PublicKey.from_pem(written.encode(), where=where)


def _bytes_of(signature: Any) -> bytes:
    return bytes.fromhex(signature.signature)


# -- tokens


def _open_token(uri: str) -> HeldKey:
    import pkcs11
    from pkcs11.util import ec

    path, query = _parts_of(uri)
    module = query.get("module-path") or os.environ.get("WHEREFROM_PKCS11_MODULE")
    if not module:
        raise SettingError(
            "the URI does not say which PKCS#11 library to load",
            where=uri,
            expected="?module-path=/path/to/library.so",
            do="Or set WHEREFROM_PKCS11_MODULE",
        )
    token = pkcs11.lib(module).get_token(token_label=path.get("token"))
    try:
        session = token.open(user_pin=_pin_of(query, uri))
    except pkcs11.UserAlreadyLoggedIn:  # a login is the whole process's
        session = token.open()
    id = path["id"].encode("latin-1") if "id" in path else None
    label = path.get("object")
    if id is None and label is None:
        raise SettingError(
            "the URI names no key",
            where=uri,
            expected="object=NAME or id=%01",
            do="Add object= or id= to it",
        )
    held, shown = (
        cast(Any, session.get_key(object_class=kind, label=label, id=id))
        for kind in (pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.ObjectClass.PUBLIC_KEY)
    )
    if held.key_type == pkcs11.KeyType.EC_EDWARDS:
        # CKA_EC_POINT is the 32 bytes in an OCTET STRING; some tokens leave the frame out.
        point = bytes(shown[pkcs11.Attribute.EC_POINT])
        public = PublicKey(spki_der(point[-PUBLIC_KEY_BYTES:]), where=uri)
        return HeldKey(uri, public, lambda m: bytes(held.sign(m, mechanism=pkcs11.Mechanism.EDDSA)))
    if held.key_type == pkcs11.KeyType.EC:
        public = PublicKey(ec.encode_ec_public_key(shown), where=uri)
        return HeldKey(uri, public, lambda m: _ecdsa(held, public, m))
    raise SettingError(
        "a key of a kind that signs nothing here", where=uri, expected="Ed25519, or ECDSA on P-256",
        got=str(held.key_type),
        do="Make one of these kinds in the token",
    )  # fmt: skip


def _ecdsa(held: Any, public: PublicKey, message: bytes) -> bytes:
    """r ‖ s over the digest that goes with the curve: the plain mechanism is on every token."""
    import hashlib

    import pkcs11

    hashed = {"ecdsa-p256": "sha256", "ecdsa-p384": "sha384", "ecdsa-p521": "sha512"}
    digest = hashlib.new(hashed[public.algorithm], message).digest()
    return bytes(held.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))


def _parts_of(uri: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The path and the query of a PKCS#11 URI, decoded (RFC 7512 §2.3)."""
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    pairs = (part.partition("=") for part in path.split(";") if part)
    decoded = {name: unquote(value, encoding="latin-1" if name == "id" else "utf-8")
               for name, _, value in pairs}  # fmt: skip
    return decoded, dict(parse_qsl(query, keep_blank_values=True))


def _pin_of(query: Mapping[str, str], uri: str) -> str | None:
    """The PIN from the file or the variable that the URI names; never from the URI itself, which
    stands in process lists and shell histories."""
    if "pin-value" in query:
        raise SettingError(
            "a PIN in a URI can be read by everybody here",
            where=uri.partition("?")[0],
            expected="pin-source=FILE",
            do="Put it into a file of mode 0600, or set WHEREFROM_PKCS11_PIN",
        )
    source = query.get("pin-source", "").removeprefix("file:")
    if not source:
        return os.environ.get("WHEREFROM_PKCS11_PIN")
    try:
        return Path(source).read_text().strip()
    except OSError as error:
        raise SettingError(
            "cannot read the PIN",
            where=source,
            got=error.strerror or str(error),
            do="Name a file that this user may read: pin-source=",
        ) from error
