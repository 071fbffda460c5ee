"""What a log uses and cannot explain, and who can: counted over whole logs, and by a model."""

import json
import random
from contextlib import ExitStack

import pytest

from tests.folders import ME
from tests.journeys.test_federation import built
from tests.unit.query.test_across import COMMIT, log_of
from wherefrom.app import fold_views, open_log, open_recorder
from wherefrom.followed import crossing_of
from wherefrom.query import crossing as module
from wherefrom.query.crossing import crossing
from wherefrom.views.graph import GraphReader


def counted(own, *others, **bounds):
    """The figures of folders, the first of them ours."""
    with ExitStack() as stack:
        own, *others = (
            stack.enter_context(GraphReader(f.graph_path).snapshot()) for f in (own, *others)
        )
        return crossing(own, {other.origin: other for other in others}, **bounds)


def said(found):
    return found.used, found.unexplained, found.explained, found.by


def test_what_we_use_and_do_not_explain_is_counted_and_who_explains_it(tmp_path):
    a = log_of(
        tmp_path / "a", "log.example/a",
        built("app", "library", "tool", "mystery", commit=COMMIT), built("tool", "gcc"),
    )  # fmt: skip
    b = log_of(tmp_path / "b", "log.example/b", built("library", commit=COMMIT), built("other"))
    c = log_of(tmp_path / "c", "log.example/c", built("library"), built("gcc"))
    # library, tool, mystery, gcc; the commit is where it begins; we explain tool ourselves.
    assert said(counted(a)) == (4, 3, 0, {})
    assert said(counted(a, b)) == (4, 3, 1, {"log.example/b": 1})
    assert said(counted(a, b, c)) == (4, 3, 2, {"log.example/b": 1, "log.example/c": 2})
    assert said(counted(b, a)) == (0, 0, 0, {"log.example/a": 0})


def test_a_thing_is_explained_under_another_name_of_it(tmp_path):
    """We use it by its SHA-512; they built it, and say that it has both digests."""
    statement = json.loads(built("library"))
    statement["subject"][0]["digest"]["sha512"] = "5" * 128
    b = log_of(tmp_path / "b", "log.example/b", json.dumps(statement))
    statement = json.loads(built("app"))
    statement["predicate"]["buildDefinition"]["resolvedDependencies"] = [
        {"uri": "https://b.example/library", "digest": {"sha512": "5" * 128}}
    ]
    a = log_of(tmp_path / "a", "log.example/a", json.dumps(statement))
    assert said(counted(a, b)) == (1, 1, 1, {"log.example/b": 1})


def test_what_another_log_erased_explains_nothing_any_more(tmp_path):
    a = log_of(tmp_path / "a", "log.example/a", built("app", "library"))
    b = log_of(tmp_path / "b", "log.example/b", built("library"))
    assert counted(a, b).explained == 1
    with open_recorder(b) as recorder:
        recorder.erase(1, reason="x", principal=ME)
    fold_views(b, open_log(b))
    assert said(counted(a, b)) == (1, 1, 0, {"log.example/b": 0})


@pytest.mark.parametrize("seed", range(6))
def test_the_figures_are_those_of_a_model_seed(tmp_path, seed, monkeypatch):
    chance = random.Random(seed)
    monkeypatch.setattr(module, "CHUNK", 3)
    names = [f"n{i}" for i in range(14)]
    made = {log: {} for log in "abc"}
    for name in names:
        for log in made:
            if chance.random() < 0.45:
                made[log][name] = chance.sample(names, chance.randint(0, 3))
    folders = [
        log_of(tmp_path / log, f"log.example/{log}", *(
            built(name, *(m for m in materials if m != name)) for name, materials in of.items()
        ))
        for log, of in made.items()
    ]  # fmt: skip
    used = {m for name, ms in made["a"].items() for m in ms if m != name}
    unexplained = used - made["a"].keys()
    by = {f"log.example/{log}": len(unexplained & made[log].keys()) for log in "bc"}
    explained = len(unexplained & (made["b"].keys() | made["c"].keys()))
    found = counted(*folders)
    assert said(found) == (len(used), len(unexplained), explained, by)
    assert found.looked == found.nodes


def test_what_was_not_looked_at_is_told(tmp_path):
    a = log_of(tmp_path / "a", "log.example/a", built("app", "library"))
    found = counted(a, seconds_max=-1)
    assert (found.used, found.looked) == (0, 0)
    assert found.nodes > 0


def test_the_figure_of_a_directory_is_of_its_log_and_those_it_follows(tmp_path):
    a = log_of(tmp_path / "a", "log.example/a", built("app", "library"))
    assert said(crossing_of(a)) == (1, 1, 0, {})
