"""Who called: the SPIFFE id of a client's certificate, as the server or its proxy saw it.

    ASGI  scope["extensions"]["tls"]["client_cert_chain"]   PEM, the server checked it
    WSGI  environ["SSL_CLIENT_CERT"]                        PEM, the server checked it
    both  x-forwarded-client-cert                           if the program says that its proxy sets it

An id that cannot be read is no id, and nobody is refused here: to name a caller is not to let it in.

Source: SPIFFE X.509-SVID §2; ASGI TLS extension 0.2; Envoy, "x-forwarded-client-cert"
"""  # noqa: E501 - the picture reads best on one line

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Refused
from wherefrom.formats import spiffe

HEADER: Final = "x-forwarded-client-cert"


def of_asgi(scope: Mapping[str, Any], xfcc: str = "") -> str:
    """The caller of a request; empty if it is not known."""
    tls = (scope.get("extensions") or {}).get("tls") or {}
    chain = tls.get("client_cert_chain") or () if not tls.get("client_cert_error") else ()
    return _of_certificate(next(iter(chain), "")) or _of_header(xfcc)


def of_wsgi(environ: Mapping[str, Any], xfcc: str = "") -> str:
    """The same of a WSGI request."""
    return _of_certificate(environ.get("SSL_CLIENT_CERT", "")) or _of_header(xfcc)


def _of_header(text: str) -> str:
    """Of the last element: the hop that our own proxy saw. Those before it, others told."""
    try:
        elements = spiffe.parse_xfcc(text)
    except Refused:
        return ""
    return _the_one(elements[-1].get("uri", [])) if elements else ""


def _of_certificate(pem: str) -> str:
    if not pem:
        return ""
    from cryptography import x509  # late: most servers see no certificates of clients

    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return _the_one(names.value.get_values_for_type(x509.UniformResourceIdentifier))
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return ""


def _the_one(uris: list[str]) -> str:
    """A certificate of SPIFFE has exactly one URI; one with two names nobody."""
    if len(uris) != 1:
        return ""
    try:
        return spiffe.check(uris[0])
    except Refused:
        return ""
