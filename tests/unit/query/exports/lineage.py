"""Exported events, checked by the schemas of the spec and read again by our own reader."""

from __future__ import annotations

import json
from functools import cache

import jsonschema_rs

from tests.paths import DATA
from wherefrom.formats import names
from wherefrom.formats.facts import KINDS
from wherefrom.formats.recognise import facts_of
from wherefrom.query.exports.openlineage_names import run_uuid

SPEC = DATA / "lineage/openlineage-spec"
NOT_CARRIED = ("describes", "acted_for")


@cache
def validator():
    """Raises ValidationError for an event, or a facet in it, that is not as its schema says."""
    schemas = [json.loads(p.read_text()) for p in SPEC.glob("*.json")]
    schemas += [json.loads(p.read_text()) for p in (SPEC / "facets").glob("*.json")]
    registry = jsonschema_rs.Registry([(s["$id"], s) for s in schemas])

    @cache
    def of(url):
        return jsonschema_rs.validator_for({"$ref": url}, registry=registry, validate_formats=True)

    def check(event):
        of(event["schemaURL"]).validate(event)
        items = [event.get("run"), event.get("job"), event.get("dataset")]
        for item in filter(None, [*items, *event.get("inputs", ()), *event.get("outputs", ())]):
            for kind in ("facets", "inputFacets", "outputFacets"):
                for facet in item.get(kind, {}).values():
                    if not facet["_schemaURL"].startswith("urn:wherefrom:"):
                        of(facet["_schemaURL"]).validate(facet)

    return check


def read_again(lines, *, properties=False, columns=False):
    """The edges that our reader finds in events, the document's own left out; those of columns,
    which say again what the edge between their tables says, where they are asked for."""
    edges = {}
    for line in lines.encode().splitlines():
        for e in facts_of(line).edges:
            if e.relation != "describes" and (columns or not e.source.startswith("column:")):
                edges.setdefault((e.source, e.relation, e.target), {}).update(e.properties or {})
    return edges if properties else set(edges)


def renamed(id, kind):
    """What a node is called once it went through OpenLineage."""
    if KINDS[kind] == "Activity":
        return names.run_id(run_uuid(id))
    if kind == "dataset_version":
        return id
    if kind in ("dataset", "job"):
        return id
    if KINDS[kind] == "Agent":
        return "owner:" + id.removeprefix("owner:")
    return names.dataset_id("wherefrom", id)


def carried(answer):
    """The edges that an export promises to carry, under the names they then have."""
    kinds = {n.id: n.kind for n in answer.nodes}

    def thing(id):
        if KINDS[kinds[id]] == "Entity":
            return kinds[id] if kinds[id] in ("job", "column") else "dataset"
        return KINDS[kinds[id]]

    engines = {n.id for n in answer.nodes
               if n.id == f"software:{n.name}@{n.properties.get('version')}"}  # fmt: skip
    found = set()
    for e in answer.edges:
        ends = thing(e.source), thing(e.target)
        relation = e.relation
        source, target = renamed(e.source, kinds[e.source]), renamed(e.target, kinds[e.target])
        match (*ends, relation):
            case ("Activity", "job", "specializes") | ("Activity", "Activity", "informed_by"):
                pass
            case ("Activity", "Activity", "changes"):
                relation = "informed_by"
            case ("Activity", "dataset", "used" | "deploys" | "runs" | "changes"):
                relation = "used"
            case ("dataset", "Activity", "generated_by"):
                pass
            case ("dataset", "Activity", "invalidated_by"):
                source = general(source)
            case ("job" | "Activity", "job", "depends_on"):
                pass
            case ("job", "dataset", "depends_on") | ("dataset", "job", "derived_from"):
                pass
            case ("job", "dataset", "derived_from") if "://" in e.properties.get("url", ""):
                target = e.target
            case ("dataset", "dataset", "alternate"):
                source, target = general(source), general(target)
            case ("dataset", "dataset", "revises") if e.properties.get("lifecycle") == "RENAME":
                pass
            case ("dataset", "dataset", "derived_from" | "depends_on" | "contains" | "revises"):
                relation, source, target = "derived_from", general(source), general(target)
            case ("column", "column" | "dataset", "derived_from"):
                source, target = table_of(e.source), table_of(e.target)
            case ("dataset", "dataset", "specializes") if kinds[e.source] == "dataset_version":
                pass
            case ("Activity", "Agent", "associated_with") if e.target in engines:
                target = e.target
            case ("job" | "dataset", "Agent", "attributed_to"):
                source = general(source)
            case _:
                continue
        if source != target:
            found.add((source, relation, target))
    return found


def table_of(id):
    """The dataset of a column."""
    return names.split_column(id)[0] if id.startswith("column:") else id


def general(id):
    """The dataset of a version."""
    if not id.startswith("dataset_version:"):
        return id
    return "dataset:" + id.removeprefix("dataset_version:").rpartition(":")[0]
