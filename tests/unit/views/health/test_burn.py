"""How fast an objective burns: as the rules of a real Prometheus say it, minute for minute."""

from __future__ import annotations

import random
import shutil
import subprocess

import msgspec
import pytest
import yaml

from wherefrom.formats.objectives import Objective, Ratio, parse
from wherefrom.formats.prometheus_rules import to_yaml
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.views.health.burn import HOLDS_S_MAX, MINUTES, Burnt, Held, burning, left, worst

PROMTOOL = shutil.which("promtool")
T = 1_767_225_600  # a whole hour
OBJECTIVE = Objective(name="a", target=99.9, service="cart", series="errors")


def burnt(bad, all_of, *, first=1):
    """A minute each, the first of which ends a minute after T."""
    one = Burnt()
    for n, (b, a) in enumerate(zip(bad, all_of, strict=True), start=first):
        one.put(T + 60 * n, b, a)
    return one


def now_burning(one, minute, objective=OBJECTIVE):
    at = T + 60 * minute
    return burning(
        objective, lambda seconds: one.ratio(at, seconds), lambda seconds: one.count(at, seconds)
    )


def test_a_ratio_is_of_the_whole_minutes_of_its_window():
    one = burnt([0, 0, 5, 0, 0, 0, 0], [10] * 7)
    assert one.ratio(T + 7 * 60, 300) == pytest.approx(5 / 50)
    assert one.ratio(T + 8 * 60, 300) == pytest.approx(0 / 40)
    assert one.ratio(T + 7 * 60 + 59, 300) == pytest.approx(5 / 50), "a minute that is not over"
    assert one.ratio(T + 20 * 60, 300) is None, "nothing was measured"
    assert Burnt().ratio(T, 300) is None


def test_the_same_minute_again_takes_the_place_of_the_first():
    one = burnt([1], [10])
    one.put(T + 60, 4, 20)
    one.put(T + 60, 4, 20)
    assert one.ratio(T + 60, 300) == pytest.approx(0.2)
    assert one.ratio(T + 60, 30 * 86_400) == pytest.approx(0.2)


