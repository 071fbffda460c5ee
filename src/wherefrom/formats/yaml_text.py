"""YAML that people write, as the values that JSON has; nothing else, and nothing that grows.

    text ──safe loading──► documents ──counted, aliases opened──► values of JSON

A few lines of aliases can stand for a billion nodes ("billion laughs"), so what a document means is
counted with each alias opened, and stops at NODES_MAX. A key that is there twice is refused; a time
stays the text it is.

Sizes:  NODES_MAX nodes · DEPTH_MAX levels · DOCUMENTS_MAX documents · the caller limits the bytes
Source: yaml.org/spec/1.1, as PyYAML reads it; CVE-2003-1564
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed

DEPTH_MAX: Final = 64
NODES_MAX: Final = 500_000
DOCUMENTS_MAX: Final = 10_000


def decode_all(written: bytes, *, where: str) -> list[Any]:
    """Every document of a stream, without empty ones. Raises Malformed, LimitPassed."""
    try:
        text = written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8 text", where=where) from error
    import yaml  # late: most programs read none

    found: list[Any] = []
    left = NODES_MAX
    need_shallow(text, where=where)
    try:
        for document in yaml.load_all(text, Loader=_loader()):
            if document is None:
                continue
            if len(found) >= DOCUMENTS_MAX:
                raise LimitPassed(
                    "too many documents", where=where, expected=f"documents_max {DOCUMENTS_MAX}"
                )
            left = _count(document, left, where)
            found.append(document)
    except yaml.YAMLError as error:
        raise _not_yaml(error, where) from error
    except (ValueError, TypeError) as error:  # such as a month 13, or a list for a key
        raise Malformed("not YAML", where=where, got=str(error)[:80]) from error
    return found


def need_shallow(text: str, *, where: str) -> None:
    """Raises LimitPassed for a text that is nested too deep to be loaded, or that means too much;
    Malformed.

    The loaders recurse, libyaml's past the end of the stack, so depth is looked at before. And they
    open what is merged (``<<``) while they load, so what each anchor stands for is counted before.
    """
    import yaml

    count = 0
    named: dict[str, int] = {}  # anchor → how many nodes it stands for
    opened: list[tuple[str | None, int]] = []  # each collection: its anchor, the count before it
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.CollectionEndEvent):
                anchor, before = opened.pop()
                if anchor is not None:
                    named[anchor] = count - before
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            before = count
            count += named.get(event.anchor or "", 1) if isinstance(event, yaml.AliasEvent) else 1
            if count > NODES_MAX:
                raise _too_much(where)
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append((event.anchor, before))
                if len(opened) > DEPTH_MAX:
                    raise _too_deep(where)
    except yaml.YAMLError as error:
        raise _not_yaml(error, where) from error


def decode(written: bytes, *, where: str) -> Any:
    """The one document of a stream; None if it is empty. Raises Malformed, LimitPassed."""
    found = decode_all(written, where=where)
    if len(found) > 1:
        raise Malformed(
            "more than one document", where=where, expected="one", got=f"{len(found)} of them"
        )
    return found[0] if found else None


def _count(document: Any, left: int, where: str) -> int:
    """How many more nodes there may be after ``document``."""
    todo: list[tuple[Any, int]] = [(document, 0)]
    while todo:
        value, depth = todo.pop()
        left -= 1
        if left < 0:
            raise _too_much(where)
        if depth > DEPTH_MAX:
            raise _too_deep(where)
        if isinstance(value, dict):
            todo += [(inner, depth + 1) for inner in value.values()]
        elif isinstance(value, list):
            todo += [(inner, depth + 1) for inner in value]
        elif not isinstance(value, str | int | float | bool | None):
            raise Malformed(
                "a value that JSON has not", where=where, expected="text, a number, true or false",
                got=type(value).__name__,
            )  # fmt: skip
    return left


def _too_much(where: str) -> LimitPassed:
    return LimitPassed(
        "too much, with every alias opened", where=where, expected=f"nodes_max {NODES_MAX}"
    )


def _too_deep(where: str) -> LimitPassed:
    return LimitPassed("nested too deep", where=where, expected=f"depth_max {DEPTH_MAX}")


def _not_yaml(error: Exception, where: str) -> Malformed:
    mark = getattr(error, "problem_mark", None)
    line = f", line {mark.line + 1}" if mark else ""
    # Without the text itself, which may hold a secret.
    said = str(getattr(error, "problem", None) or type(error).__name__)
    return Malformed("not YAML", where=f"{where}{line}", got=said[:80])


@cache
def _loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Without times, which JSON has not, and with each key once, which is text."""

        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
            for first, rules in base.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            self.flatten_mapping(node)
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for key in keys:
                if not isinstance(key, str):
                    raise yaml.constructor.ConstructorError(
                        None, None, "a key that is no text", node.start_mark
                    )
            if len(set(keys)) != len(keys):
                raise yaml.constructor.ConstructorError(
                    None, None, "a mapping names one key twice", node.start_mark
                )
            return super().construct_mapping(node, deep)

    return Loader
