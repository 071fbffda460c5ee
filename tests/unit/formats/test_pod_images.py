"""No image of an object is overlooked, whatever kind it is and however it is written."""

import pytest

from tests.reviews import GROUPS, pod, pod_spec, workload
from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import pod_images
from wherefrom.formats.pod_images import images_of

ALL = {"init": ("b",), "ephemeral": ("c",), "volumes": ("d",)}


def images(item, kind="Pod", group=""):
    return [use.image for use in images_of(item, kind=kind, group=group)]


@pytest.mark.parametrize("kind", GROUPS)
def test_every_kind_of_container_of_every_kind_of_workload_is_found(kind):
    found = images_of(workload(kind, "a", **ALL), kind=kind, group=GROUPS[kind])
    assert sorted(use.image for use in found) == ["a", "b", "c", "d"]


def test_an_image_has_a_place_for_people_and_a_pointer_for_patches():
    found = images_of(workload("CronJob", "a", "b"), kind="CronJob", group="batch")
    assert found[1].place == "spec.jobTemplate.spec.template.spec.containers[1].image"
    assert found[1].pointer == "/spec/jobTemplate/spec/template/spec/containers/1/image"
    (volume,) = [u for u in images_of(pod("a", volumes=("v",)), kind="Pod", group="")
                 if u.image == "v"]  # fmt: skip
    assert (volume.place, volume.name) == ("spec.volumes[0].image.reference", "v-0")


@pytest.mark.parametrize(
    "item",
    [
        {"spec": {"template": {"spec": pod_spec("a", "b")}}},
        {"spec": {"workers": [{"template": {"spec": pod_spec("a", init=("b",))}}]}},
        {"spec": {"replicaSpecs": {"Worker/1~2": {"template": {"spec": pod_spec("a", "b")}}}}},
        {"items": [pod("a"), pod("b")]},
        {"spec": {**pod_spec("a"), "template": {"spec": pod_spec("b")}}},
    ],
)
def test_pods_are_found_in_kinds_that_nobody_knows(item):
    found = images_of(item, kind="Rollout", group="argoproj.io")
    assert sorted(use.image for use in found) == ["a", "b"]
    for use in found:
        value = item
        for step in use.pointer[1:].split("/"):
            step = step.replace("~1", "/").replace("~0", "~")
            value = value[int(step)] if isinstance(value, list) else value[step]
        assert value == use.image


def test_a_stranger_that_shares_a_name_with_a_known_kind_is_looked_through():
    chart = {"kind": "Deployment", "spec": {"chart": "x", "containers": "many"}}
    assert images(chart, "Deployment", "example.com") == []
    with pytest.raises(Malformed, match="a workload without its pods"):
        images(chart, "Deployment", "apps")


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (None, "a workload without its pods"),
        ([], "a workload without its pods"),
        ({"containers": {"name": "x", "image": "a"}}, "not a list"),
        ({"containers": ["a"]}, "not an object"),
        ({"containers": [{"name": "x"}]}, "no image is named"),
        ({"containers": [{"name": "x", "image": None}]}, "no image is named"),
        ({"containers": [{"name": "x", "image": ["a"]}]}, "no image is named"),
        ({"containers": [{"name": "x", "image": ""}]}, "no image is named"),
        ({"initContainers": [{"name": "x", "image": 5}]}, "no image is named"),
        ({"ephemeralContainers": "a"}, "not a list"),
        ({"volumes": [{"name": "v", "image": "a"}]}, "a volume's image that is none"),
        ({"volumes": [{"name": "v", "image": {}}]}, "no image is named"),
    ],
)
def test_a_pod_that_cannot_be_read_is_refused_and_never_skipped(spec, says):
    with pytest.raises(Malformed, match=says):
        images({"spec": spec})


def test_other_volumes_and_empty_lists_are_no_images():
    spec = {"containers": [], "initContainers": None, "volumes": [{"name": "v", "emptyDir": {}}]}
    assert images({"spec": spec}) == []


def test_too_many_images_are_refused_by_their_limit(monkeypatch):
    monkeypatch.setattr(pod_images, "IMAGES_MAX", 3)
    assert len(images(pod("a", "b", "c"))) == 3
    with pytest.raises(LimitPassed, match="images_max 3"):
        images(pod("a", "b", "c", "d"))