@pytest.mark.parametrize("seed", range(8))
def test_windows_agree_with_a_model_that_keeps_everything(seed):
    draw = random.Random(seed)
    one, model = Burnt(), {}
    minute = 0
    for _ in range(2_000):
        minute += draw.choice((1, 1, 1, 2, 50, 700))
        late = max(1, minute - draw.randrange(12))
        bad = float(draw.randrange(5))
        one.put(T + 60 * late, bad, 10.0)
        model[late] = (bad, 10.0)
    for window in (300, 3_600, 21_600, 86_400, 3 * 86_400):
        kept = [v for k, v in model.items() if minute - window // 60 < k <= minute]
        assert one.ratio(T + 60 * minute, window) == share(kept)
    hours = range((minute - 1) // 60 - 719, (minute - 1) // 60 + 1)
    kept = [v for k, v in model.items() if (k - 1) // 60 in hours]
    assert one.ratio(T + 60 * minute, 30 * 86_400) == share(kept)


def share(kept):
    """Which share was bad of some minutes; None of none."""
    all_of = sum(a for _, a in kept)
    return pytest.approx(sum(b for b, _ in kept) / all_of) if all_of else None


def test_a_long_silence_forgets_what_was_before():
    one = burnt([5], [10])
    one.put(T + 60 * (2 * MINUTES), 0, 10)
    assert one.ratio(T + 60 * (2 * MINUTES), 3 * 86_400) == 0.0


def test_a_page_needs_both_windows_and_ends_with_the_short_one():
    calm = 360
    bad = [0] * calm + [2] * 60 + [0] * 60  # 2 % of 100 a minute, 20 times what may be
    one = burnt(bad, [100] * len(bad))

    def pages(minute):
        return [b for b in now_burning(one, minute) if b.windows.severity == "page"]

    first = next(m for m in range(len(bad)) if pages(m))
    (found,) = pages(first)
    assert found.windows.long_s == 3_600
    assert first == calm + 44, "20 times for 44 minutes is 14.4 times for an hour"
    assert found.short == pytest.approx(20)
    assert found.long == pytest.approx(20 * 44 / 60)
    # From then on the short window decides: of 5 minutes, 4 good ones are below 14.4.
    ended = next(m for m in range(calm + 60, len(bad)) if not pages(m))
    assert ended == calm + 60 + 2
    assert worst(now_burning(one, first)) == found


def test_a_slow_burn_is_a_ticket():
    one = burnt([4] * 1_440, [1_000] * 1_440)  # 4 times what may be, a day long
    assert {b.windows.severity for b in now_burning(one, 1_440)} == {"ticket"}
    assert left(OBJECTIVE, one.ratio(T + 60 * 1_440, OBJECTIVE.period_s)) == pytest.approx(-3)
    assert left(OBJECTIVE, None) is None


def test_what_is_measured_now_and_then_holds_until_it_is_measured_again():
    one = Burnt()
    held = Held(one)
    held.put(T, 0.0)
    held.put(T + 600, 0.5)
    held.hold(T + 1_200)
    # Minutes 1 to 9 were good; what is measured at a moment is of the minute that ends there.
    assert one.ratio(T + 540, 300) == 0.0
    assert one.ratio(T + 1_200, 600) == 0.5
    assert one.ratio(T + 1_200, 1_200) == pytest.approx(0.5 * 11 / 20)
    held.put(T + 1_800, None)
    held.hold(T + 3_600)
    assert one.ratio(T + 3_600, 300) is None, "from then on nobody knows"


def test_what_nobody_measured_for_long_holds_no_longer():
    one = Burnt()
    held = Held(one)
    held.put(T, 1.0)
    held.hold(T + 2 * HOLDS_S_MAX)
    assert one.ratio(T + HOLDS_S_MAX, 300) == 1.0
    assert one.ratio(T + 2 * HOLDS_S_MAX, 300) is None


# -- of few requests


def few(failed_at, *, every=20, minutes=1_440, objective=OBJECTIVE):
    """What burns at each minute of a day with a request each so many minutes, some of them bad."""
    all_of = [float(minute % every == 0) for minute in range(minutes)]
    bad = [a * (minute in failed_at) for minute, a in enumerate(all_of)]
    one = burnt(bad, all_of)
    return [now_burning(one, minute, objective) for minute in range(minutes)]


def test_one_failed_request_of_a_quiet_service_wakes_nobody_and_opens_no_ticket():
    assert not any(few({720}))


def test_without_a_least_number_it_pages_at_once():
    off = msgspec.structs.replace(OBJECTIVE, requests_min=0)
    severities = {b.windows.severity for some in few({720}, objective=off) for b in some}
    assert severities == {"page", "ticket"}


def test_a_quiet_service_that_fails_altogether_still_pages():
    found = few(set(range(720, 1_440)))
    pages = [m for m, some in enumerate(found) if any(b.windows.severity == "page" for b in some)]
    # The second that fails is enough, and it goes on.
    assert pages[0] == 720 + 20 + 1
    assert any(found[-1])


def test_a_least_number_counts_what_is_missing_as_good():
    said = msgspec.structs.replace(OBJECTIVE, requests_min=1_000)
    one = burnt([5] * 60, [5] * 60)  # 300 requests in an hour, none of which was good
    worst_of_all = worst(now_burning(one, 60, said))
    assert worst_of_all.short == pytest.approx(1_000)
    assert worst_of_all.long == pytest.approx(300)
    busy = burnt([50] * 60, [50] * 60)
    assert worst(now_burning(busy, 60, said)).long == pytest.approx(1_000)


def test_where_nobody_counts_requests_their_number_does_not_matter():
    one = burnt([1] + [0] * 4, [3] * 5)
    assert burning(OBJECTIVE, lambda seconds: one.ratio(T + 300, seconds))
    assert not now_burning(one, 5)


@pytest.mark.parametrize("target", [50, 90, 99, 99.5, 99.9, 99.99, 99.999])
@pytest.mark.parametrize("period", ["7d", "28d", "30d"])
def test_of_the_least_number_one_is_too_little_and_two_are_not(target, period):
    said = Objective(name="a", target=target, period=period, service="cart", series="errors")
    for windows in said.windows:
        bound, least = windows.factor(said.period_s) * said.budget, said.requests_least(windows)
        assert 1 / least <= bound or least == 1
        assert 1 / least <= bound < 2 / least or bound >= 1
        assert msgspec.structs.replace(said, requests_min=7).requests_least(windows) == 7
        asked = msgspec.structs.replace(said, series="", promql=Ratio(errors="e", total="t"))
        assert asked.requests_least(windows) == 0


# -- beside a real Prometheus

# A target at which no share falls on a bound: there, the last bit would decide.
QUERIES = """
objectives:
 - name: a
   service: cart
   target: 99.03
   by: [reality]
   promql: {errors: 'sum by ($by) (rate(bad_total[$window]))',
            total: 'sum by ($by) (rate(all_total[$window]))'}
"""
FLEET = ""
MOMENTS = (75, 130, 200, 300, 420)

# Beside a busy one, an estate of few requests, each of which says much.
BUSY, QUIET = (("stable", 983), ("canary", 19)), (("stable", 2), ("canary", 1))
LEAST = {BUSY: "", QUIET: "   requests_min: 297\n"}


def drawn(seed, traffic=BUSY):
    """By reality: bad and all of each minute."""
    draw = random.Random(seed)
    minutes = max(MOMENTS) + 1
    found = {}
    for name, each in traffic:
        calm = draw.choice((0, 0.05, 1)) if name == "stable" else 1
        share, bad, all_of = 0.0, [], []
        for _ in range(minutes):
            if draw.random() < 0.03:
                share = draw.choice((0, 0, 0.005, 0.05, 0.2, 0.6)) * calm
            all_of.append(each)
            # Of few, one fails or does not; a share of it would be none.
            failed = share * each + (draw.random() - 0.5 if each < 10 else 0)
            bad.append(min(each, max(0, round(failed))) if share else 0)
        found[name] = (bad, all_of)
    return found


def counted(values):
    """As a counter that a test of promtool writes: 0 at first, then what each minute added."""
    total, written = 0, [0]
    for value in values:
        total += value
        written.append(total)
    return " ".join(map(str, written))


def expected(found, minute, queries=QUERIES):
    """Which of all, by severity and reality, we say burn then."""
    objective = parse(queries.encode(), where="o").objectives[0]
    rows = dict(found)
    rows[FLEET] = tuple([sum(v) for v in zip(*some, strict=True)] for some in zip(
        *found.values(), strict=True))  # fmt: skip
    said = set()
    for name, (bad, all_of) in rows.items():
        one = burnt(bad, all_of)
        said |= {(b.windows.severity, name) for b in now_burning(one, minute, objective)}
    return said


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("traffic", [BUSY, QUIET], ids=["busy", "quiet"])
def test_a_prometheus_with_our_rules_says_the_same_at_the_same_minute(traffic, seed, tmp_path):
    assert PROMTOOL, "make tools"
    found, queries = drawn(seed, traffic), QUERIES + LEAST[traffic]
    said = parse(queries.encode(), where="o")
    # Kept alerts would hide when it burns; what they add is not of this comparison.
    written = to_yaml(said, series=SeriesSettings())
    rules = yaml.safe_load(written)
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("keep_firing_for", None)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
    labels = {"alertname": "ABurns", "sloth_id": "cart-a", "sloth_service": "cart",
              "sloth_slo": "a", "service": "cart"}  # fmt: skip
    burns = {minute: expected(found, minute, queries) for minute in MOMENTS}
    tests = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        # Else an alert may be of what was recorded a minute before.
        "group_eval_order": [group["name"] for group in rules["groups"]],
        "tests": [{
            "interval": "1m",
            "input_series": [
                {"series": f'{metric}{{reality="{name}"}}', "values": counted(values)}
                for name, row in found.items()
                for metric, values in zip(("bad_total", "all_total"), row, strict=True)
            ],
            "alert_rule_test": [{
                "eval_time": f"{minute}m",
                "alertname": "ABurns",
                "exp_alerts": [
                    {"exp_labels": {**labels, "severity": severity, "sloth_severity": severity,
                                    **({"reality": name} if name else {})},
                     "exp_annotations": {
                         "summary": "a: what may fail is used up too fast",
                         "title": f"({severity}) cart a SLO error budget burn rate is too fast."}}
                    for severity, name in sorted(burns[minute])
                ],
            } for minute in MOMENTS],
        }],
    }  # fmt: skip
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))
    run = subprocess.run(
        [PROMTOOL, "test", "rules", tmp_path / "tests.yml"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_those_series_do_burn_and_do_not():
    said = [expected(drawn(seed), minute) for seed in range(6) for minute in MOMENTS]
    assert any(not one for one in said)
    assert any(("page", "canary") in one and ("page", FLEET) not in one for one in said)
    assert any(("page", FLEET) in one for one in said)
    quiet = [(drawn(seed, QUIET), minute) for seed in range(6) for minute in MOMENTS]
    pairs = [(expected(*one, QUERIES + LEAST[QUIET]), expected(*one)) for one in quiet]
    assert any(one for one, _ in pairs)
    assert any(one != without for one, without in pairs), "the least number decides some"


def test_a_canary_of_two_percent_that_burns_fifty_times_pages_though_the_fleet_is_at_one():
    objective = Objective(name="a", target=99, service="cart", series="errors", by=("reality",))
    canary = burnt([10] * 70, [20] * 70)
    fleet = burnt([10] * 70, [1_000] * 70)
    assert worst(now_burning(canary, 70, objective)).short == pytest.approx(50)
    assert now_burning(fleet, 70, objective) == []
