"""The ecosystems that advisories speak of: which package URL names a package of one, and in which
order its versions come.

    "Maven", "org.apache.logging.log4j:log4j-core" ──► pkg:maven/org.apache.logging.log4j/log4j-core
    "Debian:12", "openssl" ──► pkg:deb/debian/openssl, of the release 12

A distribution's advisories name *source* packages; an SBOM names the binary ones, and their source
beside (``upstream``). So a part of an SBOM is asked for under several names, ``names_of``.

Source: ossf.github.io/osv-schema, "Defined ecosystems"; purl-spec, types
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import quote

from wherefrom.errors import Refused
from wherefrom.formats.purl import Purl, canonical


class Ecosystem(NamedTuple):
    """One ecosystem: the purl type, its namespace if it is always the same, how a name is cut into
    namespace and name, and which order its versions have (``versions.ORDERS``; "" if none)."""

    type: str
    namespace: str = ""
    cut: str = ""
    order: str = "semver"


_DEB: Final = "debian"
_APK: Final = "alpine"
_RPM: Final = "rpm"
ECOSYSTEMS: Final[Mapping[str, Ecosystem]] = {
    "AlmaLinux": Ecosystem("rpm", "almalinux", order=_RPM),
    "Alpaquita": Ecosystem("apk", "alpaquita", order=_APK),
    "Alpine": Ecosystem("apk", "alpine", order=_APK),
    "BellSoft Hardened Containers": Ecosystem("apk", "bellsoft", order=_APK),
    "Bitnami": Ecosystem("bitnami"),
    "Chainguard": Ecosystem("apk", "chainguard", order=_APK),
    "ConanCenter": Ecosystem("conan", order="conan"),
    "CRAN": Ecosystem("cran", order="dotted"),
    "crates.io": Ecosystem("cargo"),
    "Debian": Ecosystem("deb", "debian", order=_DEB),
    "Echo": Ecosystem("deb", "echo", order=_DEB),
    "GitHub Actions": Ecosystem("github", cut="/"),
    "Go": Ecosystem("golang", cut="/"),
    "Hackage": Ecosystem("hackage", order="dotted"),
    "Hex": Ecosystem("hex", cut="/"),
    "Kubernetes": Ecosystem("golang", cut="/"),
    "Mageia": Ecosystem("rpm", "mageia", order=_RPM),
    "Maven": Ecosystem("maven", cut=":", order="maven"),
    "MinimOS": Ecosystem("apk", "minimos", order=_APK),
    "npm": Ecosystem("npm", cut="/"),
    "NuGet": Ecosystem("nuget", order="nuget"),
    "opam": Ecosystem("opam", order=_DEB),
    "openEuler": Ecosystem("rpm", "openeuler", order=_RPM),
    "openSUSE": Ecosystem("rpm", "opensuse", order=_RPM),
    "OSS-Fuzz": Ecosystem("generic", order=""),
    "Packagist": Ecosystem("composer", cut="/", order="composer"),
    "Photon OS": Ecosystem("rpm", "photon", order=_RPM),
    "Pub": Ecosystem("pub"),
    "PyPI": Ecosystem("pypi", order="pypi"),
    "Red Hat": Ecosystem("rpm", "redhat", order=_RPM),
    "Rocky Linux": Ecosystem("rpm", "rocky-linux", order=_RPM),
    "RubyGems": Ecosystem("gem", order="gem"),
    "SUSE": Ecosystem("rpm", "suse", order=_RPM),
    "SwiftURL": Ecosystem("swift", cut="url"),
    "Ubuntu": Ecosystem("deb", "ubuntu", order=_DEB),
    "VSCode": Ecosystem("vscode-extension", cut="."),
    "Wolfi": Ecosystem("apk", "wolfi", order=_APK),
}
# The types of package URLs that some feed may know advisories of.
TYPES: Final = frozenset(one.type for one in ECOSYSTEMS.values()) - {"generic", "github"}
# One distribution under the names that advisories, scanners and os-release give it.
_SAME_NAMESPACE: Final = (
    frozenset({"rocky", "rocky-linux", "rockylinux"}),
    frozenset({"redhat", "rhel"}),
    frozenset({"almalinux", "alma"}),
    frozenset({"opensuse", "opensuse-leap", "opensuse-tumbleweed"}),
    frozenset({"suse", "sles"}),
    frozenset({"photon", "photon-os"}),
)
# Debian's and Ubuntu's names for releases, as SBOMs write them.
_CODE_NAMES: Final[Mapping[str, str]] = {
    "stretch": "9", "buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13",
    "forky": "14", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04",
    "noble": "24.04",
}  # fmt: skip
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_SOURCE_RPM: Final = re.compile(r"(.+)-[^-]+-[^-]+\.src\.rpm")


def of(text: str) -> tuple[str, Ecosystem | None, str]:
    """The name, the ecosystem if it is known, and the release in ``Debian:12``."""
    name, _, release = text.partition(":")
    return name, ECOSYSTEMS.get(name), release


def package_of(ecosystem: str, name: str) -> str | None:
    """The id of a package without its version; None where no package URL names it."""
    _, known, _ = of(ecosystem)
    if known is None:
        return None
    parts = [known.namespace] if known.namespace else []
    if known.cut == "url":
        name = re.sub(r"^[a-z+]+://|\.git$", "", name)
    if known.cut in ("/", "url"):
        parts += name.split("/")
    elif known.cut:
        namespace, _, last = name.partition(known.cut)
        parts += [namespace, last] if last else [namespace]
    else:
        parts.append(name)
    text = f"pkg:{known.type}/" + "/".join(quote(part, safe="") for part in parts)
    try:
        return canonical(text).id
    except Refused:
        return None


def without_version(id: str) -> str:
    """``pkg:npm/lodash`` of ``pkg:npm/lodash@4.17.21``; qualifiers that are part of an id stay."""
    path, at, rest = id.rpartition("@")
    if not at:
        return id
    _, mark, qualifiers = rest.partition("?")
    return f"{path}{mark}{qualifiers}"


def family_of(purl: Purl) -> str:
    """What a feed may speak of all of: ``npm``; of distributions each, ``deb/debian``."""
    if purl.type not in ("deb", "apk", "rpm") or not purl.namespace:
        return purl.type
    same = next((some for some in _SAME_NAMESPACE if purl.namespace in some), {purl.namespace})
    return f"{purl.type}/{min(same)}"


def is_known(family: str) -> bool:
    """Whether some feed may know advisories of such packages."""
    return family.partition("/")[0] in TYPES


def order_of(ecosystem: str, purl_type: str | None = None) -> str:
    """Which order versions have there; "" where nobody knows."""
    _, known, _ = of(ecosystem)
    if known is not None:
        return known.order
    return next((e.order for e in ECOSYSTEMS.values() if e.type == purl_type), "")


def names_of(part: Purl, said: Purl) -> list[tuple[str, str | None]]:
    """The ids without a version under which advisories may speak of a part, each with its version.

    part  its package URL
    said  the same with the qualifiers that an SBOM gave it

    Its own name first; then, of a distribution, that of its source package.
    """
    version = part.version
    if part.type == "rpm" and version and (epoch := said.qualifiers.get("epoch", "")).isdecimal():
        version = f"{epoch}:{version}"
    found = [(without_version(part.id), version)]
    if part.type not in ("deb", "apk", "rpm"):
        return found
    names = [(part.name, version)]
    upstream, at, its = said.qualifiers.get("upstream", "").partition("@")
    if source := _SOURCE_RPM.fullmatch(upstream):
        upstream = source[1]
    if upstream:
        names.append((upstream, its if at else version))
    own = part.namespace or ""
    others = sorted({n for same in _SAME_NAMESPACE if own in same for n in same} - {own})
    for name, its_version in names:
        for namespace in (own, *others):
            path = "/".join(quote(one, safe="") for one in (*namespace.split("/"), name) if one)
            try:
                found.append((canonical(f"pkg:{part.type}/{path}").id, its_version))
            except Refused:
                continue
    return list(dict.fromkeys(found))


def is_of_release(ecosystem: str, said: Purl) -> bool:
    """Whether an advisory about a release of a distribution may be about a part.

    False only where both say which release, and it is another one.
    """
    _, known, release = of(ecosystem)
    distro = said.qualifiers.get("distro", "")
    if known is None or known.type not in ("deb", "apk", "rpm") or not release or not distro:
        return True
    wanted, got = _release(release), _release(distro)
    if wanted is None or got is None:
        return True
    shorter = min(len(wanted), len(got))
    return wanted[:shorter] == got[:shorter]


def _release(text: str) -> list[str] | None:
    """The numbers of ``v3.19``, ``debian-12.4``, ``bookworm``, ``22.04:LTS``; None of a CPE."""
    text = text.lower()
    for name, number in _CODE_NAMES.items():
        if name in text:
            return number.split(".")
    numbers = _NUMBER.findall(text)
    return numbers[0].split(".") if len(numbers) == 1 else None
