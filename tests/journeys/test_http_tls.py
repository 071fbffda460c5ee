"""HTTPS with certificates made here, and client certificates where they are asked for."""

import datetime
import ipaddress
import ssl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.served import ServerProcess, run_up


def certificate(name, *, signer=None, is_ca=False):
    """A key and a certificate for 127.0.0.1, by itself or by ``signer``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by_key, by = signer or (key, None)
    now = datetime.datetime.now(datetime.UTC)
    local = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([local]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(by_key, hashes.SHA256())
    )
    return key, made


def write_pair(folder, name, pair):
    key, made = pair
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority = certificate("clients", is_ca=True)
    pairs = {
        "server": certificate("127.0.0.1"),
        "authority": authority,
        "client": certificate("client", signer=authority),
        "stranger": certificate("stranger"),
    }
    return {name: write_pair(folder, name, pair) for name, pair in pairs.items()}


def over_tls(server, pems, *, shows=None):
    context = ssl.create_default_context(cafile=str(pems["server"][0]))
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if shows:
        context.load_cert_chain(*map(str, pems[shows]))
    return httpx.get(
        server.url + "/v1/log", headers={"Authorization": f"Bearer {server.token}"}, verify=context
    )


def test_it_serves_https_with_a_certificate_and_nothing_without_tls(pems, tmp_path):
    cert, key = pems["server"]
    with ServerProcess(tmp_path / "data", "--tls-cert", cert, "--tls-key", key) as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert over_tls(server, pems).status_code == 200
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(server.url + "/healthz")
        with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
            httpx.get(server.url.replace("https:", "http:") + "/healthz")


def test_with_a_client_authority_only_its_certificates_are_let_in(pems, tmp_path):
    cert, key = pems["server"]
    options = ("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", pems["authority"][0])
    with ServerProcess(tmp_path / "data", *options) as server:
        assert over_tls(server, pems, shows="client").status_code == 200
        for shows in (None, "stranger"):
            with pytest.raises(httpx.TransportError):
                over_tls(server, pems, shows=shows)


def test_a_certificate_file_that_is_none_is_a_clear_error(pems, tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    for cert in (broken, tmp_path / "missing.pem"):
        said = run_up(
            tmp_path / "data", "--port", "0", "--tls-cert", cert, "--tls-key", pems["server"][1]
        )
        assert said.returncode in (2, 3)
        assert "the TLS files cannot be used" in said.stderr
        assert "Traceback" not in said.stderr
