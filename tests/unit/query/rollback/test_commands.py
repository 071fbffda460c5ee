"""The command that brings a part back, by what deployed it; and nothing where nobody says."""

from __future__ import annotations

import json

import pytest

from wherefrom.formats.rollback_settings import RollbackSettings, Template
from wherefrom.formats.states import Scope
from wherefrom.query.rollback.commands import commands, differing, image_of
from wherefrom.views.estate import Held

A, B = (f"sha256:{letter * 64}" for letter in "ab")
CART = Scope("prod", "cart")
NONE = RollbackSettings()


def held(slot, name, value, *, says=None, entry=7, scope=CART, **properties):
    return Held("declared", scope, slot, name, value, says, properties, 0, entry, 0, entry, "/eu")


def made(now, then, settings=NONE):
    return commands(differing(now, then), settings)


def workload(name, value, says, kind="Deployment", namespace="shop", entry=7):
    return held("artifact", name, value, says=says, workload=f"{kind}/cart", namespace=namespace,
                entry=entry)  # fmt: skip


def test_containers_of_one_workload_are_set_together_by_digest():
    now = [workload("server", B, "ghcr.io/x/cart:2"), workload("proxy", B, "envoy:2"),
           workload("same", A, "same:1")]  # fmt: skip
    then = [
        workload("server", A, "ghcr.io/x/cart:1", entry=3),
        workload("same", A, "same:1"),
        workload("proxy", "docker.io/envoyproxy/envoy:1", "docker.io/envoyproxy/envoy:1"),
    ]
    (one,) = made(now, then)
    assert one.argv == [
        "kubectl", "-n", "shop", "set", "image", "deployment/cart",
        "proxy=docker.io/envoyproxy/envoy:1", f"server=ghcr.io/x/cart@{A}",
    ]  # fmt: skip
    assert (one.by, one.entries) == ("kubectl", [3, 7])


@pytest.mark.parametrize(
    ("kind", "namespace"), [("Deployment", "-shop"), ("Deployment", ""), ("Robot", "shop")]
)
def test_a_workload_that_cannot_be_named_safely_makes_no_command(kind, namespace):
    now, then = (
        [workload("server", value, None, kind=kind, namespace=namespace)] for value in (B, A)
    )
    (one,) = made(now, then)
    assert (one.argv, one.by) == ([], "")
    assert "nobody says how artifact server of cart is set" in one.says


def test_argo_cd_syncs_the_revision_of_then_and_is_told_not_to_sync_by_itself():
    app = "Application/argo/cart"
    now = [workload("", B, "x:2"), held("resource", app, "gitCommit:" + "2" * 40)]
    then = [workload("", A, "x:1"), held("resource", app, "gitCommit:" + "1" * 40, entry=4)]
    found = made(now, then)
    assert [one.argv for one in found] == [
        ["argocd", "app", "set", "cart", "--app-namespace", "argo", "--sync-policy", "none"],
        ["argocd", "app", "sync", "cart", "--app-namespace", "argo", "--revision", "1" * 40],
    ]
    assert "#4" in found[1].says


def test_flux_is_given_the_version_of_the_chart_of_then():
    release = "HelmRelease/shop/cart"
    now = [workload("c", B, "x:2"), held("resource", release, "2.0.0", says="2.0.0")]
    then = [workload("c", A, "x:1"), held("resource", release, "1.9.1", says="1.9.1")]
    (one,) = made(now, then)
    assert one.argv[:6] == ["kubectl", "-n", "shop", "patch", "helmrelease", "cart"]
    assert json.loads(one.argv[-1]) == {"spec": {"chart": {"spec": {"version": "1.9.1"}}}}


def test_the_operators_own_word_comes_first_and_only_where_it_fits():
    template = Template(("deploy", "{service}@{environment}", "{image}", "{before}"),
                        services=("ca*",), slots=("artifact",))  # fmt: skip
    settings = RollbackSettings(commands=(Template(("no",), services=("x",)), template))
    now = [workload("c", B, "x:2"), held("flag", "f", "on")]
    then = [workload("c", A, "ghcr.io/x:1")]
    by = {one.slot: one for one in made(now, then, settings)}
    assert by["artifact"].argv == ["deploy", "cart@prod", f"ghcr.io/x@{A}", B]
    assert (by["flag"].argv, "set it to nothing" in by["flag"].says) == ([], True)


def test_an_image_is_named_by_its_digest_as_far_as_that_is_known():
    assert image_of(A, "x.io/a:1") == f"x.io/a@{A}"
    assert image_of(A, None) == A
    assert image_of("x.io/a:1", "x.io/a:1") == "x.io/a:1"
