"""Backstage's entities as they are: owners, code and our own annotations; people stay out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Error, Malformed
from wherefrom.formats import backstage
from wherefrom.formats.backstage import Reference, reference
from wherefrom.formats.catalog import Emitter

# As the documentation of Backstage writes them, in the forms it allows.
WRITTEN = b"""
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: artist-web
  title: Artist Web
  labels: {example.com/custom: custom_label_value}
  annotations:
    backstage.io/source-location: url:https://github.com/my-org/artist-web/tree/main/
    github.com/project-slug: my-org/artist-web
    backstage.io/kubernetes-id: artist
    wherefrom.dev/criticality: high
    wherefrom.dev/environments: production, staging
    wherefrom.dev/images: ghcr.io/my-org/artist-web
    wherefrom.dev/billable: "true"
    wherefrom.dev/emitters: |
      [{name: ci, kinds: [provenance, sbom], within: 30d}]
  tags: [java]
  links: [{url: https://admin.example-org.com, title: Admin Dashboard, icon: dashboard}]
spec:
  type: website
  lifecycle: production
  owner: artist-relations-team
  system: public-websites
  dependsOn: ['resource:default/artists-db']
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: artist-core, namespace: music}
spec: {type: service, lifecycle: production, owner: 'group:music/core', providesApis: [artist-web]}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: artist-web}
spec: {type: openapi, lifecycle: production, owner: ops, definition: {$text: ./openapi.yaml}}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: artist-relations-team, title: Artist Relations}
spec: {type: business-unit, profile: {email: team@example.com}, parent: ops, children: []}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: jdoe}
spec: {profile: {displayName: Jenny Doe, email: jenny-doe@example.com}, memberOf: [team-b]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: tool}
spec: {type: library, lifecycle: experimental, owner: 'user:jdoe'}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: production, annotations: {wherefrom.dev/production: "true"}}
spec: {type: environment, owner: ops}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: artists-db}
spec: {type: database, owner: ops, system: public-websites}
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: v1beta2-demo}
spec: {owner: backstage/techdocs-core, type: service, steps: [{id: fetch, action: fetch:plain}]}
---
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: org-data}
spec: {type: url, targets: [./a.yaml]}
---
"""


def test_entities_are_services_teams_and_environments_and_the_rest_is_counted():
    made = backstage.parse(WRITTEN, where="catalog-info.yaml")
    web, core, tool = made.services
    assert (web.name, web.owner, web.criticality) == ("artist-web", "artist-relations-team", "high")
    assert web.repositories == ("git+https://github.com/my-org/artist-web",)
    assert (web.aliases, web.images) == (("artist",), ("ghcr.io/my-org/artist-web",))
    assert (web.environments, web.billable) == (("production", "staging"), True)
    assert web.emitters == (
        Emitter(name="ci", kinds=("provenance", "sbom"), within=30 * 86_400),
    )  # fmt: skip
    assert web.tags == ("java", "lifecycle:production")
    assert (core.name, core.owner) == ("music/artist-core", "music/core")
    assert tool.owner == "user:jdoe"
    assert [(t.name, t.title, t.parent) for t in made.teams] == [
        ("artist-relations-team", "Artist Relations", "ops")
    ]
    assert [(e.name, e.production) for e in made.environments] == [("production", True)]
    assert made.left_out == {"API": 1, "Location": 1, "Resource": 1, "Template": 1, "User": 1}


def test_nobodys_address_is_kept():
    assert b"@" not in repr(backstage.parse(WRITTEN, where="x")).encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("team", Reference("group", "default", "team")),
        ("user:jdoe", Reference("user", "default", "jdoe")),
        ("Group:Music/core", Reference("group", "music", "core")),
        ("music/core", Reference("group", "music", "core")),
    ],
)
def test_a_reference_is_read_in_every_form(text, expected):
    assert reference(text, kind="group", where="x") == expected


@pytest.mark.parametrize("text", ["", ":", "a:b:c", "a/b/c", "group:", "-x", "a" * 64])
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(Malformed, match="not a reference to an entity"):
        reference(text, kind="group", where="x")


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ("{name: a, annotations: {wherefrom.dev/criticality: urgent}}", "not a criticality"),
        ("{name: a, annotations: {wherefrom.dev/billable: true}}", "an annotation that is no text"),
        ("{name: a, annotations: {wherefrom.dev/billable: 'maybe'}}", "neither true nor false"),
        ("{name: a, annotations: {wherefrom.dev/emitters: '{}'}}", "expected an array"),
        ("{name: a, annotations: {wherefrom.dev/emitters: '[{nme: x}]'}}", "unknown field `nme`"),
        ("{name: 'a b'}", "not a name of an entity"),
        ("{}", "metadata.name"),
    ],
)
def test_what_is_wrong_with_an_entity_says_where(metadata, says):
    written = (
        f"apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {metadata}\nspec: {{}}"
    )
    with pytest.raises(Malformed, match=says) as caught:
        backstage.parse(written.encode(), where="c")
    assert "c, document 1" in str(caught.value)


def test_two_entities_of_one_name_are_refused():
    one = "apiVersion: backstage.io/v1\nkind: Component\nmetadata: {name: a}\nspec: {}\n---\n"
    with pytest.raises(Malformed, match="two of one name"):
        backstage.parse((one * 2).encode(), where="c")


def test_letters_count_alike_and_a_name_that_two_share_is_neithers():
    written = """
apiVersion: backstage.io/v1
kind: Component
metadata: {name: a, annotations: {backstage.io/kubernetes-id: shared}}
spec: {owner: TEAM-A}
---
apiVersion: backstage.io/v1
kind: Component
metadata: {name: b, annotations: {backstage.io/kubernetes-id: shared}}
spec: {owner: none-such}
---
apiVersion: backstage.io/v1
kind: Group
metadata: {name: Team-A}
"""
    a, b = backstage.parse(written.encode(), where="c").services
    assert (a.owner, a.aliases, b.owner, b.aliases) == ("Team-A", (), "none-such", ())


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["owner", "parent", "annotations", "tags", "name"]), inner
        )
    ),
)


@given(ODD, ODD, st.sampled_from(["Component", "Group", "Resource", "X"]))
def test_no_entity_is_more_than_refused(metadata, spec, kind):
    document = {"apiVersion": "backstage.io/v1", "kind": kind, "metadata": metadata, "spec": spec}
    try:
        backstage.read([document], where="c")
    except Error:
        return
