"""How each part is brought back: by what deployed it, or as the operator says.

    settings ──the first that fits──► argv
    records of the part ─┬─ Application/… of Argo CD     argocd app set, argocd app sync
                         ├─ HelmRelease/… of Flux        kubectl patch, the chart's version
                         ├─ workload, namespace          kubectl set image
                         └─ none of them                 no command: it is said what to do

A command is a list of words; how it is shown for a shell is the door's.

Source: Argo CD, "argocd app sync"; Flux, HelmRelease v2; kubectl, "set image"
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats.descriptors import image_repository
from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.rollback_settings import RollbackSettings, filled
from wherefrom.formats.shown import short_id
from wherefrom.formats.states import Scope
from wherefrom.query.rollback_answers import RollbackCommand
from wherefrom.views.estate import Held

_SETTINGS: Final = "rollback.json"
_COMMIT: Final = "gitCommit:"
_KINDS: Final = {
    "Deployment": "deployment", "StatefulSet": "statefulset", "DaemonSet": "daemonset",
    "CronJob": "cronjob", "ReplicaSet": "replicaset",
}  # fmt: skip
Place = tuple[Scope, str, str]  # with its slot and name


class Part(NamedTuple):
    """What is in one place now, and what was there then; None is nothing."""

    place: Place
    now: Held | None
    then: Held | None


def differing(now: Iterable[Held], then: Iterable[Held]) -> list[Part]:
    """Each place that holds something else than it did."""
    here, there = by_place(now), by_place(then)
    places = sorted(here.keys() | there.keys())
    parts = [Part(place, here.get(place), there.get(place)) for place in places]
    return [
        one for one in parts
        if (one.now and one.now.value) != (one.then and one.then.value)
    ]  # fmt: skip


def by_place(held: Iterable[Held]) -> dict[Place, Held]:
    """What is in each place; of what its instances report, what was said last."""
    ordered = sorted(held, key=lambda one: (one.seen, one.seen_entry))
    return {(one.scope._replace(instance=""), one.slot, one.name): one for one in ordered}


def commands(parts: Sequence[Part], settings: RollbackSettings) -> list[RollbackCommand]:
    """What brings all of them back.

    parts  of a reality's slots, and of ``resource``: what Argo CD and Flux applied
    """
    found: list[RollbackCommand] = []
    applied = [one for one in parts if one.place[1] == "resource"]
    by_argo = [c for part in applied for c in _argo(part)]
    by_flux = [c for part in applied for c in _flux(part)]
    workloads: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        scope, slot, _ = part.place
        if slot == "resource":
            continue
        template = settings.template(
            service=scope.service, environment=scope.environment, slot=slot
        )  # fmt: skip
        if template is not None:
            found.append(_by_template(part, template.argv))
        elif slot == "artifact" and (by_argo or by_flux):
            continue
        elif slot == "artifact" and part.then and (where := _workload(part)) is not None:
            workloads.setdefault(where, []).append(part)
        else:
            found.append(_unknown(part))
    applying = [part for part in parts if part.place[1] == "artifact"]
    if applying and not any(c.slot == "artifact" for c in found):
        found = [*by_argo, *by_flux, *found]
    return [*(_kubectl(*where, some) for where, some in sorted(workloads.items())), *found]


def image_of(value: str, says: str | None) -> str:
    """An image by its digest, as far as that is known; else as it was called."""
    if strong_id_in(value) != value:
        return says or value
    repository = image_repository(says) if says else None
    return value if repository is None else f"{repository}@{value}"


def _by_template(part: Part, argv: Sequence[str]) -> RollbackCommand:
    scope, slot, name = part.place
    then = part.then
    values = {
        "service": scope.service, "environment": scope.environment, "region": scope.region,
        "pool": scope.pool, "slot": slot, "name": name,
        "value": then.value if then else "", "says": (then.says or then.value) if then else "",
        "image": image_of(then.value, then.says) if then else "",
        "before": part.now.value if part.now else "",
    }  # fmt: skip
    try:
        words = filled(argv, values)
    except Malformed as error:
        return _command(part, [], _SETTINGS, f"the command is not made: {error}, {error.got}")
    return _command(part, words, _SETTINGS, f"as {_SETTINGS} says")


def _argo(part: Part) -> list[RollbackCommand]:
    kind, _, rest = part.place[2].partition("/")
    namespace, _, name = rest.partition("/")
    then = part.then
    if kind != "Application" or then is None or not name or not _is_word(namespace, name):
        return []
    revision = then.value.removeprefix(_COMMIT)
    app = [name, "--app-namespace", namespace]
    says = "Argo CD syncs nothing by itself until its policy is set again"
    return [
        _command(part, ["argocd", "app", "set", *app, "--sync-policy", "none"], "argocd", says),
        _command(part, ["argocd", "app", "sync", *app, "--revision", revision], "argocd",
                 f"as it was synced in #{then.entry}"),
    ]  # fmt: skip


def _flux(part: Part) -> list[RollbackCommand]:
    kind, _, rest = part.place[2].partition("/")
    namespace, _, name = rest.partition("/")
    then = part.then
    if then is None or not name or not _is_word(namespace, name):
        return []
    if kind == "HelmRelease" and then.says and ":" not in then.says:
        patch = {"spec": {"chart": {"spec": {"version": then.says}}}}
        argv = ["kubectl", "-n", namespace, "patch", "helmrelease", name, "--type", "merge",
                "-p", json.dumps(patch)]  # fmt: skip
        says = "what applies the HelmRelease itself sets it again: change it there too"
        return [_command(part, argv, "flux", says)]
    if kind == "Kustomization":
        says = f"Flux applies what its repository says: take it back there, to {then.says}"
        return [_command(part, [], "flux", says)]
    return []


def _workload(part: Part) -> tuple[str, str, str] | None:
    """Namespace, kind and name of the workload that a container is of."""
    held = part.now or part.then
    if held is None or not part.place[2]:
        return None
    said, namespace = (held.properties.get(name) for name in ("workload", "namespace"))
    if not isinstance(said, str) or not isinstance(namespace, str):
        return None
    kind, _, name = said.partition("/")
    name = name or part.place[0].service
    if kind not in _KINDS or not _is_word(namespace, name, part.place[2]):
        return None
    return namespace, kind, name


def _kubectl(namespace: str, kind: str, name: str, parts: Sequence[Part]) -> RollbackCommand:
    then = [(part.place[2], part.then) for part in parts if part.then is not None]
    images = [f"{container}={image_of(held.value, held.says)}" for container, held in then]
    argv = ["kubectl", "-n", namespace, "set", "image", f"{_KINDS[kind]}/{name}", *images]
    sources = {p.then.source for p in parts if p.then is not None}
    says = (
        f"in the cluster of {', '.join(sorted(sources))}; where a repository is applied, change "
        "it there too"
    )
    return _command(parts[0], argv, "kubectl", says, entries=_entries(parts))


def _unknown(part: Part) -> RollbackCommand:
    scope, slot, name = part.place
    then = "nothing"
    if part.then is not None:
        value, says = part.then.value, part.then.says
        then = image_of(value, says) if slot == "artifact" else short_id(says or value)
    what = " ".join(filter(None, (slot, name)))
    says = f"nobody says how {what} of {scope.service} is set: set it to {then}, or say how in "
    return _command(part, [], "", f"{says}{_SETTINGS}")


def _command(
    part: Part, argv: list[str], by: str, says: str, *, entries: list[int] | None = None
) -> RollbackCommand:
    return RollbackCommand(
        slot=part.place[1], name=part.place[2], argv=argv, by=by, says=says,
        entries=_entries([part]) if entries is None else entries,
    )  # fmt: skip


def _entries(parts: Iterable[Part]) -> list[int]:
    return sorted({held.entry for p in parts for held in (p.now, p.then) if held is not None})


def _is_word(*texts: str) -> bool:
    """Whether none of them could be taken for an option, or for two words of a path."""
    return all(text and text[0] not in "-/" and text.isprintable() for text in texts)
