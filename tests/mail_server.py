"""A real server of mail on this machine, with TLS under a certificate of its own.

Mailbox(folder) ──► host, port, ca: where to send; got: what it took; refuses: what it answers
"""

from __future__ import annotations

import email
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "alerts", "correct horse"


class Mailbox:
    """Leaving the block ends it. ``security`` is ``starttls``, ``tls`` or ``none``."""

    def __init__(self, folder, security="starttls"):
        self.got, self.refuses, self.security = [], None, security
        self.ca = folder / "ca.pem"
        context = _context(folder, self.ca)
        options = {"hostname": "127.0.0.1", "port": 0, "auth_required": security == "starttls"}
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        elif security == "tls":
            options |= {"ssl_context": context, "auth_require_tls": False}
        else:
            options |= {"auth_require_tls": False}
        self._controller = _Controller(self, authenticator=_authenticate, **options)

    def __enter__(self):
        self._controller.start()
        self.host, self.port = "127.0.0.1", self._controller.port
        return self

    def __exit__(self, *_):
        self._controller.stop()

    async def handle_DATA(self, server, session, envelope):
        if self.refuses:
            return self.refuses
        self.got.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return "250 taken"


class _Controller(Controller):
    """One that may be given port 0, which means any."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def _authenticate(server, session, envelope, mechanism, said):
    fits = isinstance(said, LoginPassword) and (said.login, said.password) == (
        USER.encode(), PASSWORD.encode(),
    )  # fmt: skip
    return AuthResult(success=fits, handled=False)


def _context(folder, ca):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of tests")])
    now = datetime.now(UTC)
    local = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([local]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    both = folder / "mail.pem"
    both.write_bytes(
        ca.read_bytes()
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context
