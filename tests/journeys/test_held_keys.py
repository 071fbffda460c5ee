"""Keys that others hold sign here as files do: AWS KMS as Moto plays it, and a SoftHSM token."""

import json

import pytest

from tests.folders import asked, statement
from tests.key_holders import SOFTHSM, kms_key
from tests.unit.cli.running import run
from wherefrom.app import DataFolder
from wherefrom.errors import SettingError, Unavailable
from wherefrom.formats import dsse, strict_json
from wherefrom.keys.held import open_held, open_signer

# -- AWS KMS


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048"])
def test_what_a_key_in_aws_signs_is_signed(kms, tmp_path, spec):
    need_signed(f"awskms:{kms_key(kms, spec)}", tmp_path)


def test_a_key_in_aws_is_found_by_its_alias(kms, tmp_path):
    kms.create_alias(AliasName="alias/release", TargetKeyId=kms_key(kms, "ECC_NIST_P256"))
    need_signed("awskms:alias/release", tmp_path)


def test_a_key_that_aws_does_not_have_or_that_cannot_sign_is_told(kms):
    with pytest.raises(Unavailable, match="whoever holds the key does not answer"):
        open_held("awskms:alias/nothing")
    encrypts = kms.create_key(KeyUsage="ENCRYPT_DECRYPT", KeySpec="SYMMETRIC_DEFAULT")
    with pytest.raises(Unavailable, match="whoever holds the key does not answer"):
        open_held(f"awskms:{encrypts['KeyMetadata']['KeyId']}")


def test_a_key_that_changes_behind_its_name_is_noticed_before_anything_is_signed_with_it(kms):
    one, other = kms_key(kms, "ECC_NIST_P256"), kms_key(kms, "ECC_NIST_P256")
    kms.create_alias(AliasName="alias/moved", TargetKeyId=one)
    signer = open_held("awskms:alias/moved")
    kms.update_alias(AliasName="alias/moved", TargetKeyId=other)
    with pytest.raises(Unavailable, match=f"not by the key that was asked for.*{signer.id}"):
        signer.sign(b"message")


# -- PKCS#11


@pytest.mark.parametrize(
    "named", ["object=ed", "object=p256", "id=%01", "object=ed;id=%01", "object=p256;id=%02"]
)
def test_what_a_key_on_a_token_signs_is_signed(token, tmp_path, named):
    need_signed(f"pkcs11:token=ci;{named}{token}", tmp_path)


@pytest.mark.parametrize(
    ("uri", "error", "match"),
    [
        ("pkcs11:token=ci;object=none{}", Unavailable, "NoSuchKey"),
        ("pkcs11:token=none;object=ed{}", Unavailable, "NoSuchToken"),
        ("pkcs11:token=ci;object=rsa{}", SettingError, "signs nothing here"),
        ("pkcs11:token=ci{}", SettingError, "the URI names no key"),
        ("pkcs11:token=ci;object=ed", SettingError, "which PKCS#11 library"),
        ("pkcs11:token=ci;object=ed?module-path=/none.so", Unavailable, "none.so"),
        ("pkcs11:token=ci;object=ed{}&pin-value=1", SettingError, "read by everybody"),
        (
            "pkcs11:token=ci;object=ed?module-path={module}&pin-source=/none",
            SettingError,
            "the PIN",
        ),
    ],
)
def test_a_token_or_key_that_is_not_there_is_told(token, uri, error, match):
    with pytest.raises(error, match=match):
        open_held(uri.format(token, module=SOFTHSM))


def test_a_wrong_pin_is_told_and_stands_in_no_message(token, monkeypatch):
    monkeypatch.setenv("WHEREFROM_PKCS11_PIN", "98765")
    with pytest.raises(Unavailable, match="PinIncorrect") as caught:
        open_held(f"pkcs11:token=ci;object=ed?module-path={SOFTHSM}")
    assert "98765" not in str(caught.value)


# -- and files


def test_what_is_no_uri_is_a_file(tmp_path):
    with pytest.raises(SettingError, match=r"cannot read the key.*awskms: gcpkms:"):
        open_signer(str(tmp_path / "none.key"))
    assert run("keys", "new", "a", "-o", tmp_path).code == 0
    assert open_signer(str(tmp_path / "a.key")).id.startswith("k:")


def test_an_azure_address_without_a_key_is_told():
    with pytest.raises(SettingError, match=r"azurekms://VAULT"):
        open_held("azurekms://vault.vault.azure.net/")


def need_signed(uri, tmp_path):
    """Through the commands: the public half, trust it, sign with the other, record."""
    said = run("keys", "new", "held", "--held", uri, "-o", tmp_path, "--json")
    assert said.code == 0, said.err
    data = tmp_path / "data"
    trusted = run("keys", "trust", tmp_path / "held.pub", data=data)
    assert trusted.code == 0, trusted.err
    (tmp_path / "statement.json").write_bytes(statement("app"))
    out = tmp_path / "signed.json"
    signed = run("sign", tmp_path / "statement.json", "--key", uri, "-o", out, "--json")
    assert signed.code == 0, signed.err
    assert signed.json["signer"] == said.json["id"]
    assert run("record", out, data=data).code == 0
    with asked(DataFolder(data)) as desk:
        judged = desk.record(2).entry.trust
    assert (judged.level, judged.signers) == ("signed", (said.json["id"],))
    envelope = dsse.parse(strict_json.decode(out.read_bytes()))
    assert json.loads(envelope.payload)["subject"][0]["name"] == "app"
    draft = tmp_path / "change.json"
    assert run("keys", "retire", said.json["id"], "--propose", draft, data=data).code == 0
    approved = run("keys", "approve", draft, "--key", uri, "--json")
    assert approved.json["signed_by"] == [said.json["id"]], approved.err
    assert run("keys", "apply", draft, data=data).code == 0
