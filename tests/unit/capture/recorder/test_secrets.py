"""No secret goes into a record."""

from __future__ import annotations

import pytest

from wherefrom.capture.recorder.secrets import ALLOWED, LEFT_OUT, Redaction, holds_secrets
from wherefrom.formats.keyed_hash import is_keyed

KEY = b"k" * 32
SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "arguments",
    [
        ["deploy", f"--password={SECRET}"],
        ["deploy", "--token", SECRET],
        ["deploy", f"API_KEY={SECRET}"],
        ["curl", "-H", f"Authorization: Bearer {SECRET}"],
        ["curl", f"https://me:{SECRET}@example.com/x"],
        ["git", "clone", f"https://{SECRET}@example.com/x"],
        ["sh", "-c", f"login {SECRET} now"],
        ["deploy", f"--signing-key:{SECRET}"],
        ["deploy", f"-DdbPassword={SECRET}"],
    ],
)
def test_a_secret_argument_is_left_out_or_hashed(arguments):
    environ = {"DEPLOY_TOKEN": SECRET}
    for redaction in (Redaction(environ), Redaction(environ, KEY)):
        told = redaction.arguments(arguments)
        assert SECRET not in " ".join(told)
        assert len(told) == len(arguments)
        assert told[0] == arguments[0]


@pytest.mark.parametrize(
    "secret",
    [
        "ghp_" + "a1" * 18,
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJI.eyJzdWIiOiIx.abc",
        "glpat-abcdefghij1234567890",
        "-----BEGIN RSA PRIVATE KEY-----\nabc",
    ],
)
def test_what_looks_like_a_key_is_left_out_whatever_it_is_called(secret):
    redaction = Redaction({"CFLAGS": f"-DX={secret}"})
    assert secret not in " ".join(redaction.arguments(["x", secret, f"-D{secret}"]))
    assert redaction.variables(ALLOWED) == {"CFLAGS": None}


def test_plain_arguments_stay_as_they_are():
    plain = [
        "gcc",
        "-O2",
        "-DAUTHOR=x",
        "--tokenizer",
        "fast",
        "-o",
        "a b",
        "--keyword=1",
        "--bypass=on",
        "-Dcompass=n",
    ]
    assert Redaction({}).arguments(plain) == plain
    assert Redaction({}).arguments(["make", "-j2", "PREFIX=/usr"]) == ["make", "-j2", "PREFIX=/usr"]


def test_only_allowed_variables_are_told_and_a_secret_one_by_its_hash():
    environ = {"CC": "gcc", "AWS_SECRET_ACCESS_KEY": SECRET, "USER": "ada", "LC_ALL": "C"}
    assert Redaction(environ).variables(ALLOWED) == {"CC": "gcc", "LC_ALL": "C"}
    asked = Redaction(environ, KEY).variables([*ALLOWED, "AWS_*"])
    assert is_keyed(asked["AWS_SECRET_ACCESS_KEY"])
    assert Redaction(environ).variables(["AWS_*"]) == {"AWS_SECRET_ACCESS_KEY": None}


def test_a_secret_inside_an_allowed_variable_is_not_told():
    environ = {"CFLAGS": f"-DTOKEN={SECRET}", "BUILD_TOKEN": SECRET}
    assert Redaction(environ).variables(ALLOWED) == {"CFLAGS": None}


def test_names_that_are_no_text_become_text():
    assert Redaction({}).text("a\udcff") == "a\N{REPLACEMENT CHARACTER}"
    assert LEFT_OUT in Redaction({"MY_SECRET": SECRET}).text(f"out/{SECRET}.txt")


@pytest.mark.parametrize(
    "path", ["/home/b/.netrc", "/src/.env", "/home/a/.ssh/config", "/x/tls.key", "/run/secrets/db"]
)
def test_files_that_hold_secrets_are_known(path):
    assert holds_secrets(path)


@pytest.mark.parametrize("path", ["/src/a.c", "/src/environment.py", "/src/keys.py", "/x/token.h"])
def test_files_that_hold_none_are_not(path):
    assert not holds_secrets(path)
