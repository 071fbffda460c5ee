"""The trusted root that a Sigstore client gets: shapes here, a client in journeys/."""

import base64

import pytest
from cryptography import x509

from tests.authorities import CertificateAuthority, TimestampAuthority, pem
from tests.logs import LOG_KEY, TIME
from wherefrom.errors import SettingError
from wherefrom.keys.trusted_root import RootKey, trusted_root
from wherefrom.views.rekor.view import log_id

ORIGIN = "log.rekor.example.com"


def written(**authorities):
    return trusted_root(
        origin=ORIGIN,
        log_keys=[RootKey(LOG_KEY.public_key, log_id(ORIGIN, LOG_KEY.public_key), TIME, None)],
        **authorities,
    )


def test_the_log_is_named_by_the_host_that_signs_its_checkpoints():
    (log,) = written()["tlogs"]
    assert log["baseUrl"] == f"https://{ORIGIN}"
    assert log["publicKey"]["keyDetails"] == "PKIX_ED25519"
    assert log["publicKey"]["validFor"] == {"start": TIME}
    keyid = base64.b64decode(log["logId"]["keyId"])
    assert keyid[:4] == LOG_KEY.verifier_key(ORIGIN).key_id


def test_a_chain_is_valid_while_all_of_it_is():
    tsa = TimestampAuthority()
    (said,) = written(timestamp_authorities=[tsa.chain_pem])["timestampAuthorities"]
    assert len(said["certChain"]["certificates"]) == 2
    assert said["subject"] == {"organization": "Tests", "commonName": "a test TSA"}
    end = tsa.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert said["validFor"]["end"] == end
    first = base64.b64decode(said["certChain"]["certificates"][0]["rawBytes"])
    assert x509.load_der_x509_certificate(first) == tsa.certificate


def test_a_ct_log_is_named_by_its_key():
    ca = CertificateAuthority()
    (said,) = written(ct_logs=[ca.ct_log_pem])["ctlogs"]
    assert said["publicKey"]["keyDetails"] == "PKIX_ECDSA_P256_SHA_256"
    assert len(base64.b64decode(said["logId"]["keyId"])) == 32


@pytest.mark.parametrize(
    ("authorities", "says"),
    [
        (lambda: {"authorities": [b"junk"]}, "not a chain of certificates"),
        (lambda: {"authorities": [CertificateAuthority().ct_log_pem]}, "not a chain"),
        (lambda: {"ct_logs": [b"junk"]}, "not a public key"),
        (
            lambda: {"timestamp_authorities": [_backwards(TimestampAuthority())]},
            "in another order",
        ),
    ],
)
def test_a_file_that_is_none_of_these_is_a_wrong_setting(authorities, says):
    with pytest.raises(SettingError, match=says):
        written(**authorities())


def _backwards(tsa):
    return pem(tsa.root) + pem(tsa.certificate)
