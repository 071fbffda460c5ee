"""What is never recorded of a command: the values of what looks secret.

    variables ──allowed, plain──► recorded   ──looks secret──► a keyed hash, or its name alone
    arguments, paths ──► the same text, secrets in it replaced

A text is secret by its name (TOKEN, PASSWORD, …), by its looks (a key of a cloud, a JSON web
token, a PEM key, a password in an address), or because it is the value of such a variable.

Source: docs/run.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from wherefrom.capture.bundles import is_secret
from wherefrom.capture.keyed_hashes import keyed_hash
from wherefrom.formats.patterns import any_matches

# Recorded with their values, unless they look secret; ``--env`` adds to them.
ALLOWED: Final = (
    "AR", "ARCH", "CC", "CFLAGS", "CGO_ENABLED", "CI", "CPPFLAGS", "CXX", "CXXFLAGS",
    "DEB_BUILD_OPTIONS", "GOARCH", "GOFLAGS", "GOOS", "GOTOOLCHAIN", "LANG", "LANGUAGE", "LC_*",
    "LD", "LDFLAGS", "NODE_ENV", "PIP_NO_INDEX", "PIP_REQUIRE_HASHES", "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED", "RUSTFLAGS", "SOURCE_DATE_EPOCH", "TZ", "ZERO_AR_DATE",
    "GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITHUB_JOB", "GITHUB_REF", "GITHUB_REPOSITORY",
    "GITHUB_RUN_ATTEMPT", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_SHA",
    "GITHUB_WORKFLOW_REF", "RUNNER_ARCH", "RUNNER_ENVIRONMENT", "RUNNER_OS", "ImageOS",
    "ImageVersion", "GITLAB_CI", "CI_COMMIT_REF_NAME", "CI_COMMIT_SHA", "CI_JOB_ID", "CI_JOB_NAME",
    "CI_JOB_URL", "CI_PIPELINE_ID", "CI_PROJECT_PATH", "CI_RUNNER_ID", "CI_SERVER_URL",
    "BUILD_NUMBER", "BUILD_URL", "GIT_COMMIT", "JENKINS_URL", "JOB_NAME", "TEKTON_*",
)  # fmt: skip
LEFT_OUT: Final = "…"
_VALUE_CHARS_MIN: Final = 6
# A word of its own, or the end of one: ``dbPassword``, but not ``tokenizer``.
_WORD: Final = re.compile(
    r"(?i)(?<![a-z0-9])(pass(word|wd|phrase)?|secret|token|credentials?|api[-_]?key|"
    r"auth(orization)?|(private|signing|access|secret)[-_]?key|cookie|session)(?![a-z0-9])"
    r"|(password|passwd|passphrase|secret|token|credentials?|(api|access|private)key)s?$"
)
_LOOKS: Final = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{15,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|xox[abprs]-[\w-]{10,}|sk-[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|AIza[\w-]{35}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"
)
_USER: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/@\s?#]+@")
_NAMED: Final = re.compile(r"(-{0,2}[\w.-]+)([=:])(.*)", re.DOTALL)
_FILES: Final = re.compile(
    r"(^|/)(\.netrc|\.npmrc|\.pypirc|\.pgpass|\.git-credentials|\.env(\.[\w-]+)?|id_(rsa|dsa|ecdsa|"
    r"ed25519)|credentials(\.\w+)?|[^/]*\.(key|pfx|p12|jks|keystore|kdbx|gpg))$"
    r"|(^|/)(\.ssh|\.gnupg|\.aws|\.azure|\.kube|\.docker|secrets?)/|/run/secrets/"
)  # fmt: skip


def is_secret_name(name: str) -> bool:
    """Whether a variable or an option holds a secret, by its name."""
    return _WORD.search(name) is not None


def holds_secrets(path: str) -> bool:
    """Whether a file is of a kind that holds secrets: then not even its digest is told."""
    return _FILES.search(path) is not None


class Redaction:
    """Takes secrets out of texts.

    environ  of the command: the values of its secret variables are secret wherever they stand
    key      hashes secrets, so that another value shows; else only their names are told
    """

    def __init__(self, environ: Mapping[str, str], key: bytes | None = None) -> None:
        self._environ, self._key = environ, key
        values = {
            value for name, value in environ.items()
            if len(value) >= _VALUE_CHARS_MIN and is_secret_name(name)
        }  # fmt: skip
        self._values = sorted(values, key=len, reverse=True)

    def variables(self, allowed: Sequence[str]) -> dict[str, str | None]:
        """The variables that may be told; None where only the name may."""
        told: dict[str, str | None] = {}
        for name, value in sorted(self._environ.items()):
            if not any_matches(allowed, [name]):
                continue
            if is_secret_name(name) or is_secret(name, value) or self.text(value) != value:
                told[name] = self._hashed(name, value)
            else:
                told[name] = value
        return told

    def arguments(self, command: Sequence[str]) -> list[str]:
        """A command with the secrets in it replaced."""
        told: list[str] = []
        is_next = False
        for argument in command:
            named = _NAMED.fullmatch(argument)
            if is_next and not argument.startswith("-"):
                told.append(self._hashed(told[-1], argument) or LEFT_OUT)
            elif named is not None and named[3] and is_secret_name(named[1]):
                hashed = self._hashed(named[1].lstrip("-"), named[3]) or LEFT_OUT
                told.append(f"{named[1]}{named[2]}{hashed}")
            else:
                told.append(self.text(argument))
            is_next = argument.startswith("-") and "=" not in argument and is_secret_name(argument)
        return told

    def text(self, text: str) -> str:
        """A text with the secrets in it left out; bytes that are no UTF-8 are replaced."""
        for value in self._values:
            text = text.replace(value, LEFT_OUT)
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return _USER.sub(rf"\1{LEFT_OUT}@", _LOOKS.sub(LEFT_OUT, text))

    def _hashed(self, name: str, value: str) -> str | None:
        return keyed_hash(name, value, self._key) if self._key is not None else None
