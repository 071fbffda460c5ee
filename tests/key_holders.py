"""Holders of keys for tests: AWS KMS as Moto plays it, and a SoftHSM token with a PIN in a file."""

import contextlib
import os
import shutil
import socket
import subprocess
import time

import boto3
import pkcs11
import pytest

from tests.paths import REPOSITORY

PYTHON = REPOSITORY / ".venv-moto/bin/python"
MOTO = REPOSITORY / "tests/clients/moto_with_digests.py"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "1234"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def kms():
    """An address where Moto plays AWS, and a client of it."""
    if not PYTHON.exists():
        pytest.fail("Moto is not installed: make clients")
    port = free_port()
    process = subprocess.Popen(
        [PYTHON, MOTO, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    said = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        client = boto3.client("kms")
        for _ in range(200):
            with contextlib.suppress(Exception):
                client.list_keys()
                break
            time.sleep(0.1)
        yield client
    finally:
        process.terminate()
        process.wait(10)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def kms_key(kms, spec):
    made = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec=spec)
    return made["KeyMetadata"]["KeyId"]


@pytest.fixture
def token(tmp_path, monkeypatch):
    """A SoftHSM token with an Ed25519, a P-256 and an RSA key; its PIN in a file."""
    if shutil.which("softhsm2-util") is None:
        pytest.fail("SoftHSM is not installed: make tools")
    folder = tmp_path / "tokens"
    folder.mkdir()
    (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {folder}\nlog.level = ERROR\n")
    (tmp_path / "pin").write_text(PIN + "\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm.conf"))
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", "ci", "--pin", PIN, "--so-pin", PIN],
        check=True,
        capture_output=True,
    )
    library = pkcs11.lib(SOFTHSM)
    library.reinitialize()
    with library.get_token(token_label="ci").open(rw=True, user_pin=PIN) as session:
        make_ed25519(session)
        make_p256(session)
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="rsa")
    return f"?module-path={SOFTHSM}&pin-source=file:{tmp_path / 'pin'}"


def make_ed25519(session):
    curve = bytes.fromhex("130c656477617264733235353139")  # PrintableString "edwards25519"
    session.create_domain_parameters(
        pkcs11.KeyType.EC_EDWARDS, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
    ).generate_keypair(
        mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label="ed", id=b"\x01"
    )


def make_p256(session):
    curve = pkcs11.util.ec.encode_named_curve_parameters("secp256r1")
    session.create_domain_parameters(
        pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
    ).generate_keypair(store=True, label="p256", id=b"\x02")
