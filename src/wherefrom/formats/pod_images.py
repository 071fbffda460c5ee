"""Every image that an object of Kubernetes would have run: containers of all kinds, and volumes.

    Pod, or a kind that makes pods ──its path──► pod spec ──► containers, initContainers,
    any other kind ──looked through──► pod specs               ephemeralContainers, volumes[].image

Of a kind that the API server knows, pods lie where ``manifest_pods`` says and an object that has
none there is refused. Of a kind that it learned from somebody, whatever looks like a pod's spec is
taken for one: better an image looked at that never runs than one that runs and was not looked at.

Sizes:  IMAGES_MAX images an object
Source: Kubernetes API v1.33, core/v1 PodSpec
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats.manifest_pods import PATHS, spec_at

IMAGES_MAX: Final = 2_000
GROUPS: Final = frozenset({"", "apps", "batch", "extensions"})
_LISTS: Final = ("initContainers", "containers", "ephemeralContainers")
_PATHS: Final[Mapping[str, tuple[str, ...]]] = {**PATHS, "PodTemplate": ("template", "spec")}
_Step = str | int


class ImageUse(NamedTuple):
    """An image that is to be run, and where the object says so: ``spec``, ``containers``, 0, …

    name  of the container or the volume
    """

    image: str
    name: str
    path: tuple[_Step, ...]

    @property
    def place(self) -> str:
        """For people: ``spec.containers[0].image``."""
        return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.path).lstrip(".")

    @property
    def pointer(self) -> str:
        """For a patch: ``/spec/containers/0/image`` (RFC 6901)."""
        steps = (str(step).replace("~", "~0").replace("/", "~1") for step in self.path)
        return "".join(f"/{step}" for step in steps)


def images_of(item: Mapping[str, Any], *, kind: str, group: str) -> list[ImageUse]:
    """All images of an object. Raises Malformed for a pod that cannot be read, LimitPassed."""
    path = _PATHS.get(kind) if group in GROUPS else None
    found: list[ImageUse] = []
    specs = _looked_for(item) if path is None else [(path, spec_at(item, path))]
    for place, spec in specs:
        for use in _of_spec(spec, place):
            found.append(use)
            if len(found) > IMAGES_MAX:
                raise LimitPassed("too many images", expected=f"images_max {IMAGES_MAX}")
    return found


def _of_spec(spec: Mapping[str, Any], path: tuple[_Step, ...]) -> Iterator[ImageUse]:
    for key in _LISTS:
        for number, container in _items(spec, key, path):
            yield _use(container, "image", (*path, key, number), container.get("name"))
    for number, volume in _items(spec, "volumes", path):
        source = volume.get("image")
        if source is None:
            continue
        place = (*path, "volumes", number, "image")
        if not isinstance(source, dict):
            raise Malformed("a volume's image that is none", where=_said(place))
        yield _use(source, "reference", place, volume.get("name"))


def _items(
    spec: Mapping[str, Any], key: str, path: tuple[_Step, ...]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    listed = spec.get(key)
    if listed is None:
        return
    if not isinstance(listed, list):
        raise Malformed("not a list", where=_said((*path, key)), got=type(listed).__name__)
    for number, item in enumerate(listed):
        if not isinstance(item, dict):
            raise Malformed(
                "not an object", where=_said((*path, key, number)), got=type(item).__name__
            )
        yield number, item


def _use(holder: Mapping[str, Any], key: str, path: tuple[_Step, ...], name: object) -> ImageUse:
    image = holder.get(key)
    if not isinstance(image, str) or not image:
        raise Malformed(
            "no image is named", where=_said((*path, key)), expected="HOST/NAME@sha256:…",
            got="nothing" if not image else type(image).__name__,
        )  # fmt: skip
    return ImageUse(image, name if isinstance(name, str) else "", (*path, key))


def _said(path: tuple[_Step, ...]) -> str:
    return ImageUse("", "", path).place


def _looked_for(item: Mapping[str, Any]) -> Iterator[tuple[tuple[_Step, ...], Mapping[str, Any]]]:
    """Whatever looks like a pod's spec, wherever it is."""
    todo: list[tuple[tuple[_Step, ...], Any]] = [((), item)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, list):
            todo += [((*path, number), inner) for number, inner in enumerate(value)]
        elif isinstance(value, dict):
            if path and _is_spec(value):
                yield path, value
            # One may lie in another: a part that looks like a pod must not hide the rest.
            todo += [((*path, key), inner) for key, inner in value.items()]


def _is_spec(value: Mapping[str, Any]) -> bool:
    """Has it containers, each with a name and an image that is a text?"""
    for key in _LISTS:
        listed = value.get(key)
        if isinstance(listed, list) and listed:
            return all(
                isinstance(one, dict)
                and isinstance(one.get("name"), str)
                and isinstance(one.get("image"), str)
                for one in listed
            )
    return False
