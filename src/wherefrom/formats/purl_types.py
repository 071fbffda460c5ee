"""What each type of package URL says about its parts; ``purl.py`` reads by this table.

    type ──► Rule(fold, namespace, required, own)    and, for a few, a grammar of names

A part is case-sensitive unless its type says otherwise; a type that is not here has no rules.
Rules that are more than lower case (pypi's dashes, mlflow's servers) are in ``purl.py``.

Source: the type definitions of package-url/purl-spec (schemas 1.0 and 1.1)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class Rule(NamedTuple):
    """What one type says about its parts.

    fold       parts in lower case: ``n`` namespace, ``m`` name, ``v`` version, ``s`` subpath
    namespace  ``required``, ``prohibited`` or ``optional``
    required   qualifiers that must be there
    own        qualifiers that the type defines
    """

    fold: str = ""
    namespace: str = "optional"
    required: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


UNKNOWN: Final = Rule()
RULES: Final[Mapping[str, Rule]] = {
    "alpm": Rule("nm", "required", own=("arch",)),
    "apk": Rule("nm", "required", own=("arch",)),
    "bazel": Rule("", "prohibited"),
    "bitbucket": Rule("nm", "required"),
    "bitnami": Rule("m", "prohibited", own=("arch", "distro")),
    "brew": Rule("nm"),
    "cargo": Rule("", "prohibited"),
    "chrome-extension": Rule("m", "prohibited"),
    "cocoapods": Rule("", "prohibited"),
    "composer": Rule("nm", "required"),
    "conan": Rule(own=("user", "channel", "rrev", "prev")),
    "conda": Rule("", "prohibited", own=("build", "channel", "subdir", "type")),
    "cpan": Rule(own=("ext",)),
    "cran": Rule("", "prohibited"),
    "deb": Rule("nm", "required", own=("arch",)),
    "gem": Rule("", "prohibited", own=("platform",)),
    "git": Rule("", "required"),
    "github": Rule("nm", "required"),
    "gitlab": Rule("nm"),
    "golang": Rule("nm", "required"),
    "hackage": Rule("", "prohibited"),
    "hex": Rule("nm"),
    "huggingface": Rule("v", "required"),
    "julia": Rule("", "prohibited", required=("uuid",), own=("uuid",)),
    "luarocks": Rule("nm"),
    "maven": Rule("", "required", own=("classifier", "type")),
    "mlflow": Rule("", "prohibited", own=("model_uuid", "run_id")),
    "npm": Rule("nm"),
    "nuget": Rule("", "prohibited"),
    "oci": Rule("mv", "prohibited", own=("arch", "tag")),
    "opam": Rule("", "prohibited"),
    "otp": Rule("ms", "prohibited", own=("platform", "arch")),
    "pub": Rule("m", "prohibited"),
    "pypi": Rule("mv", "prohibited", own=("file_name",)),
    "qpkg": Rule("n", "required"),
    "rpm": Rule("n", "required", own=("arch", "distro", "epoch")),
    "swid": Rule(required=("tag_id",), own=("tag_id", "tag_version", "patch")),
    "swift": Rule("", "required"),
    "vcpkg": Rule("", "prohibited", own=("port_version", "repository_revision", "triplet")),
    "vscode-extension": Rule("nmv", "required", own=("platform",)),
    "yocto": Rule("n", own=("layer_version",)),
}
# Types whose namespace rule real producers do not keep: pkg:golang/stdlib, pkg:rpm/centerim (in
# the definition's own examples), pkg:huggingface/bert-base, pkg:oci/registry.example/app.
LENIENT: Final = frozenset({"alpm", "apk", "deb", "golang", "huggingface", "oci", "rpm"})

# Names and versions with a grammar of their own.
NAMES: Final[Mapping[str, re.Pattern[str]]] = {
    "chrome-extension": re.compile(r"[a-p]{32}"),
    "cocoapods": re.compile(r"[^\s+.][^\s+]*"),
    "cpan": re.compile(r"(?:(?!::).)*", re.DOTALL),
}
VERSIONS: Final[Mapping[str, re.Pattern[str]]] = {
    "chrome-extension": re.compile(r"[0-9]+(?:\.[0-9]+){0,3}"),
}

# Git hosts whose repository paths are not case-sensitive; those of others are.
FOLDING_HOSTS: Final = frozenset({"github", "github.com", "bitbucket", "bitbucket.org"})
