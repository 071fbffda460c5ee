"""Commits, as a custom type of CDEvents: whose they are, and which tables they changed.

    prov-commit.made ──► commit ──specializes──► repository        ──revises──► its parents
                           ├─attributed_to─► author
                           └─changes──► table {path, status, names}  ──derived_from─► what it reads

A table is a dataset whose namespace is the repository: what the same table is called in a
warehouse, only a record that names both can say.

Sizes:  TABLES_MAX tables a commit · what ``strict_json`` bounds
Source: CDEvents 0.6.0-draft, "Custom CDEvents"; docs/formats/cdevents.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import names
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.digests import commit_id, git_place
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.strict_json import as_object, as_string, get_array, get_string, need_string

SUBJECT: Final = "prov-commit"
TABLES_MAX: Final = 5_000


def add(builder: FactsBuilder, id: str, content: Mapping[str, Any], activity: str) -> None:
    """Add a commit. Raises Malformed, LimitPassed."""
    commit = _commit(builder, id, where="subject.id")
    summary = get_string(content, "summary", where="content")
    builder.node(commit, "commit", summary)
    builder.edge(activity, "describes", commit)
    said = need_string(content, "repository", where="content")
    place = git_place(said)
    repository = place.repository if place else public_id(said)
    builder.node(repository, "source", repository.partition("://")[2] or repository)
    builder.edge(commit, "specializes", repository)
    for number, parent in enumerate(get_array(content, "parents", where="content")):
        where = f"content.parents[{number}]"
        builder.edge(commit, "revises", _commit(builder, as_string(parent, where=where), where))
    if author := get_string(content, "author", where="content"):
        who = public_id(author) if "@" in author else f"user:git:{names.encode(author)}"
        builder.edge(commit, "attributed_to", builder.node(who, "person", author))
    tables = get_array(content, "tables", where="content")
    if len(tables) > TABLES_MAX:
        raise LimitPassed(
            "too many tables", where="content.tables", expected=str(TABLES_MAX), got=len(tables)
        )
    for number, table in enumerate(tables):
        where = f"content.tables[{number}]"
        _table(builder, commit, repository, as_object(table, where=where), where)


def _commit(builder: FactsBuilder, text: str, where: str) -> str:
    id = commit_id(text)
    if id is None:
        raise Malformed("not a commit", where=where, expected="40 or 64 hex digits", got=text)
    return builder.node(id, "commit")


def _table(
    builder: FactsBuilder, commit: str, repository: str, said: Mapping[str, Any], where: str
) -> None:
    def dataset(name: str) -> str:
        return builder.node(names.dataset_id(repository, name), "dataset", name)

    table = dataset(need_string(said, "name", where=where))
    told: dict[str, Any] = {}
    for key in ("path", "status", "kind"):
        if text := get_string(said, key, where=where):
            told[key] = text
    words = [as_string(w, where=f"{where}.names") for w in get_array(said, "names", where=where)]
    if words:
        told["names"] = words
    builder.edge(commit, "changes", table, told)
    for read in get_array(said, "reads", where=where):
        source = dataset(as_string(read, where=f"{where}.reads"))
        if source != table:
            builder.edge(table, "derived_from", source, {"commit": commit})
