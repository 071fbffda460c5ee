"""The keys and certificates of a trusted root, read once and kept warm.

    TrustedRootDocument ──► TrustedRoot ── logs, ct_logs           a key and its window, by log id
                                        ├─ authorities             chains, each link checked
                                        └─ timestamp_authorities
                              └ unusable: what counts for nothing, and why

What does not depend on a bundle is checked here, once: that a chain's certificates may issue and
did, and when all of them are valid. A time is asked of ``window``, which is all of that together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple, TypeVar

from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtendedKeyUsageOID

from wherefrom.errors import Error, Malformed, Unsupported
from wherefrom.formats import trusted_root as documents
from wherefrom.formats.trusted_root import ChainInstance, LogInstance, Window
from wherefrom.keys.public import PublicKey
from wherefrom.verify.sigstore import chains

# PublicKeyDetails → the key's algorithm, and the hash where it is not the one that goes with it.
_DETAILS: Final[dict[str, tuple[str, str | None]]] = {
    "PKIX_ECDSA_P256_SHA_256": ("ecdsa-p256", None),
    "PKIX_ECDSA_P384_SHA_384": ("ecdsa-p384", None),
    "PKIX_ECDSA_P384_SHA_256": ("ecdsa-p384", "sha256"),
    "PKIX_ECDSA_P521_SHA_512": ("ecdsa-p521", None),
    "PKIX_ECDSA_P521_SHA_256": ("ecdsa-p521", "sha256"),
    "PKIX_ED25519": ("ed25519", None),
    "PKCS1_RSA_PKCS1V5": ("rsa", None),
    "PKCS1_RSA_PSS": ("rsa", None),
    "PKIX_RSA_PKCS1V5": ("rsa", None),
    "PKIX_RSA_PSS": ("rsa", None),
    **{
        f"PKIX_RSA_{scheme}_{bits}_SHA256": ("rsa", None)
        for scheme in ("PKCS1V15", "PSS")
        for bits in (2048, 3072, 4096)
    },
}

I = TypeVar("I", LogInstance, ChainInstance)  # noqa: E741 - instance
T = TypeVar("T")


class Log(NamedTuple):
    """A log that is believed in ``window``: its name, and the key that signs for it."""

    name: str
    address: str
    key: PublicKey
    hash: str | None
    window: Window
    log_id: bytes
    hint: bytes

    def check(self, message: bytes, signature: bytes) -> None:
        """Return if the log signed ``message``. Raises SignatureError."""
        self.key.check_strictly(message, signature, hash=self.hash)


class Authority(NamedTuple):
    """A chain that is believed in ``window``, in which all its certificates are valid too.

    end     the certificate at the bottom that issues none: a timestamp authority's own, or None
    chain   those that issue, the lowest first, the trusted one last
    """

    address: str
    end: Certificate | None
    chain: tuple[Certificate, ...]
    window: Window


class TrustedRoot(NamedTuple):
    """Everything that a bundle is checked against."""

    logs: tuple[Log, ...]
    ct_logs: tuple[Log, ...]
    authorities: tuple[Authority, ...]
    timestamp_authorities: tuple[Authority, ...]
    unusable: tuple[str, ...]

    def left_out(self) -> str | None:
        """What to add to a message about something that is not in the root."""
        if not self.unusable:
            return None
        return "The root also names what cannot be used: " + "; ".join(self.unusable)


EMPTY: Final = TrustedRoot((), (), (), (), ())


def parse(written: bytes) -> TrustedRoot:
    """Read a trusted root. Raises Malformed, Unsupported or LimitPassed; a part of it that is
    broken costs only itself, and is told in ``unusable``.
    """
    document = documents.parse(written)
    unusable = list(document.unusable)
    return TrustedRoot(
        logs=_usable(document.logs, _log, unusable),
        ct_logs=_usable(document.ct_logs, _log, unusable),
        authorities=_usable(document.authorities, _issuer, unusable),
        timestamp_authorities=_usable(document.timestamp_authorities, _clock, unusable),
        unusable=tuple(unusable),
    )


def _usable(instances: Sequence[I], build: Callable[[I], T], unusable: list[str]) -> tuple[T, ...]:
    built = []
    for instance in instances:
        try:
            built.append(build(instance))
        except Error as error:
            unusable.append(f"{instance.address}: {error}")
    return tuple(built)


def _log(instance: LogInstance) -> Log:
    if instance.details not in _DETAILS:
        raise Unsupported("a kind of key that is not read here", got=instance.details)
    algorithm, hash = _DETAILS[instance.details]
    key = PublicKey(instance.key, where=instance.address)
    if key.algorithm != algorithm:
        raise Malformed(
            "a key of another kind than the root says", expected=algorithm, got=key.algorithm
        )
    log_id = instance.log_id or sha256(key.spki).digest()
    return Log(
        name=instance.name,
        address=instance.address,
        key=key,
        hash=hash,
        window=instance.window,
        log_id=log_id,
        hint=instance.hint or log_id[:4],
    )


def _issuer(instance: ChainInstance) -> Authority:
    """A certificate authority: every certificate of its chain issues."""
    chain = _read(instance)
    chains.check_chain(chain, purpose=ExtendedKeyUsageOID.CODE_SIGNING, where="certChain")
    return Authority(instance.address, None, tuple(chain), _window(instance, chain))


def _clock(instance: ChainInstance) -> Authority:
    """A timestamp authority: its own certificate may stand at the bottom, or come with a token."""
    read = _read(instance)
    end, chain = (None, read) if chains.is_ca(read[0]) else (read[0], read[1:])
    chains.check_chain(chain, purpose=ExtendedKeyUsageOID.TIME_STAMPING, where="certChain")
    if end is not None and chain:
        chains.check_issued(end, chain[0], where="certChain")
    return Authority(instance.address, end, tuple(chain), _window(instance, read))


def _read(instance: ChainInstance) -> list[Certificate]:
    return [chains.read_certificate(der, where="certChain") for der in instance.certificates]


def _window(instance: ChainInstance, certificates: Sequence[Certificate]) -> Window:
    window = chains.validity(certificates, instance.window)
    if window is None:
        raise Malformed(
            "a chain that is never valid while it is trusted", expected=str(instance.window)
        )
    return window
