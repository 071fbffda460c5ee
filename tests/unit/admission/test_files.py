"""Files that change are read again; one that cannot be used changes nothing, and is told once."""

import os
import ssl

import pytest

from tests.journeys.test_http_tls import certificate, write_pair
from wherefrom.admission.files import Watched, load_certificate, load_settings
from wherefrom.errors import NotFound
from wherefrom.formats import policy as policies

POLICY = 'name: prod\nversion: "1"\nrules: [{name: inside, needs: sbom}]\n'


def load(path):
    return policies.read(path.read_bytes(), where=str(path))


def test_settings_without_a_file_are_the_careful_ones(tmp_path):
    assert load_settings(None).mode == "closed"
    (tmp_path / "s.yaml").write_text("mode: open")
    assert load_settings(tmp_path / "s.yaml").mode == "open"


def test_a_change_is_used_once_and_what_cannot_be_used_is_told_once_and_tried_again(tmp_path):
    file, used = tmp_path / "policy.yaml", []
    file.write_text(POLICY)
    watched = Watched("policy", lambda: (file,), lambda: used.append(load(file)))
    assert watched.look() is None
    file.write_text(POLICY.replace('"1"', '"2"'))
    assert watched.look() == "ok"
    assert watched.look() is None
    file.write_text("name: half")
    assert "not a policy" in watched.look()
    assert watched.look() is None
    file.unlink()
    assert "No such file" in watched.look()
    file.write_text(POLICY.replace('"1"', '"3"'))
    assert watched.look() == "ok"
    assert [one.version for one in used] == ["2", "3"]


def test_files_that_cannot_be_listed_are_a_change_and_not_the_end(tmp_path):
    file, used = tmp_path / "policy.yaml", []
    file.write_text(POLICY)

    def files():
        if not file.exists():
            raise NotFound("no policy here")
        return [file]

    watched = Watched("policy", files, lambda: used.extend(files()))
    file.unlink()
    assert "no policy here" in watched.look()
    assert watched.look() is None
    file.write_text(POLICY)
    assert watched.look() == "ok"


def test_a_mounted_file_that_is_swapped_by_its_link_is_seen(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "policy.yaml").write_text(POLICY)
        os.utime(tmp_path / name / "policy.yaml", (0, 0))
    link, used = tmp_path / "now", []
    link.symlink_to("a")
    watched = Watched("policy", lambda: (link / "policy.yaml",), lambda: used.append(1))
    link.unlink()
    link.symlink_to("b")
    assert watched.look() == "ok"
    assert used == [1]


def test_half_a_pair_does_not_take_the_place_of_a_whole_one(tmp_path):
    one = write_pair(tmp_path, "one", certificate("127.0.0.1"))
    two = write_pair(tmp_path, "two", certificate("127.0.0.1"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_certificate(context, *one)
    with pytest.raises(ssl.SSLError, match="KEY_VALUES_MISMATCH"):
        load_certificate(context, two[0], one[1])
    # It still serves the first.
    seen = _handshake(context)
    assert seen == ssl.PEM_cert_to_DER_cert(one[0].read_text())
    load_certificate(context, *two)
    assert _handshake(context) == ssl.PEM_cert_to_DER_cert(two[0].read_text())


def _handshake(context):
    """The certificate that a server with this context shows, in memory."""
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_side=False)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    while len(done) < 2:
        for end in (client, server):
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
    return client.getpeercert(binary_form=True)
