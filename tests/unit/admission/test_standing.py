"""What stands, for how long, and what makes it fall."""

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.admission.deciding import Yes
from wherefrom.admission.standing import AGAIN_SECONDS, IDLE_SECONDS, Key, Standing
from wherefrom.query.answers import LogPosition

KEY, OTHER = Key("sha256:a", "prod", "sha256:p"), Key("sha256:b", "prod", "sha256:p")
LATER = 1e12


def yes(as_of=10, origin="log", until=LATER):
    return Yes(origin, as_of, until)


def at(size, origin="log"):
    return LogPosition(origin=origin, size=size, root="00")


def table(**more):
    return Standing(**{"fresh_s": 30.0, **more})


def test_a_yes_stands_for_its_own_question_only():
    standing = table()
    standing.put(KEY, yes(), asked=0)
    assert standing.get(KEY, now=1, clock=0) == yes()
    for other in (
        KEY._replace(artifact="sha256:c"), KEY._replace(environment="dev"),
        KEY._replace(environment=""), KEY._replace(policy="sha256:q"),
    ):  # fmt: skip
        assert standing.get(other, now=1, clock=0) is None


def test_a_yes_stands_as_long_as_the_log_was_heard_lately():
    standing = table()
    standing.put(KEY, yes(), asked=100)
    assert standing.get(KEY, now=129.9, clock=0)
    assert standing.get(KEY, now=130, clock=0) is None
    standing.reached(at(10), asked=125)
    assert standing.get(KEY, now=154, clock=0)


def test_a_yes_of_a_smaller_log_is_not_confirmed_by_a_larger_one():
    standing = table()
    standing.put(KEY, yes(as_of=10), asked=100)
    standing.reached(at(11), asked=125)
    assert standing.due("sha256:p", now=125) == [KEY]
    assert standing.get(KEY, now=131, clock=0) is None


def test_a_yes_ends_when_its_policy_says_so():
    standing = table()
    standing.put(KEY, yes(until=1_000.0), asked=0)
    assert standing.get(KEY, now=1, clock=999.9)
    assert standing.get(KEY, now=1, clock=1_000.0) is None


def test_a_yes_that_counts_days_is_asked_again_though_nothing_was_recorded():
    standing = table()
    standing.put(KEY, yes(), asked=0)
    standing.reached(at(10), asked=AGAIN_SECONDS - 1)
    assert standing.due("sha256:p", now=AGAIN_SECONDS - 1) == []
    standing.reached(at(10), asked=AGAIN_SECONDS)
    assert standing.due("sha256:p", now=AGAIN_SECONDS) == [KEY]
    assert standing.get(KEY, now=AGAIN_SECONDS + 29, clock=0) is None


def test_of_another_log_or_one_that_shrank_nothing_stands():
    for position in (at(10, "another"), at(9)):
        standing = table()
        standing.reached(at(10), asked=0)
        standing.put(KEY, yes(), asked=0)
        standing.reached(position, asked=1)
        assert len(standing) == 0
    standing = table()
    standing.put(KEY, yes(), asked=0)
    standing.put(OTHER, yes(origin="another"), asked=0)
    assert standing.get(KEY, now=0, clock=0) is None
    assert standing.get(OTHER, now=0, clock=0)


def test_an_older_answer_that_comes_later_changes_nothing():
    standing = table()
    standing.put(KEY, yes(as_of=12), asked=5)
    standing.put(KEY, yes(as_of=11), asked=4)
    assert standing.get(KEY, now=5, clock=0).as_of == 12


def test_what_turned_bad_is_gone_at_once():
    standing = table()
    standing.put(KEY, yes(), asked=0)
    assert standing.drop(KEY) is True
    assert standing.drop(KEY) is False
    assert standing.get(KEY, now=0, clock=0) is None


def test_what_nobody_uses_and_what_another_policy_let_in_is_forgotten():
    standing = table()
    standing.put(KEY, yes(), asked=0)
    standing.put(OTHER, yes(), asked=0)
    standing.reached(at(11), asked=1)
    assert standing.get(KEY, now=IDLE_SECONDS, clock=0) is None  # too old to count as a use
    standing.put(KEY, yes(as_of=11), asked=IDLE_SECONDS)
    assert standing.get(KEY, now=IDLE_SECONDS, clock=0)
    assert standing.due("sha256:p", now=IDLE_SECONDS + 1) == []
    assert len(standing) == 1
    standing.due("sha256:q", now=IDLE_SECONDS + 1)
    assert len(standing) == 0


def test_the_longest_unheard_is_asked_first():
    standing = table()
    standing.put(KEY, yes(), asked=2)
    standing.put(OTHER, yes(), asked=1)
    standing.reached(at(11), asked=3)
    assert standing.due("sha256:p", now=3) == [OTHER, KEY]


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=60))
def test_it_never_holds_more_than_it_may_and_drops_the_longest_unused(steps):
    standing = table(kept_max=3)
    recent: list[int] = []  # a model: the most recently used last
    for now, (number, is_put) in enumerate(steps):
        key = KEY._replace(artifact=f"sha256:{number}")
        if is_put:
            had = number in recent
            standing.put(key, yes(), asked=float(now) / 10)
            if not had:
                recent = [*recent, number][-3:]
        elif standing.get(key, now=float(now) / 10, clock=0):
            recent.remove(number)
            recent.append(number)
        else:
            assert number not in recent
        assert len(standing) == len(recent) <= 3
