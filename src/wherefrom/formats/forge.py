"""What the webhooks of GitHub and GitLab have in common: repositories, commits, deployments.

    push            ──► change ──used──► commit ──revises──► the one before
    merged request  ──► change ──used──► commit;  the merge commit ──generated_by──► change
    deployment      ──► deployment ──deploys──► commit;  State(declared, artifact) once it succeeded
    pipeline        ──► run ──used──► commit

Sizes:  2,048 commits a push, as GitHub sends at most
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats import changes
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.digests import commit_id, git_place
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.states import DECLARED, Scope, State
from wherefrom.formats.strict_json import as_object, get_array, get_string, need_string

COMMITS_MAX: Final = 2048


def commits_of(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The commits of a push, COMMITS_MAX of them. Raises Malformed."""
    listed = get_array(document, "commits")[:COMMITS_MAX]
    return [as_object(one, where=f"commits[{at}]") for at, one in enumerate(listed)]


def _title(commit: Mapping[str, Any], titles: Sequence[str]) -> str | None:
    said = next(filter(None, (get_string(commit, key) for key in titles)), None)
    return changes.shown(said) if said else None


class Forge:
    """One webhook on its way into a builder.

    system      ``github`` or ``gitlab``, in the ids of what only it names
    repository  the repository's page; its id is that of the git repository
    name        ``owner/name``
    """

    def __init__(self, builder: FactsBuilder, system: str, repository: str, name: str) -> None:
        self.builder = builder
        self.system = system
        self.name = name
        place = git_place(repository.removesuffix("/") + ".git")
        self.url = place.repository if place else public_id(repository)
        builder.node(self.url, "source", self.url.partition("://")[2] or name)

    def who(self, login: str | None) -> str | None:
        """The user with this login."""
        return changes.add_who(self.builder, login, system=self.system)

    def commit(self, sha: str | None, *, where: str, **properties: str | None) -> str | None:
        """The node of a commit; None for none and for git's zeros. Raises Malformed."""
        if not sha or not sha.strip("0"):
            return None
        id = commit_id(sha)
        if id is None:
            raise Malformed("not a commit", where=where, expected="40 or 64 hex digits", got=sha)
        self.builder.node(id, "commit", None, properties)
        self.builder.edge(id, "specializes", self.url)
        return id

    def push(
        self,
        document: Mapping[str, Any],
        *,
        titles: Sequence[str],
        forced: bool,
        by: str | None,
        time: str | None,
    ) -> None:
        """A ref that points elsewhere now. ``titles`` are where a commit may have one, in order."""
        ref, after = need_string(document, "ref"), get_string(document, "after")
        before = get_string(document, "before")
        commits = [
            (need_string(one, "id", where=f"commits[{at}]"), _title(one, titles))
            for at, one in enumerate(commits_of(document))
        ]
        old = self.commit(before, where="before")
        new = self.commit(after, where="after", ref=ref)
        change = changes.add_change(
            self.builder, changes.change_id(self.system, f"{self.name}@{ref}:{after}"),
            f"push to {ref} of {self.name}" if new else f"{ref} of {self.name} is no more",
            by=self.who(by), things=(self.url,),
            properties={"ref": ref, "time": time, "forced": forced or None},
        )  # fmt: skip
        for at, (sha, title) in enumerate(commits):
            node = self.commit(sha, where=f"commits[{at}].id")
            if node is not None:
                self.builder.node(node, "commit", changes.public_name(title) if title else None)
                self.builder.edge(change, "used", node)
        if new is not None:
            self.builder.edge(change, "used", new)
            if old is not None and not forced:
                self.builder.edge(new, "revises", old)

    def merge(
        self,
        *,
        number: int,
        title: str | None,
        base: str | None,
        head: str | None,
        merged: str | None,
        by: str | None,
        time: str | None,
    ) -> None:
        """A pull or merge request that was merged."""
        mark = "#" if self.system == "github" else "!"
        change = changes.add_change(
            self.builder, changes.change_id(self.system, f"{self.name}{mark}{number}"),
            changes.public_name(title or f"{self.name}{mark}{number}"),
            by=self.who(by), things=(self.url,), properties={"ref": base, "time": time},
        )  # fmt: skip
        source = self.commit(head, where="the head of the request")
        if source is not None:
            self.builder.edge(change, "used", source)
        result = self.commit(merged, where="the merge commit", ref=base)
        if result is not None and result != source:
            self.builder.edge(result, "generated_by", change)

    def deployment(
        self,
        *,
        id: str,
        status: str,
        succeeded: bool,
        where: Scope,
        artifact: str | None,
        commit: str | None,
        by: str | None,
        time: str | None,
    ) -> None:
        """A deployment. What it deploys is declared once it succeeded: the image, else the commit.

        where  its environment; without a service the repository is one
        """
        scope = where if where.service else where._replace(service=self.name.rpartition("/")[2])
        change = changes.add_change(
            self.builder, f"deployment:{self.system}:{self.name}/{id}",
            f"deployment of {self.name} to {scope.environment}", where=scope, by=self.who(by),
            kind="deployment", properties={"status": status, "time": time},
        )  # fmt: skip
        if commit is not None:
            self.builder.edge(change, "deploys", commit)
        state = State(DECLARED, scope, "artifact", "", commit, at=time)
        if artifact is not None:
            state = changes.artifact(self.builder, scope, "", artifact, at=time)
            if state.value is not None and state.value.startswith("sha"):
                self.builder.edge(change, "deploys", state.value)
        if succeeded and state.value is not None:
            self.builder.state(state)

    def run(
        self,
        id: str,
        name: str,
        *,
        commit: str | None,
        by: str | None,
        properties: Mapping[str, Any],
    ) -> None:
        """A run of a workflow or pipeline."""
        run = changes.add_change(
            self.builder, id, name, by=self.who(by), kind="run", properties=properties
        )
        if commit is not None:
            self.builder.edge(run, "used", commit)
