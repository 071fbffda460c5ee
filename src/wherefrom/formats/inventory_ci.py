"""Which runs a CI lists: those that ended well and so should have left a provenance.

    GitHub   GET /repos/O/R/actions/runs, or gh run list --json …   {"workflow_runs": [{"id", …}]}
    GitLab   GET /projects/P/pipelines, or /jobs                    [{"id", "status", "web_url", …}]

Provenances name a run by its page, with or without the attempt, or by its number alone, as
``<id>-<attempt>`` (the generators of SLSA) or as a job's id (GitLab's runner): all are looked for.
Runs that failed, were skipped or still run are left out, and counted.

Sizes:  those of ``inventory``
Source: docs.github.com, REST, "List workflow runs"; docs.gitlab.com, API, pipelines and jobs; slsa.dev
"""  # noqa: E501 - names of pages

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats.catalog_yaml import repository_of
from wherefrom.formats.inventory import Inventory, Listed, check, documents, objects, text_of

_GITHUB: Final = re.compile(r"(https://[^/]+/[^/]+/[^/]+)/actions/runs/([0-9]+)(?:/attempts/\d+)?")
_GITLAB: Final = re.compile(r"(https://[^/]+/.+?)/-/(?:pipelines|jobs)/([0-9]+)")
_WELL: Final = frozenset({"success", "neutral"})


def read(
    written: bytes,
    *,
    source: str,
    taken: str,
    branches: tuple[str, ...] = (),
    workflows: tuple[str, ...] = (),
) -> Inventory:
    """Read an answer that was saved; only of ``branches`` and ``workflows``, if any are given.

    Raises Malformed for what is no list of runs.
    """
    listed: dict[str, Listed] = {}
    covers: dict[str, None] = {}
    left_out: Counter[str] = Counter()
    for document in documents(written, where=source):
        for number, run in enumerate(objects(document, "workflow_runs", "jobs"), 1):
            one, repository = _run(run, f"{source}, run {number}")
            covers[repository] = None
            state = text_of(run, "conclusion", "status").lower()
            branch = text_of(run, "head_branch", "headBranch", "ref")
            workflow = text_of(run, "name", "workflowName")
            if state not in _WELL:
                left_out[state or "unknown"] += 1
            elif branches and branch not in branches:
                left_out["another branch"] += 1
            elif workflows and workflow not in workflows:
                left_out["another workflow"] += 1
            else:
                listed[one.id] = one
    if not covers:
        empty = _is_empty(written, source)
        if not empty:
            raise Malformed(
                "not a list of runs", where=source, expected="workflow_runs, pipelines or jobs"
            )
    return check(Inventory(
        kind="ci", source=source, taken=taken, listed=tuple(listed.values()),
        covers=tuple(covers) if not branches and not workflows else (),
        left_out=dict(sorted(left_out.items())),
    ), where=source)  # fmt: skip


def _run(run: Mapping[str, Any], where: str) -> tuple[Listed, str]:
    page = text_of(run, "html_url", "web_url", "url")
    match = _GITHUB.fullmatch(page) or _GITLAB.fullmatch(page)
    if match is None:
        raise Malformed(
            "not a run of a CI", where=where, got=page[:80],
            expected="html_url, web_url or url: the page of a run or job",
        )  # fmt: skip
    repository, id = repository_of(f"{match[1]}.git", where=where), match[2]
    page = match[0].partition("/attempts/")[0]
    attempt = text_of(run, "run_attempt", "attempt") or "1"
    names = [id]
    if "/actions/runs/" in page:
        names = [*(f"{page}/attempts/{n}" for n in _attempts(attempt)),
                 *(f"{id}-{n}" for n in _attempts(attempt))]  # fmt: skip
    elif isinstance(run.get("pipeline"), dict) and (of := text_of(run["pipeline"], "web_url")):
        names.append(of)
    branch = text_of(run, "head_branch", "headBranch", "ref")
    title = text_of(run, "name", "workflowName") or "run"
    return Listed(
        what="run", id=page, where=repository,
        says=f"{title} {id}" + (f" of {branch}" if branch else ""), names=tuple(names),
        at=text_of(run, "updated_at", "updatedAt", "finished_at", "created_at", "createdAt"),
    ), repository  # fmt: skip


def _attempts(last: str) -> range:
    """A run that was tried again may have left its provenance in any attempt."""
    number = int(last) if last.isdecimal() and len(last) < 4 else 1
    return range(max(1, number - 9), number + 1)


def _is_empty(written: bytes, source: str) -> bool:
    for document in documents(written, where=source):
        some = document.get("workflow_runs") if isinstance(document, dict) else document
        if some != []:
            return False
    return True
