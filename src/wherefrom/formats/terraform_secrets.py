"""Where a plan or state of Terraform holds values, and which of them it marks as sensitive.

    values           ┐ walked side by side:    {"password": "x", "tags": {"a": "b"}}
    sensitive_values ┘ what is ``true`` there  {"password": true, "tags": {}}  ──► values.password

``terraform show -json`` writes sensitive values in clear, and beside them which they are. A value
that is null, or a keyed hash already, is not in clear. What has not the shape that Terraform writes
is passed over here, and told by ``terraform``.

Source: Terraform, "JSON Output Format"; OpenTofu writes the same
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, MutableSequence
from typing import Any, Final, NamedTuple

from wherefrom.formats.keyed_hash import is_keyed

_Parent = MutableMapping[str, Any] | MutableSequence[Any]
_SIDES: Final = ("before", "after")


class Value(NamedTuple):
    """One value: ``parent[key]``.

    where  its place in the document: ``values.root_module.resources[0].values.password``
    of     whose it is: the address of the resource; ``path`` its place there: ``password``. They
           are the same in a plan and in a state, before and after.
    """

    parent: _Parent
    key: Any
    where: str
    of: str
    path: str


class Settings(NamedTuple):
    """All values of one thing, and what is said of which are sensitive; ``type`` of a resource."""

    whole: Value
    marks: object
    type: str = ""

    def in_clear(self) -> Iterator[Value]:
        """Each that is marked, and is no keyed hash."""
        waiting: list[tuple[Value, object]] = [(self.whole, self.marks)]
        while waiting:
            one, mark = waiting.pop()
            value = _at(one.parent, one.key)
            if value is None:
                continue
            if mark is True:
                if not is_keyed(value):
                    yield one
            elif isinstance(mark, dict):
                waiting += [(_inside(one, value, key), inner) for key, inner in mark.items()]
            elif isinstance(mark, list):
                waiting += [(_inside(one, value, n), inner) for n, inner in enumerate(mark)]

    def leaves(self) -> Iterator[Value]:
        """Each value that has none in it."""
        waiting = [self.whole]
        while waiting:
            one = waiting.pop()
            value = _at(one.parent, one.key)
            if isinstance(value, dict):
                waiting += [_inside(one, value, key) for key in value]
            elif isinstance(value, list):
                waiting += [_inside(one, value, n) for n in range(len(value))]
            else:
                yield one


def settings(document: Mapping[str, Any]) -> Iterator[Settings]:
    """All values of a document, thing by thing."""
    for name in ("values", "planned_values"):
        yield from _of_tree(document.get(name), name)
    yield from _of_tree(_get(document.get("prior_state"), "values"), "prior_state.values")
    for name in ("resource_changes", "resource_drift"):
        for at, one in enumerate(_list(document.get(name))):
            of, type = _text(_get(one, "address")), _text(_get(one, "type"))
            yield from _of_change(_get(one, "change"), f"{name}[{at}].change", of, type)
    for name, change in _items(document.get("output_changes")):
        yield from _of_change(change, f"output_changes.{name}", f"output.{name}")
    declared = _get(_get(document.get("configuration"), "root_module"), "variables")
    for name, variable in _items(document.get("variables")):
        marks = _get(_get(declared, name), "sensitive")
        yield from _settings(variable, "value", marks, f"variables.{name}.value", f"var.{name}")


def in_clear(document: Mapping[str, Any]) -> Iterator[Value]:
    """Every value that is marked as sensitive, and stands there in clear."""
    for one in settings(document):
        yield from one.in_clear()


def _of_tree(tree: object, where: str) -> Iterator[Settings]:
    for name, output in _items(_get(tree, "outputs")):
        place = f"{where}.outputs.{name}.value"
        yield from _settings(output, "value", _get(output, "sensitive"), place, f"output.{name}")
    waiting = [(_get(tree, "root_module"), f"{where}.root_module")]
    while waiting:
        module, place = waiting.pop()
        for at, one in enumerate(_list(_get(module, "resources"))):
            marks, of = _get(one, "sensitive_values"), _text(_get(one, "address"))
            yield from _settings(
                one,
                "values",
                marks,
                f"{place}.resources[{at}].values",
                of,
                _text(_get(one, "type")),
            )
        for at, inner in enumerate(_list(_get(module, "child_modules"))):
            waiting.append((inner, f"{place}.child_modules[{at}]"))


def _of_change(change: object, where: str, of: str, type: str = "") -> Iterator[Settings]:
    """What is marked on one side of a change is no less secret on the other."""
    both = [_get(change, f"{side}_sensitive") for side in _SIDES]
    for side in _SIDES:
        for marks in both if both[0] != both[1] else both[:1]:
            yield from _settings(change, side, marks, f"{where}.{side}", of, type)


def _settings(
    parent: object, key: str, marks: object, where: str, of: str, type: str = ""
) -> Iterator[Settings]:
    if isinstance(parent, dict) and parent.get(key) is not None:
        yield Settings(Value(parent, key, where, of, ""), marks, type)


def _inside(one: Value, value: Any, key: object) -> Value:
    step = f"[{key}]" if isinstance(key, int) else f".{key}"
    path = f"{one.path}{step}".removeprefix(".")
    return Value(value, key, f"{one.where}{step}", one.of, path)


def _at(holder: object, key: object) -> Any:
    if isinstance(holder, dict):
        return holder.get(key)
    if isinstance(holder, list) and isinstance(key, int) and key < len(holder):
        return holder[key]
    return None


def _get(parent: object, key: str) -> Any:
    return parent.get(key) if isinstance(parent, dict) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _items(parent: object) -> list[tuple[str, Any]]:
    return list(parent.items()) if isinstance(parent, dict) else []


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
