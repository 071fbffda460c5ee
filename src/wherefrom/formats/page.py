"""A report as people read it: made once as blocks of text, then written in three ways.

    Block(kind, …) ──► html(blocks)                      one file, no script, nothing from outside
                   ├─► markdown(blocks)                  for a repository or a wiki
                   └─► typst(blocks) as data ──► PDF     a fixed template; fonts of the library

What strangers wrote is text in each, never markup. The same blocks are the same bytes.

Sizes:  a cell is cut at CELL_CHARS_MAX characters, if its maker says no other
Source: CommonMark 0.31; GitHub Flavored Markdown, "Tables"
"""

from __future__ import annotations

import html as escapes
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import SettingError

CELL_CHARS_MAX: Final = 300


class Block(NamedTuple):
    """A piece of the report.

    kind   ``title``, ``heading``, ``text``, ``list``, ``table``
    text   of a title, heading or paragraph
    rows   of a list (one cell each) or a table, whose first row is its head
    widths of a table's columns, one beside another; empty: as wide as what is in them
    """

    kind: str
    text: str = ""
    rows: Sequence[Sequence[str]] = ()
    widths: Sequence[int] = ()


def plain(value: object, chars_max: int = CELL_CHARS_MAX) -> str:
    """Text that shows all it holds: controls and marks that turn a line around are written out."""
    text = "" if value is None else str(value)
    shown = "".join(_shown(c) for c in text)
    return shown if len(shown) <= chars_max else shown[: chars_max - 1] + "…"


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"[U+{ord(character):04X}]"
    return character


_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 Georgia, 'Times New Roman', serif; margin: 2rem auto; max-width: 62rem;
  padding: 0 1rem; }
h1, h2, th { font-family: Helvetica, Arial, sans-serif; }
h1 { font-size: 1.8rem; border-bottom: 3px solid; padding-bottom: .4rem; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; margin: .8rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem;
  border-bottom: 1px solid #8886; overflow-wrap: anywhere; }
td:not(:first-child) { min-width: 6em; }
th { border-bottom: 2px solid; white-space: nowrap; }
td:first-child { white-space: nowrap; }
colgroup ~ tbody td:first-child { white-space: normal; }
h1, h2, p, li { overflow-wrap: anywhere; }
tr { break-inside: avoid; }
@media print { body { font-size: 10pt; margin: 0; max-width: none; } h2 { break-after: avoid; } }
"""


def html(blocks: Sequence[Block], *, title: str) -> bytes:
    """The report as one page. The same blocks are the same bytes."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">",
        f"<title>{escapes.escape(title)}</title><style>{_STYLE}</style></head><body><main>",
        *map(_html_of, blocks),
        "</main></body></html>",
    ]
    return ("\n".join(parts) + "\n").encode()


def _html_of(block: Block) -> str:
    if block.kind == "list":
        items = "".join(f"<li>{escapes.escape(row[0])}</li>" for row in block.rows)
        return f"<ul>{items}</ul>"
    if block.kind == "table":
        head, *rows = block.rows
        heads = "".join(f'<th scope="col">{escapes.escape(c)}</th>' for c in head)
        body = "\n".join(
            "<tr>" + "".join(f"<td>{escapes.escape(c)}</td>" for c in row) + "</tr>" for row in rows
        )
        shares = (f'<col style="width:{100 * w // sum(block.widths)}%">' for w in block.widths)
        columns = f"<colgroup>{''.join(shares)}</colgroup>" if block.widths else ""
        return f"<table>{columns}<thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table>"
    tag = {"title": "h1", "heading": "h2", "text": "p"}[block.kind]
    return f"<{tag}>{escapes.escape(block.text)}</{tag}>"


# Whatever could begin, end or be markup; a link is none without its colon, slashes or dot.
_MARKUP: Final = re.compile(r"[\\`*_{}\[\]<>#|~&!$]|(?<=:)//|(?<=www)\.|(?<=\w)@")
_BEGINS: Final = re.compile(r"^(?=[-+=])|^(\d+)(?=[.)])", re.ASCII)


