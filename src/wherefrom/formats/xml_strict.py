"""XML, walked once and strictly: elements and their attributes, and nothing that can grow.

    bytes ──► expat ──► start(name, attributes), end(name)      in the order of the document
                └ a document type, an entity, too deep, too many: refused, never expanded

A document type declaration is refused whatever it says: it is where entities, external files and
their bombs come from, and no format here needs one. Text between tags is not given: what is read
here is in names and attributes.

Sizes:  128 levels · 2,000,000 elements · 256 attributes an element · UTF-8 only
Source: XML 1.0 (fifth edition); CVE-2003-1564, CVE-2013-1664 (entities)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from xml.parsers import expat

from wherefrom.errors import LimitPassed, Malformed

DEPTH_MAX: Final = 128
ELEMENTS_MAX: Final = 2_000_000
ATTRIBUTES_MAX: Final = 256


def walk(
    content: bytes,
    *,
    start: Callable[[str, Mapping[str, str]], None],
    end: Callable[[str], None],
) -> None:
    """Call ``start`` and ``end`` for each element of one document.

    Raises Malformed for what is no XML 1.0 in UTF-8 or declares a document type, LimitPassed;
    and what the two functions raise.
    """
    parser = expat.ParserCreate("utf-8")
    depth = count = 0

    def started(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > DEPTH_MAX:
            raise LimitPassed("XML nested too deeply", expected=f"depth_max {DEPTH_MAX}")
        if count > ELEMENTS_MAX:
            raise LimitPassed("too many XML elements", expected=f"elements_max {ELEMENTS_MAX}")
        if len(attributes) > ATTRIBUTES_MAX:
            raise LimitPassed(
                "an XML element has too many attributes",
                where=f"<{name}>, line {parser.CurrentLineNumber}",
                expected=f"attributes_max {ATTRIBUTES_MAX}",
            )
        start(name, attributes)

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name)

    def declared(*_: object) -> None:
        raise Malformed(
            "a document type in XML",
            where=f"line {parser.CurrentLineNumber}",
            expected="none: entities and files are never read",
            do="Write the document without <!DOCTYPE",
        )

    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.StartDoctypeDeclHandler = declared
    parser.EntityDeclHandler = declared
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise Malformed(
            "not XML",
            where=f"line {error.lineno} column {error.offset}",
            got=expat.errors.messages.get(error.code, str(error)),
        ) from error
