"""Tags become the digests that they lead to, at the registries that may be asked and no other."""

import asyncio
import json

import pytest

from tests.registry import RegistryProcess
from tests.reviews import POLICY, SaidLog, digest, image, pod, review, workload
from wherefrom.admission.asking import Asking
from wherefrom.admission.guard import Guard
from wherefrom.admission.records import Decided
from wherefrom.formats import admission_review
from wherefrom.formats.admission_settings import parse


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    with RegistryProcess(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


def mutate(document, registries, *, wait_s=5):
    read = admission_review.parse(json.dumps(document).encode())

    async def run():
        guard = Guard(
            Asking(SaidLog(), POLICY, fresh_s=30),
            parse({"registries": registries, "own_namespace": "guard"}, where="s"),
            decided=Decided(None, cluster="c"), wait_s=wait_s,
        )  # fmt: skip
        try:
            return await guard.mutate(read, wait_s=wait_s)
        finally:
            guard.close()

    return asyncio.run(run())


def applied(item, patch):
    """The object with the replacements of a JSON Patch."""
    made = json.loads(json.dumps(item))
    for step in patch:
        assert step["op"] == "replace"
        *way, last = step["path"][1:].split("/")
        value = made
        for key in way:
            value = value[int(key)] if isinstance(value, list) else value[key]
        assert last in value
        value[last] = step["value"]
    return made


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "CronJob"])
def test_each_tag_gets_the_digest_it_leads_to_and_stays(registry, kind):
    one, _ = registry.push("acme/cart", "1")
    two, _ = registry.push("acme/db", "latest", config=b'{"a": 1}')
    cart, db = f"{registry.host}/acme/cart:1", f"{registry.host}/acme/db"
    item = workload(kind, cart, image(9), init=(db,), volumes=(cart,))
    found = mutate(review(item), {registry.host: registry.url})
    made = applied(item, found.answer.patch)
    assert made == workload(
        kind, f"{cart}@{one}", image(9), init=(f"{db}@{two}",), volumes=(f"{cart}@{one}",)
    )
    assert found.answer.allowed
    assert list(found.answer.warnings) == []


def test_a_registry_that_the_settings_do_not_name_is_not_asked(registry):
    registry.push("acme/cart", "1")
    tagged = f"{registry.host}/acme/cart:1"
    found = mutate(review(pod(tagged)), {})
    assert found.answer.allowed
    assert list(found.answer.patch) == []
    assert "the settings do not name the registry" in found.answer.warnings[0]


def test_a_tag_that_is_not_there_and_a_registry_that_is_away_leave_the_tag(registry):
    names = {registry.host: registry.url, "gone.example": "http://127.0.0.1:9"}
    item = pod(f"{registry.host}/acme/none:1", "gone.example/a:1", "Not An Image")
    found = mutate(review(item), names)
    assert list(found.answer.patch) == []
    assert len(found.answer.warnings) == 3
    assert found.answer.allowed


def test_what_an_update_had_before_is_left_alone(registry):
    digest_now, _ = registry.push("acme/cart", "1")
    cart, other = f"{registry.host}/acme/cart:1", f"{registry.host}/acme/cart:0"
    registry.push("acme/cart", "0")
    document = review(pod(other, cart), old=pod(other), operation="UPDATE")
    found = mutate(document, {registry.host: registry.url})
    assert [step["path"] for step in found.answer.patch] == ["/spec/containers/1/image"]
    assert found.answer.patch[0]["value"] == f"{cart}@{digest_now}"


def test_an_object_that_cannot_be_read_is_left_to_be_kept_out(registry):
    found = mutate(review({"kind": "Pod", "spec": {"containers": "x"}}), {})
    assert (found.answer.allowed, list(found.answer.patch)) == (True, [])


def test_a_pinned_image_is_what_validate_lets_in(registry):
    pushed, _ = registry.push("acme/cart", "1")
    cart = f"{registry.host}/acme/cart:1"
    patch = mutate(review(pod(cart)), {registry.host: registry.url}).answer.patch
    made = applied(pod(cart), patch)
    read = admission_review.parse(json.dumps(review(made)).encode())

    async def run():
        guard = Guard(
            Asking(SaidLog(pushed), POLICY, fresh_s=30), parse({}, where="s"),
            decided=Decided(None, cluster="c"), wait_s=5,
        )  # fmt: skip
        try:
            return await guard.validate(read, wait_s=5)
        finally:
            guard.close()

    assert asyncio.run(run()).answer.allowed
    assert pushed != digest(1)
