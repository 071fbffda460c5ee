"""Package URLs: one package, one spelling, one id.

SBOMs, attestations and people spell one package in many ways; the type says which differences
mean nothing (case, ``_`` for ``-``, percent signs), and ``canonical`` takes them out.

    pkg:GOLANG/github.com/antlr/antlr4/runtime/Go/antlr@v1?type=module#x
      │ split: # from the right, ? from the right, @ from the right, / between segments
      │ decode each part, fold it by the rules of its type, encode it again
      ▼
    .text  pkg:golang/github.com/antlr/antlr4/runtime/go/antlr@v1?type=module#x
    .id    pkg:golang/github.com/antlr/antlr4/runtime/go/antlr@v1      what nodes are joined by

``parse`` is the specification to the letter. ``canonical`` also reads what real producers write:
a namespace left out or put in where its type says otherwise, and the type's own
qualifier keys in upper case. The id leaves out qualifiers, but not those that the type requires,
because without them (julia's uuid, swid's tag_id) it would name no one package.

Sizes:  a purl is at most 2,048 bytes of UTF-8, before and after
Source: ECMA-427; the rules of types are in ``purl_types.py``;
        docs/decisions/0003-package-urls.md says why no library reads them here
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.purl_types import (
    FOLDING_HOSTS,
    LENIENT,
    NAMES,
    RULES,
    UNKNOWN,
    VERSIONS,
    Rule,
)

PURL_BYTES_MAX: Final = 2048
_CACHED_MAX: Final = 16_384

_TYPE = re.compile(r"[a-z][a-z0-9.-]*")
_KEY = re.compile(r"[a-z][a-z0-9._-]*")
_PLAIN = re.compile(r"[A-Za-z0-9._~:-]*")
_SCHEME = re.compile(r"pkg:/*", re.IGNORECASE)


class Purl(msgspec.Struct, frozen=True, kw_only=True):
    """A package URL in its canonical form; the parts are decoded.

    id    the identity: no subpath, and of the qualifiers only those the type requires
    text  the full canonical spelling
    """

    id: str
    text: str
    type: str
    namespace: str | None = None
    name: str
    version: str | None = None
    qualifiers: Mapping[str, str] = {}
    subpath: str | None = None


@lru_cache(maxsize=_CACHED_MAX)
def canonical(text: str) -> Purl:
    """Read a package URL as producers write them and give its one spelling.

    text  at most 2,048 bytes of UTF-8, ``pkg:type/namespace/name@version?qualifiers#subpath``

    Raises Malformed when a part is missing, prohibited or has characters it may not have;
    LimitPassed when the text, or its canonical spelling, is over the limit.
    """
    return _read(text, strict=False)


def parse(text: str) -> Purl:
    """Read a package URL by the letter of the specification; otherwise as ``canonical``."""
    return _read(text, strict=True)


def build(
    *,
    type: str | None,
    namespace: str | None = None,
    name: str | None,
    version: str | None = None,
    qualifiers: Mapping[str, str | None] | None = None,
    subpath: str | None = None,
) -> Purl:
    """Make a package URL from decoded parts, by the letter of the specification.

    Raises Malformed for a part that is missing, prohibited or has wrong characters, LimitPassed.
    """
    given = qualifiers or {}
    _keys_unique(list(given))
    return _make(
        type or "",
        namespace or "",
        name or "",
        version or "",
        {k.lower(): v for k, v in given.items() if v},
        subpath or "",
        strict=True,
    )


def _read(text: str, *, strict: bool) -> Purl:
    if len(text) > PURL_BYTES_MAX or len(_utf8(text)) > PURL_BYTES_MAX:
        raise LimitPassed("a package URL is too long", expected=f"{PURL_BYTES_MAX} bytes at most")
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise Malformed("a package URL has no scheme", expected="pkg:type/name", got=text)
    rest, hash_sign, subpath = text[scheme.end() :].rpartition("#")
    if not hash_sign:
        rest, subpath = subpath, ""
    rest, question_mark, query = rest.rpartition("?")
    if not question_mark:
        rest, query = query, ""
    type_, _, path = rest.partition("/")
    path, version = _split_version(path)
    namespace, slash, name = path.rpartition("/")
    if type_.lower() == "git" and slash:
        # A git name is the whole path on its host.
        namespace, _, name = path.strip("/").partition("/")
    return _make(
        type_,
        _decode(namespace, "namespace"),
        _decode(name, "name"),
        _decode(version, "version"),
        _qualifiers(query, strict=strict, own=RULES.get(type_.lower(), UNKNOWN).own),
        _decode(subpath, "subpath"),
        strict=strict,
    )


def _split_version(path: str) -> tuple[str, str]:
    """Split at the last ``@``, but not at the one that begins an npm scope, ``@babel/core``."""
    name, at, version = path.rpartition("@")
    if not at or ("/" in version and (not name or name.endswith("/"))):
        return path, ""
    return name, version


def _qualifiers(query: str, *, strict: bool, own: tuple[str, ...]) -> dict[str, str]:
    if not query:
        return {}
    pairs = [pair.partition("=") for pair in query.split("&")]
    keys = [key for key, _, value in pairs if key and value]
    _keys_unique(keys)
    if strict and any(key.lower() in own and key != key.lower() for key in keys):
        raise Malformed(
            "a qualifier key is not in lower case",
            where="qualifiers",
            expected=" ".join(own),
            got=query,
        )
    return {key.lower(): _decode(value, "qualifiers") for key, _, value in pairs if key and value}


def _keys_unique(keys: list[str]) -> None:
    folded = [key.lower() for key in keys]
    if len(set(folded)) != len(folded):
        raise Malformed(
            "a package URL names one qualifier twice",
            where="qualifiers",
            expected="each key once",
            got=sorted(k for k in folded if folded.count(k) > 1)[0],
        )


def _make(
    type_: str,
    namespace: str,
    name: str,
    version: str,
    qualifiers: dict[str, str],
    subpath: str,
    *,
    strict: bool,
) -> Purl:
    type_ = _lower(type_)
    if not _TYPE.fullmatch(type_):
        raise Malformed(
            "a package URL has no such type",
            where="type",
            expected="a letter, then letters, digits, dots and dashes",
            got=type_,
        )
    rule = RULES.get(type_, UNKNOWN)
    segments = [s for s in namespace.split("/") if s]
    steps = [s for s in subpath.split("/") if s not in ("", ".", "..")]
    if rule.fold:
        segments = [_lower(s) for s in segments] if "n" in rule.fold else segments
        name = _lower(name) if "m" in rule.fold else name
        version = _lower(version) if "v" in rule.fold else version
        steps = [_lower(s) for s in steps] if "s" in rule.fold else steps
    segments, name = _fold_specially(type_, segments, name, qualifiers)
    _check(type_, rule, segments, name, version, qualifiers, strict=strict)
    path = "/".join([type_, *map(_encode, segments), _encode_name(type_, name)])
    id_ = f"pkg:{path}@{_encode(version)}" if version else f"pkg:{path}"
    ordered = dict(sorted(qualifiers.items()))
    text = id_ + _query(ordered)
    if steps:
        text += "#" + "/".join(map(_encode, steps))
    if len(text) > PURL_BYTES_MAX:
        raise LimitPassed(
            "a package URL is too long once it is encoded",
            expected=f"{PURL_BYTES_MAX} bytes at most",
            got=f"{len(text)} bytes",
        )
    return Purl(
        id=id_ + _query({key: ordered[key] for key in rule.required}) if rule.required else id_,
        text=text,
        type=type_,
        namespace="/".join(segments) or None,
        name=name,
        version=version or None,
        qualifiers=ordered,
        subpath="/".join(steps) or None,
    )


def _fold_specially(
    type_: str, segments: list[str], name: str, qualifiers: Mapping[str, str]
) -> tuple[list[str], str]:
    """The rules that are more than lower case."""
    if type_ == "pypi":
        name = re.sub(r"[-_.]+", "-", name)  # PEP 503
    elif type_ == "pub":
        name = re.sub(r"[^a-z0-9_]", "_", name)
    elif type_ == "hackage":
        name = name.replace("_", "-")
    elif type_ == "cpan":
        segments = [_upper(s) for s in segments]
    elif type_ == "git":
        name = "/".join(s for s in name.split("/") if s)
        if segments and _lower(segments[0]) in FOLDING_HOSTS:
            segments, name = [_lower(s) for s in segments], _lower(name)
    elif type_ == "mlflow" and "databricks" in qualifiers.get("repository_url", "").lower():
        name = _lower(name)  # Databricks folds model names, Azure ML does not
    return segments, name


def _check(
    type_: str,
    rule: Rule,
    segments: list[str],
    name: str,
    version: str,
    qualifiers: Mapping[str, str],
    *,
    strict: bool,
) -> None:
    if not name:
        raise Malformed("a package URL has no name", where="name", expected=f"pkg:{type_}/name")
    if strict or type_ not in LENIENT:
        if segments and rule.namespace == "prohibited":
            raise Malformed(
                f"a {type_} package URL may have no namespace",
                where="namespace",
                expected=f"pkg:{type_}/{name}",
                got="/".join(segments),
            )
        if not segments and rule.namespace == "required":
            raise Malformed(f"a {type_} package URL needs a namespace", where="namespace", got=name)
    for part, value, patterns in (("name", name, NAMES), ("version", version, VERSIONS)):
        pattern = patterns.get(type_)
        if pattern is not None and value and not pattern.fullmatch(value):
            raise Malformed(
                f"not a {part} that {type_} has", where=part, expected=pattern.pattern, got=value
            )
    for key in qualifiers:
        if not _KEY.fullmatch(key):
            raise Malformed(
                "not a qualifier key",
                where="qualifiers",
                expected="a letter, then letters, digits, dots, dashes and underscores",
                got=key,
            )
    for key in rule.required:
        if key not in qualifiers:
            raise Malformed(f"a {type_} package URL needs a qualifier", where=f"qualifiers.{key}")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Malformed("half a surrogate pair in a package URL", got=ascii(text)) from error


def _lower(text: str) -> str:
    # ASCII only: Unicode's lower case changes lengths and is not what registries do.
    return text.lower() if text.isascii() else _utf8(text).lower().decode()


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else _utf8(text).upper().decode()


def _decode(part: str, where: str) -> str:
    if "%" not in part:
        return part
    try:
        return unquote(part, errors="strict")
    except UnicodeDecodeError as error:
        raise Malformed("percent signs that are not UTF-8", where=where, got=part) from error


def _encode(part: str) -> str:
    return part if _PLAIN.fullmatch(part) else quote(_utf8(part), safe=":")


def _encode_name(type_: str, name: str) -> str:
    return "/".join(map(_encode, name.split("/"))) if type_ == "git" else _encode(name)


def _query(qualifiers: Mapping[str, str]) -> str:
    if not qualifiers:
        return ""
    return "?" + "&".join(f"{key}={_encode(value)}" for key, value in qualifiers.items())
