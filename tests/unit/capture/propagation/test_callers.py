"""Who called, by the certificate that the server saw or that its proxy tells of."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wherefrom.capture.propagation import callers

WEB = "spiffe://shop.example/ns/prod/sa/web"


def certificate(*uris, dns=()):
    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    )  # fmt: skip
    names = [*map(x509.UniformResourceIdentifier, uris), *map(x509.DNSName, dns)]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(key, None).public_bytes(serialization.Encoding.PEM).decode()


def scope(*chain, **tls):
    return {"type": "http", "extensions": {"tls": {"client_cert_chain": chain, **tls}}}


def test_the_client_s_own_certificate_names_it():
    assert callers.of_asgi(scope(certificate(WEB, dns=["web"]), certificate("spiffe://ca"))) == WEB
    assert callers.of_wsgi({"SSL_CLIENT_CERT": certificate(WEB)}) == WEB


def test_the_certificate_comes_before_what_a_proxy_tells():
    said = f"URI={WEB}"
    assert callers.of_asgi(scope(certificate("spiffe://shop.example/other")), said) != WEB
    assert callers.of_asgi({"type": "http"}, said) == WEB


@pytest.mark.parametrize(
    "pem",
    [
        certificate(), certificate(WEB, WEB + "2"), certificate("https://shop.example/web"),
        certificate(dns=["web"]), "x", "-----BEGIN CERTIFICATE-----\nAAAA\n",
    ],
)  # fmt: skip
def test_a_certificate_that_names_no_one_workload_names_nobody(pem):
    assert callers.of_asgi(scope(pem)) == ""


def test_a_certificate_that_the_server_found_wrong_names_nobody():
    assert callers.of_asgi(scope(certificate(WEB), client_cert_error="expired")) == ""


@pytest.mark.parametrize("extensions", [None, {}, {"tls": None}, {"tls": {}}])
def test_a_server_without_certificates_knows_no_caller(extensions):
    assert callers.of_asgi({"type": "http", "extensions": extensions}) == ""


@pytest.mark.parametrize(
    ("xfcc", "caller"),
    [
        (f"URI={WEB}", WEB),
        (f'Subject="CN=x,URI=spiffe://evil/y";URI={WEB}', WEB),
        (f"URI={WEB},By=spiffe://shop.example/proxy", ""),
        (f"URI={WEB};URI=spiffe://evil/y", ""),
        ("URI=web", ""),
        (f"URI={WEB},", WEB),
        ("junk", ""),
        ("", ""),
    ],
)
def test_of_a_header_the_hop_that_our_own_proxy_saw_counts(xfcc, caller):
    assert callers.of_asgi({"type": "http"}, xfcc) == caller
