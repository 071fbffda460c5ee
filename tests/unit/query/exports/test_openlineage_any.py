"""OpenLineage: whatever events say, of whatever names, they say again once they were exported."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.cli.test_draw import edge, node, trace
from tests.unit.query.exports.lineage import carried, read_again, validator
from wherefrom.formats.recognise import facts_of
from wherefrom.query.exports.openlineage import to_openlineage

# Few names and ids, so that events meet in them, and any other text.
TEXT = st.one_of(
    st.sampled_from("ab"),
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6),
    st.text("ab:/%. -\u2028", min_size=1, max_size=4),
)
NAMED = st.fixed_dictionaries({"namespace": TEXT, "name": TEXT})
FIELD = st.fixed_dictionaries(
    {"namespace": TEXT, "name": TEXT, "field": TEXT},
    optional={
        "transformations": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["DIRECT", "INDIRECT"])},
                optional={"subtype": st.sampled_from(["IDENTITY", "FILTER"])},
            ),
            max_size=2,
        )
    },
)
DATASET = st.fixed_dictionaries(
    {"namespace": TEXT, "name": TEXT},
    optional={
        "facets": st.fixed_dictionaries(
            {},
            optional={
                "version": st.fixed_dictionaries({"datasetVersion": TEXT}),
                "symlinks": st.fixed_dictionaries(
                    {"identifiers": st.lists(NAMED.map({"type": "TABLE"}.__or__), max_size=2)}
                ),
                "ownership": st.fixed_dictionaries(
                    {"owners": st.lists(st.fixed_dictionaries({"name": TEXT}), max_size=2)}
                ),
                "columnLineage": st.fixed_dictionaries(
                    {
                        "fields": st.dictionaries(
                            TEXT,
                            st.fixed_dictionaries({"inputFields": st.lists(FIELD, max_size=2)}),
                            max_size=2,
                        )
                    },
                    optional={"dataset": st.lists(FIELD, max_size=1)},
                ),
                "lifecycleStateChange": st.one_of(
                    st.sampled_from(["DROP", "CREATE"]).map(
                        lambda change: {"lifecycleStateChange": change}
                    ),
                    st.fixed_dictionaries(
                        {"lifecycleStateChange": st.just("RENAME"), "previousIdentifier": NAMED}
                    ),
                ),
            },
        )
    },
)
UUID = st.sampled_from([f"01941f29-7c00-7000-8000-00000000000{n}" for n in range(3)])
RUN_ID = st.one_of(UUID, TEXT)
OF_RUN = st.fixed_dictionaries({"runId": UUID})
PARENT = st.fixed_dictionaries(
    {"run": OF_RUN, "job": NAMED},
    optional={"root": st.fixed_dictionaries({"run": OF_RUN, "job": NAMED})},
)
ENGINE = st.fixed_dictionaries({"version": TEXT}, optional={"name": TEXT})
RUN = st.fixed_dictionaries(
    {"runId": RUN_ID},
    optional={
        "facets": st.fixed_dictionaries(
            {}, optional={"parent": PARENT, "processing_engine": ENGINE}
        )
    },
)
SIDES = {"inputs": st.lists(DATASET, max_size=2), "outputs": st.lists(DATASET, max_size=2)}
HEAD = {"eventTime": st.just("2026-01-01T00:00:00Z"), "producer": st.just("https://example.com")}
EVENT = st.one_of(
    st.fixed_dictionaries({**HEAD, "run": RUN, "job": NAMED}, optional=SIDES),
    st.fixed_dictionaries({**HEAD, "job": NAMED}, optional=SIDES),
    st.fixed_dictionaries({**HEAD, "dataset": DATASET}),
)


def answer_of(events):
    """All that the events say, as one answer."""
    nodes, edges = {}, {}
    for number, event in enumerate(events):
        facts = facts_of(json.dumps(event).encode())
        for n in facts.nodes:
            said = nodes.setdefault(n.id, node(n.id, n.kind, n.name))
            said["properties"].update(n.properties or {})
        for e in facts.edges:
            made = edge(e.source, e.relation, e.target, number)
            made["properties"] = dict(e.properties or {})
            edges.setdefault((e.source, e.relation, e.target), made)
    return trace(list(nodes.values()), list(edges.values()))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=3))
def test_lineage_comes_back_edge_by_edge_and_every_event_is_as_its_schema_says(events):
    answer = answer_of(events)
    lines = to_openlineage(answer)
    for line in lines.splitlines():
        validator()(json.loads(line))
    assert read_again(lines) == carried(answer)
