"""Tests that may be looked at whenever one likes: how surely one side is worse than the other.

    blocks of (bad, of) on two sides ──► wealth of a bettor against "worse by at most d"
    minutes of which one was slower  ──►     └ above 1/alpha, at whatever time: it is worse

A bettor starts with 1 and bets against a claim at odds under which, if it is true, nobody expects
to gain. So whoever stops whenever it pleases sees more than 1/alpha with a chance of alpha at most
(Ville), however often it was looked at before. A block of n requests on one side and m on the other
multiplies the wealth by

    Π (1 + g/n (y - s - d))  Π (1 - g/m (y - s))      y is 1 of a bad answer, else 0

which is expected to be at most 1 if the shares p, q have p - q ≤ d: the geometric mean of the n + m
factors is at most their arithmetic one, and that is 1 + g (p - q - d) / (n + m). How busy each side
is may change, and so may both shares: only their difference is bet on. The stake g and the guess s
are of what was seen before, and do not depend on d, so the wealth falls as d grows, and the bounds
are found by halving. Nobody knows the best stake: STAKES are laid side by side.

What is assumed: answers of one block are independent. Where they fail together, because of one user
or one connection, it is less sure than it seems.

Source: Ville 1939 · Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample
        tests" (2024) · Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
        betting" (2024)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, inf, log
from typing import Final, NamedTuple

# Differences beyond the claim that a stake is best for, and shares of a wealth to lay on a coin.
STAKES: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
COIN_STAKES: Final = (0.25, 0.5, 0.75, 0.95)
# No factor falls below 0, whatever is claimed: d is 1 at most, and s too.
STAKE_MAX: Final = 0.5
_HALVINGS: Final = 22  # of a width of 2: to a millionth


class Block(NamedTuple):
    """What was seen of two sides in one stretch of time: ``bad`` of ``of`` answers, whole."""

    bad: int
    of: int
    other_bad: int
    other_of: int

    def turned(self) -> Block:
        """The same with its sides changed."""
        return Block(self.other_bad, self.other_of, self.bad, self.of)


class Bound(NamedTuple):
    """A difference that is surely passed, and the number of blocks after which the claim that was
    asked about was refuted; None if it was not."""

    end: float
    decided: int | None


class _Bet(NamedTuple):
    """One stake on one block: what a good and a bad answer earn, of d: 1 + each (y - s - d).

    rest  the logarithm of what the other side earns: it does not depend on d
    """

    bad: int
    good: int
    each: float
    guess: float
    rest: float

    def earns(self, d: float) -> float:
        found = self.rest
        if self.bad:
            found += self.bad * log(1 + self.each * (1 - self.guess - d))
        if self.good:
            found += self.good * log(1 - self.each * (self.guess + d))
        return found


def at_least(blocks: Sequence[Block], *, claim: float, alpha: float) -> Bound:
    """The least that the first side may be worse by, as a difference of shares.

    claim  it is decided when "worse by at most ``claim``" is refuted
    alpha  the chance that ``end`` is ever too high, however often it is looked at, 0 to 1

    Raises ValueError for counts that cannot be.
    """
    _check(blocks, alpha)
    bets = _bets(blocks)
    wanted = log(len(STAKES) / alpha)
    decided = _first(bets, claim, wanted)
    return Bound(_halved(-1.0, 1.0, lambda d: _first(bets, d, wanted) is not None), decided)


def at_most(blocks: Sequence[Block], *, claim: float, alpha: float) -> Bound:
    """The most that the first side may be worse by; decided when "by at least ``claim``" is
    refuted. As ``at_least``."""
    low, decided = at_least([block.turned() for block in blocks], claim=-claim, alpha=alpha)
    return Bound(-low, decided)


def _bets(blocks: Sequence[Block]) -> list[list[_Bet]]:
    """By block, a bet for each stake."""
    found = []
    bad, seen = 0.5, 1.0
    for block in blocks:
        n, m = block.of, block.other_of
        if n and m:
            guess = bad / seen
            spread = guess * (1 - guess) * (1 / n + 1 / m)
            row = []
            for stake in STAKES:
                g = min(stake / spread, STAKE_MAX * min(n, m))
                rest = block.other_bad * log(1 - g / m * (1 - guess))
                rest += (m - block.other_bad) * log(1 + g / m * guess)
                row.append(_Bet(block.bad, n - block.bad, g / n, guess, rest))
            found.append(row)
        else:
            found.append([])  # one side was not there: nothing is bet
        bad += block.bad + block.other_bad
        seen += n + m
    return found


def _first(bets: Sequence[Sequence[_Bet]], d: float, wanted: float) -> int | None:
    """After how many blocks the wealth passes; ``wanted`` is of the sum over all stakes."""
    wealth = [0.0] * len(STAKES)
    for number, row in enumerate(bets, 1):
        for place, bet in enumerate(row):
            wealth[place] += bet.earns(d)
        if row and _log_sum(wealth) >= wanted:
            return number
    return None


def _log_sum(logs: Sequence[float]) -> float:
    top = max(logs)
    return top + log(sum(exp(one - top) for one in logs))


def _halved(low: float, high: float, is_passed: Callable[[float], bool]) -> float:
    """The end of what is passed: everything below it is."""
    if not is_passed(low):
        return low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_passed(middle) else (low, middle)
    return low


def _check(blocks: Sequence[Block], alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"an alpha of {alpha}, expected one between 0 and 1")
    for block in blocks:
        if not (0 <= block.bad <= block.of and 0 <= block.other_bad <= block.other_of):
            raise ValueError(f"{block} cannot be")


# -- what is only compared, minute by minute


def median_at_least(values: Sequence[float], *, claim: float, alpha: float) -> Bound:
    """The least that the median of ``values`` may be: a coin is bet on, which falls on the side of
    what is above. ``end`` is one of the values, or minus infinity: each claim below it is refuted.
    As ``at_least``."""
    if not 0 < alpha < 1:
        raise ValueError(f"an alpha of {alpha}, expected one between 0 and 1")
    wanted = log(len(COIN_STAKES) / alpha)
    # Between two values that follow each other, each claim has the same of them above it: what is
    # refuted of the lower one is refuted of all up to the higher one.
    claims = [-inf, *sorted(set(values))]
    low, high = 0, len(claims) - 1
    while low < high:
        middle = (low + high) // 2
        is_refuted = _first_above(values, claims[middle], wanted) is not None
        low, high = (middle + 1, high) if is_refuted else (low, middle)
    return Bound(claims[low], _first_above(values, claim, wanted))


def median_at_most(values: Sequence[float], *, claim: float, alpha: float) -> Bound:
    """The most that the median may be. As ``median_at_least``."""
    end, decided = median_at_least([-value for value in values], claim=-claim, alpha=alpha)
    return Bound(-end, decided)


def _first_above(values: Sequence[float], claim: float, wanted: float) -> int | None:
    """After how many values it is refuted that at most half of them are above ``claim``."""
    wealth = [0.0] * len(COIN_STAKES)
    for number, value in enumerate(values, 1):
        sign = 1 if value > claim else -1
        wealth = [w + log(1 + sign * s) for w, s in zip(wealth, COIN_STAKES, strict=True)]
        if _log_sum(wealth) >= wanted:
            return number
    return None
