"""What a ticket is about, and the texts that it is written in.

    Cause ──► title, body in Markdown (GitHub, GitLab) or in Jira's markup, both with its marker

The **marker** is how a ticket is found again whose number was never heard: the root (what it is
about, the same whenever it comes back) and the occurrence (this time).

Every text of a record is a stranger's: it stands in a code span, where it can neither call people
nor lead anywhere.

Sizes:  a title TITLE_CHARS_MAX · FACTS_MAX facts of FACT_CHARS_MAX
Source: docs/tickets.md
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from wherefrom.formats.shown import cut

TITLE_CHARS_MAX: Final = 200
FACT_CHARS_MAX: Final = 500
FACTS_MAX: Final = 20
LABEL: Final = "wherefrom"
_ROOT_CHARS, _OCCURRENCE_CHARS = 24, 12
_ENDS: Final = {c: f"%{ord(c):02X}" for c in "<>|[]{}\\`^!"}
_MARKS: Final = frozenset("\\{}[]*_-+^~?!|#@")


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong until it is over.

    root         what it is about: ``artifact:sha256:…``, an incident's id
    entry        the record that opened it; ``at`` when it began
    title        on one line
    severity     of an incident; empty of what turned
    environments where it is so
    facts        name and value, for people
    commands     that show more
    links        text and address
    by           who said so, as entries have producers; empty: somebody whose word counts
    """

    root: str
    entry: int
    at: str
    title: str
    severity: str = ""
    environments: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    commands: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    by: str = ""


class Marker:
    """What the tickets about one thing carry.

    root        the same whenever it comes back
    occurrence  this time
    """

    def __init__(self, origin: str, root: str, at: str) -> None:
        self.root = f"wf{_digest(origin, root)[:_ROOT_CHARS]}"
        self.occurrence = f"wf{_digest(origin, root, at)[:_OCCURRENCE_CHARS]}"

    @property
    def text(self) -> str:
        """As it stands in a ticket."""
        return f"{LABEL} {self.root} {self.occurrence}"

    @property
    def label(self) -> str:
        """The root as a label, where labels are what can be searched for."""
        return f"{LABEL}-{self.root}"


def _digest(*parts: str) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def title_of(cause: Cause) -> str:
    """The title of its ticket."""
    return cut(cause.title, TITLE_CHARS_MAX)


def markdown(cause: Cause, marker: Marker) -> str:
    """The body for GitHub and GitLab."""
    parts = [
        "\n".join(f"* {name}: {_code(value)}" for name, value in cause.facts[:FACTS_MAX]),
        "```console\n" + "\n".join(f"$ {_line(one)}" for one in cause.commands) + "\n```",
        "\n".join(f"* [{text}](<{url}>)" for text, url in _all_links(cause)),
        f"It is closed once its cause is gone.\n\n<!-- {marker.text} -->\n`{marker.text}`",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_end(why: str, marker: Marker) -> str:
    """What a note says that closes one of these: ``why`` may be a stranger's words."""
    return f"{_code(why)}\n\n<!-- {marker.text} -->"


def jira_end(why: str, marker: Marker) -> str:
    """The same in Jira's markup."""
    return f"{_escaped(why)}\n\n{marker.text}"


def _code(text: str) -> str:
    """A code span: its fence is longer than any run of backticks in it."""
    shown = cut(text, FACT_CHARS_MAX)
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    space = " " if "`" in shown else ""
    return f"{fence}{space}{shown}{space}{fence}"


def _line(command: str) -> str:
    return cut(command, FACT_CHARS_MAX).replace("```", "'''")


def jira(cause: Cause, marker: Marker) -> str:
    """The body in Jira's markup."""
    commands = "\n".join(_line(one).replace("{", "(") for one in cause.commands)
    parts = [
        "\n".join(f"* {name}: {_escaped(value)}" for name, value in cause.facts[:FACTS_MAX]),
        f"{{noformat}}\n{commands}\n{{noformat}}",
        "\n".join(f"* [{text}|{url}]" for text, url in _all_links(cause)),
        f"It is closed once its cause is gone.\n\n{marker.text}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _escaped(text: str) -> str:
    """Without what Jira's markup, or its mentions, could take for one of theirs."""
    shown = cut(text, FACT_CHARS_MAX)
    return "".join(f"\\{c}" if c in _MARKS else c for c in shown)


def _all_links(cause: Cause) -> list[tuple[str, str]]:
    """Links whose addresses end where they should: neither markup can be left from within one."""
    return [(text, "".join(_ENDS.get(c, c) for c in url)) for text, url in cause.links]
