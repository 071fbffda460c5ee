"""Rules for a Prometheus: Sloth's own, where Sloth makes them; and good ones beyond."""

import re
import shutil
import subprocess

import pytest
import yaml

from tests.paths import SHARED
from wherefrom.errors import Malformed
from wherefrom.formats.objectives import parse
from wherefrom.formats.prometheus_rules import to_yaml
from wherefrom.formats.series_settings import Group, Prometheus, SeriesSettings

PROMTOOL = shutil.which("promtool")
SLOTH = SHARED / "data" / "runtime" / "sloth" / "examples"


def rules(text, **more):
    said = parse(text.encode(), where="objectives.yaml")
    return yaml.safe_load(to_yaml(said, series=more.pop("series", SeriesSettings()), **more))


def check(text, path, **more):
    """What promtool says of the rules of these objectives."""
    assert PROMTOOL, "make tools"
    said = parse(text.encode(), where="objectives.yaml")
    path.write_text(to_yaml(said, series=SeriesSettings(), **more))
    run = subprocess.run(
        [PROMTOOL, "check", "rules", "--lint-fatal", path], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return run.returncode, run.stdout + run.stderr


def test_what_sloth_makes_of_its_example_is_what_we_make_of_it():
    (spec,) = yaml.safe_load_all((SLOTH / "getting-started.yml").read_text())
    golden = yaml.safe_load((SLOTH / "_gen" / "getting-started.yml").read_text())
    (slo,) = spec["slos"]
    events, alerting = slo["sli"]["events"], slo["alerting"]
    labels = {**spec["labels"], "cmd": "examplesgen.sh"}
    said = {
        "objectives": [
            {
                "name": slo["name"], "service": spec["service"], "target": slo["objective"],
                "promql": {
                    "errors": events["error_query"].replace("{{.window}}", "$window"),
                    "total": events["total_query"].replace("{{.window}}", "$window"),
                },
                "labels": labels, "alert": alerting["name"],
                "annotations": alerting["annotations"],
            }
        ]
    }  # fmt: skip
    made = rules(yaml.safe_dump(said))
    for ours, theirs in zip(made["groups"], golden["groups"], strict=True):
        assert len(ours["rules"]) == len(theirs["rules"])
        for one, other in zip(ours["rules"], theirs["rules"], strict=True):
            assert " ".join(one["expr"].split()) == " ".join(other["expr"].split())
            assert one.get("record") == other.get("record")
            assert one.get("alert") == other.get("alert")
            if "record" in one and one["record"] != "sloth_slo_info":
                assert one["labels"] == other["labels"]
            if "alert" in one:
                assert one["annotations"] == other["annotations"]
                assert one["labels"]["sloth_severity"] == other["labels"]["sloth_severity"]


MANY = """
objectives:
 - {name: cart-errors, service: "ca\\"rt", environment: prod, target: 99.5, period: 7d,
    series: errors, by: [reality]}
 - {name: cart-slow, service: cart, environment: prod, target: 99, period: 28d, series: slow}
 - name: checkout
   target: 99.9
   by: [reality, region]
   promql: {errors: 'sum by ($by) (rate(e[$window]))', total: 'sum by ($by) (rate(t[$window]))'}
 - {name: coverage, target: 99, indicator: coverage}
quiet: 10m
"""


def test_promtool_finds_nothing_wrong_with_any_of_them(tmp_path):
    code, said = check(MANY, tmp_path / "rules.yml", url="https://wherefrom.example/")
    assert code == 0, said
    # Of those of series, how many requests came in each long window, too.
    assert f"{3 * 17 + 2 * 4} rules found" in said
    least = "objectives: [{name: a, target: 99, requests_min: 50, promql: " + (
        "{errors: 'sum(rate(e[$window]))', total: 'sum(rate(t[$window]))'}}]"
    )
    code, said = check(least, tmp_path / "rules.yml")
    assert (code, "21 rules found" in said) == (0, True), said


def test_a_least_number_of_requests_is_in_the_rules_and_can_be_switched_off():
    one = "objectives: [{name: a, service: cart, target: 99.9, series: errors%s}]"
    recordings, _, alerts = rules(one % "")["groups"]
    page = alerts["rules"][0]["expr"]
    selector = '{sloth_id="cart-a", sloth_service="cart", sloth_slo="a"}'
    for window, least in (("1h", 70), ("6h", 167)):
        came = f"slo:sli_total:count{window}{selector} / {least}"
        assert f"slo:sli_error:ratio_rate{window}{selector} * clamp_max({came}, 1) >" in page
    assert f"slo:sli_error:ratio_rate5m{selector} > (14.4" in page
    counts = [rule for rule in recordings["rules"] if "count" in rule["record"]]
    assert [rule["record"] for rule in counts] == [
        f"slo:sli_total:count{window}" for window in ("1h", "6h", "1d", "3d")
    ]
    assert counts[0]["expr"].endswith("* 3600\n")
    assert "[1h]" in counts[0]["expr"]
    off = to_yaml(
        parse((one % ", requests_min: 0").encode(), where="o"), series=SeriesSettings()
    )  # fmt: skip
    assert "clamp_max" not in off
    assert "sli_total" not in off


def test_an_alert_says_where_it_is_of_and_where_its_records_are():
    made = rules(MANY, url="https://wherefrom.example/")
    alerts = [rule for group in made["groups"] for rule in group["rules"] if "alert" in rule]
    page, ticket = alerts[:2]
    assert (page["alert"], ticket["alert"]) == ("CartErrorsBurns", "CartErrorsBurns")
    assert page["labels"] == {
        "severity": "page", "sloth_severity": "page", "environment": "prod", "service": 'ca"rt',
    }  # fmt: skip
    assert page["keep_firing_for"] == "10m"
    assert page["annotations"]["wherefrom"] == ("https://wherefrom.example/services/prod/ca%22rt")
    assert "13.44 * 0.005" in page["expr"]


def test_indicators_are_left_to_us_and_only_those_that_are_wanted_are_made():
    names = [group["name"] for group in rules(MANY)["groups"]]
    assert not any("coverage" in name for name in names)
    assert len(rules(MANY, only=["checkout"])["groups"]) == 3


def test_a_series_is_asked_for_as_the_settings_say():
    settings = SeriesSettings(
        prometheus=Prometheus(
            url="http://p",
            match='cluster="a"',
            groups=(
                Group(
                    {"requests": "$every * sum by ($by) (r{$match}[$range])",
                     "errors": "sum by ($by) (r{bad,$match}[$range])"},
                    {"service": ("svc",)},
                ),
            ),
        )
    )  # fmt: skip
    one = (
        "objectives: [{name: a, service: cart, target: 99, series: %s, matched_by: {service: svc}}]"
    )
    expr = rules(one % "errors", series=settings)["groups"][0]["rules"][0]["expr"]
    assert 'sum by () (r{bad,cluster="a",svc="cart"}[5m])' in expr
    with pytest.raises(Malformed, match="no query says what is bad"):
        rules(one % "slow", series=settings)


def test_no_rule_is_left_with_a_placeholder():
    said = parse(MANY.encode(), where="o")
    assert not re.search(r"\$(window|by|match|range|step|every|slow)", to_yaml(
        said, series=SeriesSettings()))  # fmt: skip
