"""What a program finds out about itself, and in which order."""

import json
import subprocess
import sys

import pytest

import wherefrom
from wherefrom.capture import identity as identities
from wherefrom.errors import SettingError
from wherefrom.formats import reality_id
from wherefrom.formats.reality_id import Reality

A, B, C = ("sha256:" + digit * 64 for digit in "abc")
COMMIT = "f" * 40


def find(tmp_path, environ=None, **said):
    return identities.find(environ=environ or {}, folders=[tmp_path], **said)


def test_a_program_that_nobody_told_anything_knows_its_host_alone(tmp_path):
    found = find(tmp_path)
    assert found.reality == Reality()
    assert found.instance
    assert found.found_in == {}


def test_each_source_comes_before_the_next(tmp_path):
    (tmp_path / "wherefrom-identity.json").write_text(
        json.dumps({"artifact": C, "build": "baked", "service": "baked", "commit": COMMIT})
    )
    notes = tmp_path / "annotations"
    notes.write_text(f'prov.artifact.digest="{B}"\nservice.name="noted"\nprov.pool="canary"\n')
    environ = {
        "WHEREFROM_ARTIFACT": A,
        "OTEL_SERVICE_NAME": "otel",
        "OTEL_RESOURCE_ATTRIBUTES": "service.name=attribute,cloud.region=eu",
        "WHEREFROM_ANNOTATIONS_FILE": str(notes),
    }
    found = find(tmp_path, environ, service="argument")
    assert (found.service, found.reality.artifact, found.build) == ("argument", A, "baked")
    assert (found.region, found.pool, found.commit) == ("eu", "canary", COMMIT)
    assert found.found_in["service"] == "argument"
    assert found.found_in["artifact"] == "environment"
    assert found.found_in["pool"] == str(notes)
    assert find(tmp_path, environ).service == "otel"
    del environ["OTEL_SERVICE_NAME"], environ["WHEREFROM_ARTIFACT"]
    assert find(tmp_path, environ).service == "attribute"
    assert find(tmp_path, environ).reality.artifact == C
    (tmp_path / "wherefrom-identity.json").unlink()
    assert find(tmp_path, environ).reality.artifact == B


def test_an_installed_wheel_says_its_version_and_what_it_was_installed_from(tmp_path, monkeypatch):
    info = tmp_path / "shop-1.4.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.4\n")
    archive = {"url": "https://x", "archive_info": {"hashes": {"sha256": "a" * 64}}}
    (info / "direct_url.json").write_text(json.dumps(archive))
    (info / "wherefrom-identity.json").write_text('{"build": "https://ci.example/7"}')
    monkeypatch.syspath_prepend(str(tmp_path))
    found = find(tmp_path, {"WHEREFROM_DISTRIBUTION": "shop"})
    assert (found.version, found.reality.artifact, found.build) == (
        "1.4", A, "https://ci.example/7",
    )  # fmt: skip
    assert found.found_in["artifact"] == "wheel shop"


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"WHEREFROM_ARTIFACT": "app:latest"}, "WHEREFROM_ARTIFACT.*got app:latest"),
        ({"WHEREFROM_COMMIT": "main"}, "not a git commit, at WHEREFROM_COMMIT"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "a"}, "OTEL_RESOURCE_ATTRIBUTES: expected k=v"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "oci.manifest.digest=x"}, "oci.manifest.digest"),
        ({"WHEREFROM_IDENTITY_FILE": "/nowhere/x"}, "a file that is named is not there"),
        ({"WHEREFROM_ANNOTATIONS_FILE": "/nowhere/x"}, "a file that is named is not there"),
        ({"WHEREFROM_DISTRIBUTION": "no-such-thing"}, "no such distribution is installed"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_its_place(tmp_path, environ, says):
    with pytest.raises(SettingError, match=says):
        find(tmp_path, environ)


def test_a_wrong_baked_file_is_an_error_though_nobody_named_it(tmp_path):
    (tmp_path / "wherefrom-identity.json").write_text('{"artifact": "x"}')
    with pytest.raises(SettingError, match=r"wherefrom-identity\.json, artifact"):
        find(tmp_path)


def test_ci_bakes_what_the_program_then_finds(tmp_path):
    path = tmp_path / "wherefrom-identity.json"
    environ = {
        "GITHUB_SERVER_URL": "https://git.example",
        "GITHUB_REPOSITORY": "shop/cart",
        "GITHUB_RUN_ID": "7",
        "GITHUB_SHA": COMMIT,
    }
    identities.bake(path, environ=environ, service="cart")
    found = find(tmp_path)
    assert found.build == "https://git.example/shop/cart/actions/runs/7"
    assert (found.commit, found.service) == (COMMIT, "cart")
    with pytest.raises(SettingError, match="not a git commit"):
        identities.bake(path, environ={"CI_COMMIT_SHA": "x"})


def test_what_is_loaded_changes_the_reality_and_nothing_else(monkeypatch):
    monkeypatch.setenv("WHEREFROM_ARTIFACT", A)
    before = wherefrom.identity()
    assert before.reality == Reality(A)
    after = wherefrom.loaded(config=B, flags={"checkout": "on"})
    assert after.reality == Reality(A, B, reality_id.flag_set({"checkout": "on"}))
    assert wherefrom.identity() is after
    assert before.id != after.id
    assert after.found_in["config"] == "loaded"
    assert wherefrom.loaded(policy={"retries": 3}).reality.config == B
    with pytest.raises(SettingError, match="not a digest, at config"):
        wherefrom.loaded(config="production.yaml")
    assert wherefrom.identity().reality.config == B


def test_resource_attributes_leave_out_what_changes_and_what_is_not_known(monkeypatch):
    monkeypatch.setenv("WHEREFROM_ARTIFACT", A)
    monkeypatch.setenv("WHEREFROM_SERVICE", "cart")
    wherefrom.loaded(flags={"checkout": "on"})
    said = wherefrom.identity().attributes()
    assert said["prov.artifact.digest"] == A
    assert said["service.name"] == "cart"
    assert not {"prov.flagset.hash", "prov.build.id", "prov.reality.id"} & set(said)


def test_an_unknown_field_is_a_slip_of_the_caller(tmp_path):
    with pytest.raises(TypeError, match="identity has no 'artefact'"):
        find(tmp_path, artefact=A)


def test_the_package_has_what_is_imported_late_and_nothing_that_is_not_there():
    code = "import wherefrom, sys; wherefrom.identity; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(ran.stdout.split())
    assert "wherefrom.capture.identity" in loaded
    assert not loaded & {"httpx", "apsw", "numpy", "click", "starlette", "asyncio"}
    with pytest.raises(AttributeError, match="has no attribute 'identities'"):
        wherefrom.identities  # noqa: B018
