"""The configuration of a pod template: what it refers to, resolved to one digest. Pure.

    env, envFrom, volumes ──► Reference, Reference, …          (references)
    ConfigMap, Secret     ──► Bundle: key → hash of its value   (bundle)
    references + bundles  ──► sha256:… over place → hash        (digest)

A ConfigMap's values are hashed as they are, so that two clusters with the same configuration have
the same digest. A Secret's are hashed under a key that stays with the agent: they are often short
enough to be guessed. No value of either is kept.

Sizes:  an object of the API is 1.5 MiB at most
Source: core/v1, EnvVarSource, EnvFromSource, Volume; docs/kubernetes.md, "Configuration"
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from wherefrom.capture.kubernetes.fields import at, flag, items, text
from wherefrom.errors import Malformed
from wherefrom.formats.strict_json import get_object as obj

# Of what is secret: what it is called, and what it is.
Keyed = Callable[[str, bytes], str]
ABSENT: Final = "absent"
UNREAD: Final = "unread"
_DATA: Final = frozenset({"f:data", "f:binaryData"})


class Bundle(NamedTuple):
    """A ConfigMap or Secret, without its values.

    kind     ``configmap`` or ``secret``
    values   key → hash of its value; ``whole``: the hash of them all
    changed  when its values changed last, as far as the object says
    version  the resourceVersion; it moves with anything about the object
    """

    kind: str
    namespace: str
    name: str
    values: Mapping[str, str]
    whole: str
    changed: str | None
    type: str = ""
    version: str = ""


@lru_cache(maxsize=10_000)
def unread(kind: str, namespace: str, name: str) -> Bundle:
    """One that may not be read: it stands in a digest as such."""
    return Bundle(kind, namespace, name, {}, UNREAD, "")


class Reference(NamedTuple):
    """One thing that a template takes.

    place     where the program finds it: ``web/env/LEVEL``, ``volume/conf``
    kind      ``configmap`` or ``secret``; empty for what stands in the template itself
    name      of that object
    keys      the keys of it that are taken, each as what; None: all of them
    hashed    of what stands in the template: its hash
    """

    place: str
    kind: str = ""
    name: str = ""
    keys: tuple[tuple[str, str], ...] | None = None
    hashed: str = ""


def bundle(
    kind: str, namespace: str, name: str, raw: Mapping[str, Any], *, created: str | None,
    keyed: Keyed | None,
) -> Bundle:  # fmt: skip
    """Reduce an object to hashes; ``keyed`` for a Secret. Raises Malformed."""
    hashed = keyed or _unkeyed
    values = {}
    encoded = ("data",) if kind == "secret" else ("binaryData",)
    for field in ("data", "binaryData"):
        for key, value in obj(raw, field).items():
            if not isinstance(value, str):
                # Never with the value itself: an error is told to people.
                raise Malformed("a value that is no text", where=f"{field}.{key}")
            values[key] = hashed(key, _decoded(value) if field in encoded else _bytes(value))
    return Bundle(
        kind, namespace, name, values,
        whole=hashed("", _canonical(values)),
        changed=_changed(raw) or created,
        type=text(raw, "type", ""),
        version=text(obj(raw, "metadata"), "resourceVersion", "metadata"),
    )  # fmt: skip


def _changed(raw: Mapping[str, Any]) -> str | None:
    """The last time that a manager wrote the values, by the object's own account."""
    metadata = obj(raw, "metadata")
    found = [
        at(one, "time", place)
        for one, place in items(metadata, "managedFields", "metadata")
        if _DATA & obj(one, "fieldsV1", where=place).keys()
    ]
    return max((time for time in found if time is not None), default=None)


def references(spec: Mapping[str, Any], where: str) -> Iterator[Reference]:
    """All that the spec of a pod takes from elsewhere or sets itself. Raises Malformed."""
    for field in ("containers", "initContainers"):
        for container, place in items(spec, field, where):
            name = text(container, "name", place)
            for index, (source, inside) in enumerate(items(container, "envFrom", place)):
                yield from _whole_environment(f"{name}/envFrom/{index}", source, inside)
            for variable, inside in items(container, "env", place):
                yield _variable(f"{name}/env/{text(variable, 'name', inside)}", variable, inside)
    for volume, place in items(spec, "volumes", where):
        yield from _volume(f"volume/{text(volume, 'name', place)}", volume, place)


def _whole_environment(place: str, source: Mapping[str, Any], where: str) -> Iterator[Reference]:
    prefix = text(source, "prefix", where)
    for field, kind in (("configMapRef", "configmap"), ("secretRef", "secret")):
        found = obj(source, field, where=where)
        if found:
            yield Reference(f"{place}/{prefix}", kind, text(found, "name", f"{where}.{field}"))


def _variable(place: str, variable: Mapping[str, Any], where: str) -> Reference:
    source = obj(variable, "valueFrom", where=where)
    for field, kind in (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")):
        found, inside = obj(source, field, where=where), f"{where}.valueFrom.{field}"
        if found:
            key = text(found, "key", inside)
            return Reference(place, kind, text(found, "name", inside), ((key, key),))
    said = _canonical(source) if source else _bytes(text(variable, "value", where))
    return Reference(place, hashed=_plain(said))


def _volume(place: str, volume: Mapping[str, Any], where: str) -> Iterator[Reference]:
    for field, kind, called in (
        ("configMap", "configmap", "name"), ("secret", "secret", "secretName"),
    ):  # fmt: skip
        found = obj(volume, field, where=where)
        if found:
            yield _files(place, kind, called, found, f"{where}.{field}")
    projected = obj(volume, "projected", where=where)
    for index, (source, inside) in enumerate(items(projected, "sources", f"{where}.projected")):
        for field, kind in (("configMap", "configmap"), ("secret", "secret")):
            found = obj(source, field, where=inside)
            if found:
                yield _files(f"{place}/{index}", kind, "name", found, f"{inside}.{field}")


def _files(place: str, kind: str, called: str, source: Mapping[str, Any], where: str) -> Reference:
    keys = [
        (text(item, "key", inside), text(item, "path", inside))
        for item, inside in items(source, "items", where)
    ]
    flag(source, "optional", where)
    return Reference(place, kind, text(source, called, where), tuple(keys) or None)


def digest(
    references: tuple[Reference, ...], found: Mapping[tuple[str, str], Bundle | None]
) -> tuple[str, dict[str, str]]:
    """The digest of all that is referred to, and the hash of each object that is in it.

    found  by kind and name, each object that is referred to; None where there is none
    """
    places: dict[str, str] = {}
    objects: dict[str, str] = {}
    for one in references:
        if not one.kind:
            places[one.place] = one.hashed
            continue
        bundle = found[one.kind, one.name]
        objects[f"{one.kind}/{one.name}"] = bundle.whole if bundle else ABSENT
        if bundle is None:
            places[one.place] = ABSENT
        elif one.keys is None or bundle.whole == UNREAD:
            places[one.place] = bundle.whole
        else:
            taken = {path: bundle.values.get(key, ABSENT) for key, path in one.keys}
            places[one.place] = _plain(_canonical(taken))
    return _plain(_canonical(places)), objects


def _unkeyed(_: str, value: bytes) -> str:
    return _plain(value)


def _plain(value: bytes) -> str:
    return "sha256:" + sha256(value).hexdigest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return _bytes(value)  # the API refuses this: whatever it is, it has a hash