def markdown(blocks: Sequence[Block]) -> bytes:
    """The report as Markdown, with tables as GitHub reads them."""
    return ("\n\n".join(map(_markdown_of, blocks)) + "\n").encode()


def _markdown_of(block: Block) -> str:
    if block.kind == "list":
        return "\n".join(f"- {escaped(row[0])}" for row in block.rows)
    if block.kind == "table":
        head, *rows = ([escaped(cell) for cell in row] for row in block.rows)
        lines = [head, ["---"] * len(head), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    mark = {"title": "# ", "heading": "## ", "text": ""}[block.kind]
    return mark + escaped(block.text)


def escaped(text: str) -> str:
    """Text on one line that no reader of Markdown takes for anything but text."""
    line = " ".join(text.split())
    quoted = _MARKUP.sub(lambda found: "".join(f"\\{c}" for c in found[0]), line)
    return _BEGINS.sub(lambda found: f"{found[1]}\\" if found[1] else "\\", quoted, count=1)


# What the fonts of the library show: an empty box in a name proves nothing.
_SHOWN: Final = ((0x20, 0x52F), (0x590, 0x6FF), (0x1E00, 0x2BFF))


def _with_fonts(text: str) -> str:
    return "".join(
        c if any(a <= ord(c) <= b for a, b in _SHOWN) else f"[U+{ord(c):04X}]" for c in text
    )


_TEMPLATE: Final = b"""
#let blocks = json(bytes(sys.inputs.blocks))
#set document(date: none, title: sys.inputs.title)
#set page(paper: "a4", margin: (x: 2cm, y: 2.2cm), numbering: "1 / 1")
#set text(font: ("Libertinus Serif", "New Computer Modern", "DejaVu Sans Mono"), size: 9.5pt)
#set par(justify: false)
#show heading.where(level: 2): set block(above: 1.6em, below: .8em)
// A line may end within a long word, and nothing is put into it that would be copied with it.
#let pieces(word) = word.clusters().chunks(12).map(c => c.join()).join(box())
#let broken(s) = s.split(" ").map(w => if w.len() > 19 { pieces(w) } else { w }).join(" ")
#for b in blocks {
  if b.kind == "title" { heading(level: 1, broken(b.text)) }
  else if b.kind == "heading" { heading(level: 2, broken(b.text)) }
  else if b.kind == "text" { par(broken(b.text)) }
  else if b.kind == "list" { list(..b.rows.map(r => text(broken(r.at(0))))) }
  else {
    set text(size: 7.5pt)
    let head = b.rows.at(0)
    table(
      columns: if b.widths.len() > 0 { b.widths.map(w => w * 1fr) } else { head.map(_ => auto) },
      stroke: (x, y) => (bottom: .4pt + gray), inset: 3pt,
      table.header(..head.map(c => strong(c))),
      ..b.rows.slice(1).flatten().map(c => if c == "" [] else { text(broken(c)) }),
    )
  }
}
"""


def pdf(blocks: Sequence[Block], *, title: str) -> bytes:
    """The report as a PDF. Raises SettingError where the library is not installed."""
    try:
        import typst
    except ImportError as error:
        raise SettingError(
            "a PDF needs a library that is not installed",
            got=str(error),
            do="pip install 'wherefrom[report]', or --no-pdf",
        ) from error
    said: list[dict[str, Any]] = [
        {
            "kind": b.kind,
            "text": _with_fonts(b.text),
            "rows": [[_with_fonts(cell) for cell in row] for row in b.rows],
            "widths": list(b.widths),
        }
        for b in blocks
    ]
    made: bytes = typst.compile(
        _TEMPLATE,
        format="pdf",
        ignore_system_fonts=True,
        sys_inputs={"blocks": json.dumps(said, ensure_ascii=True), "title": title},
    )
    return made
