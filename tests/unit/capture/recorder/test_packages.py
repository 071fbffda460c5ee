"""Files and the packages that they belong to."""

from __future__ import annotations

import json

import pytest

from wherefrom.capture.recorder import packages
from wherefrom.capture.recorder.packages import packages_of


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "lib" / "python3.11" / "site-packages"
    info = folder / "Some_Thing-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "RECORD").write_text("some_thing/a.py,,\nsingle.py,,\n../../../bin/some,,\n")
    header = tmp_path / "include" / "python3.11" / "patchlevel.h"
    header.parent.mkdir(parents=True)
    header.write_text('#define PY_VERSION\t"3.11.9"\n')
    return folder


def purls(*paths):
    return {path: package.purl for path, package in packages_of(paths).items()}


def test_a_module_belongs_to_its_distribution_compiled_or_not(site):
    ours = [f"{site}/some_thing/a.py", f"{site}/some_thing/__pycache__/a.cpython-311.pyc",
            f"{site}/__pycache__/single.cpython-311.opt-1.pyc",
            f"{site}/Some_Thing-1.2.dist-info/METADATA"]  # fmt: skip
    found = purls(*ours, f"{site}/other.py")
    assert found == dict.fromkeys(ours, "pkg:pypi/some-thing@1.2")


def test_a_python_of_its_own_has_the_version_that_its_header_says(site, tmp_path):
    ours = [f"{tmp_path}/lib/python3.11/os.py", f"{tmp_path}/bin/python3.11",
            f"{tmp_path}/lib/libpython3.11.so.1.0"]  # fmt: skip
    assert purls(*ours) == dict.fromkeys(ours, "pkg:generic/python@3.11.9")


@pytest.mark.parametrize(
    ("name", "purl"),
    [("left-pad", "pkg:npm/left-pad@1.3.0"), ("@acme/x", "pkg:npm/%40acme/x@1.3.0")],
)
def test_a_module_of_node_belongs_to_the_nearest_package(tmp_path, name, purl):
    folder = tmp_path / "node_modules" / "outer" / "node_modules" / name
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": name, "version": "1.3.0"}))
    assert purls(f"{folder}/lib/index.js") == {f"{folder}/lib/index.js": purl}


@pytest.mark.parametrize("text", ["", "[]", '{"name": 1}', '{"name": "", "version": "1"}', "{"])
def test_broken_metadata_makes_no_package(tmp_path, text):
    folder = tmp_path / "node_modules" / "a"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(text)
    assert purls(f"{folder}/index.js") == {}


def test_a_file_of_debian_is_found_where_usr_is_merged_and_compiled_too(monkeypatch):
    said = {
        "-W": "libc6:amd64\t1:2.36+x\tamd64\npython3-x\t3\tall\n",
        "-S": "libc6:amd64: /lib/x/libc.so.6\ndiversion by a from: /bin/sh\n"
              "python3-x: /usr/lib/python3/y.py\n",
    }  # fmt: skip
    monkeypatch.setattr(packages, "_ask", lambda command: said[command[1]])
    monkeypatch.setattr(packages, "_os_release", lambda: {"ID": "debian"})
    compiled = "/usr/lib/python3/__pycache__/y.cpython-311.pyc"
    assert purls("/usr/lib/x/libc.so.6", compiled, "/usr/lib/none") == {
        "/usr/lib/x/libc.so.6": "pkg:deb/debian/libc6@1:2.36%2Bx?arch=amd64",
        compiled: "pkg:deb/debian/python3-x@3?arch=all",
    }


def test_a_system_without_dpkg_has_no_packages(monkeypatch):
    monkeypatch.setattr(packages, "_ask", lambda command: "")
    assert purls("/usr/bin/x") == {}
