"""Lock files as their tools write them: the package URLs in them, and how many have none."""

from __future__ import annotations

import json

import pytest

from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import lock_files
from wherefrom.formats.lock_files import format_of, read

UV = """
version = 1
[[package]]
name = "cart"
version = "0.1.0"
source = { editable = "." }
[[package]]
name = "Typing_Extensions"
version = "4.12.2"
source = { registry = "https://index.example/simple" }
[[package]]
name = "forked"
version = "1.0"
source = { git = "https://github.com/acme/forked?rev=main#1111" }
[[package]]
name = "dynamic"
source = { virtual = "tools" }
"""
POETRY = """
[[package]]
name = "requests"
version = "2.32.3"
[[package]]
name = "ours"
version = "1.0"
[package.source]
type = "directory"
url = "../ours"
"""
CARGO = """
[[package]]
name = "serde"
version = "1.0.210"
source = "registry+https://index.example/index"
[[package]]
name = "cart"
version = "0.1.0"
"""
REQUIREMENTS = """\
# by hand
--index-url https://index.example/simple
-c constraints.txt
requests[socks]==2.32.3 ; python_version >= "3.8" \\
    --hash=sha256:aa \\
    --hash=sha256:bb
Zope.Interface === 7.0  # exact
flask>=3
jinja2==3.*
-r other.txt
-e ../ours
"""
NPM3 = {
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "cart"},
        "node_modules/@types/node": {"version": "22.5.5"},
        "node_modules/a/node_modules/left-pad": {"version": "1.3.0"},
        "node_modules/alias": {"name": "real", "version": "2.0.0"},
        "node_modules/ours": {"link": True, "resolved": "packages/ours"},
        "packages/ours": {"version": "1.0.0"},
    },
}
NPM1 = {
    "dependencies": {
        "a": {"version": "1.0.0", "dependencies": {"left-pad": {"version": "1.3.0"}}},
        "b": {"version": "git+https://github.com/acme/b.git#1111"},
    }
}
GO = """\
github.com/Azure/go-autorest v14.2.0+incompatible h1:V5=
github.com/Azure/go-autorest v14.2.0+incompatible/go.mod h1:r+=
golang.org/x/net v0.1.0/go.mod h1:x=
gopkg.in/yaml.v3 v3.0.1 h1:fx=
"""


@pytest.mark.parametrize(
    ("name", "text", "packages", "unlisted"),
    [
        ("uv.lock", UV, ["pkg:pypi/forked@1.0", "pkg:pypi/typing-extensions@4.12.2"], 2),
        ("api/poetry.lock", POETRY, ["pkg:pypi/requests@2.32.3"], 1),
        ("Cargo.lock", CARGO, ["pkg:cargo/serde@1.0.210"], 1),
        ("requirements-prod.txt", REQUIREMENTS,
         ["pkg:pypi/requests@2.32.3", "pkg:pypi/zope-interface@7.0"], 4),
        ("package-lock.json", json.dumps(NPM3),
         ["pkg:npm/%40types/node@22.5.5", "pkg:npm/left-pad@1.3.0", "pkg:npm/real@2.0.0"], 2),
        ("package-lock.json", json.dumps(NPM1), ["pkg:npm/a@1.0.0", "pkg:npm/left-pad@1.3.0"], 1),
        ("go.sum", GO, ["pkg:golang/github.com/azure/go-autorest@v14.2.0%2Bincompatible",
                        "pkg:golang/gopkg.in/yaml.v3@v3.0.1"], 0),
        ("go.sum", "", [], 0),
    ],
)  # fmt: skip
def test_what_was_resolved_is_listed(
    name: str, text: str, packages: list[str], unlisted: int
) -> None:
    found = read(name, text.encode())
    assert (found.packages, found.unlisted) == (packages, unlisted)
    assert found.name == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", "[[package]\n"), ("uv.lock", "package = 1\n"),
        ("uv.lock", '[[package]]\nversion = "1"\nsource = {}\n'),
        ("package-lock.json", "{"), ("package-lock.json", '{"packages": []}'),
        ("package-lock.json", '{"dependencies": {"a": {}}}'), ("go.sum", "github.com/a/b v1\n"),
        ("poetry.lock", "\N{BOM}"), ("Cargo.lock", f"a = {'[' * 5_000}{']' * 5_000}"),
    ],
)  # fmt: skip
def test_a_broken_lock_file_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(Malformed) as raised:
        read(name, text.encode("utf-16" if text == "\N{BOM}" else "utf-8"))
    assert raised.value.where == name


def test_files_are_known_by_their_names() -> None:
    known = ("requirements.txt", "dev-requirements.txt", "requirements_test.txt", "a/b/go.sum")
    assert all(format_of(name) for name in known)
    for name in ("requirements.md", "myrequirements.txt", "go.mod", "package.json", "uv.lock.bak"):
        assert format_of(name) is None
        with pytest.raises(Unsupported, match="not a lock file"):
            read(name, b"")


def test_a_file_past_its_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_files, "LOCK_BYTES_MAX", 3)
    with pytest.raises(LimitPassed, match="too large"):
        read("go.sum", b"aaaa")
