"""The line of a settings file on which something is wrong.

    "line 3, column 7" in what the parser said ──► 3
    "…: webhooks[0].url", the path of a field  ──► where that field stands
    "…: on-call", the name of one of a list    ──► where that one stands

Paths are found in YAML and in JSON, which is YAML for this purpose.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherefrom.errors import Error

if TYPE_CHECKING:
    import yaml

BYTES_MAX: Final = 1024 * 1024
_LINE: Final = re.compile(r"\bline (\d+)")
_INSIDE: Final = re.compile(r"at `\$([^`]*)`")
_STEP: Final = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]")


def line_of(error: Error, written: bytes, path: str) -> int | None:
    """The line, from 1; None where it cannot be told.

    path  how the file is called in ``error.where``
    """
    said = " ".join(filter(None, (error.where, error.got, error.what, error.expected)))
    found = _LINE.search(said)
    if found is not None:
        return int(found[1])
    place = (error.where or "").removeprefix(path).lstrip(":, ")
    inside = _INSIDE.search(said)  # as msgspec says where
    place = inside[1] if inside is not None and not place else place
    return _line_of_field(written, place) if place or error.where == path else None


def _line_of_field(written: bytes, place: str) -> int | None:
    if len(written) > BYTES_MAX:
        return None
    import yaml

    try:
        node = yaml.compose(written.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None
    if node is None:
        return None
    line: int = node.start_mark.line
    for key, index in _STEP.findall(place):
        below = _below(node, key, index)
        if below is None:
            break
        line, node = below
    return line + 1


def _below(node: yaml.Node, key: str, index: str) -> tuple[int, yaml.Node] | None:
    """The line of one step down, and what stands there."""
    import yaml

    if index and isinstance(node, yaml.SequenceNode):
        some = node.value[int(index) : int(index) + 1]
        return (some[0].start_mark.line, some[0]) if some else None
    if key and isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                return name.start_mark.line, value
        lists = (value for _, value in node.value if isinstance(value, yaml.SequenceNode))
        return next((found for one in lists if (found := _below(one, key, ""))), None)
    if key and isinstance(node, yaml.SequenceNode):  # one of a list, by its name
        for one in node.value:
            named = _below(one, "name", "") if isinstance(one, yaml.MappingNode) else None
            if named is not None and getattr(named[1], "value", None) == key:
                return one.start_mark.line, one
    return None
