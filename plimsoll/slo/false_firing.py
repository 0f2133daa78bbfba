"""How often a tier would fire although its objective is met: the arithmetic of too little traffic.

With a few requests an hour one failure is a large share of a window. In a period of true failures just inside
the budget, each of them may find itself in a window where the share exceeds what the tier looks for. Their
expected number is

    E = (bursts of failures a period) × P[ (K + B) / (K + B + G) > θ ]

where K is the burst that begins, geometric with mean k, B are the other failures that the long window holds
(bursts of the same sizes, Poisson in number with mean λp(L - d) / k), and G ~ Poisson(λ(1 - p)(L - d)) its
good requests: λ requests an hour, p the true rate of failures, L the long window, d the ingestion delay, θ =
burn rate × (1 - goal), and k the dispersion: how many failures come together on average (1: each by itself,
and all this is Poisson). A simulation of the two AND-ed windows stayed below 2.2 times that
(`simulated_over_formula` in the windows' data; held by a test), so the expectation is multiplied by it.

Probabilities are floats: nothing here is a limit that a resource carries, only the choice between tiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, floor, lgamma, log, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

_SPREAD = 10
"""Standard deviations beyond which a count does not come."""
_HOUR = 3600
_MOST_BURSTS = 600
"""In a window, as far as floats reach: a tier that is unsafe even there is safe nowhere."""
_PRECISION = 1.01


@dataclass(frozen=True, slots=True)
class Question:
    """What the number of false firings depends on, besides the traffic."""

    true_rate: Fraction
    """The share of bad requests while the objective is met, above 0."""
    threshold: Fraction
    """The share in the long window above which the tier fires: burn rate × (1 - goal), above `true_rate`."""
    long: int
    """Seconds."""
    delay: int
    """Seconds until a request is counted; less than `long`."""
    period: int
    """Seconds."""
    dispersion: float = 1
    """How many failures come together on average, 1 or more."""
    factor: float = 1.0
    """What a simulation finds over the formula."""


def expected(question: Question, requests_per_hour: float) -> float:
    """The expected number of false firings a period, 0 or more, at this traffic (above 0)."""
    rate, hours = float(question.true_rate), question.period / _HOUR
    seen = requests_per_hour * (question.long - question.delay) / _HOUR
    bursts = requests_per_hour * rate * hours / question.dispersion
    inside = seen * rate / question.dispersion
    # However it is corrected, a burst fires once at most.
    return bursts * min(1.0, question.factor * _probability(question, inside, good=seen * (1 - rate)))


@lru_cache(maxsize=4096)
def safe_from(question: Question, allowed: float) -> int | None:
    """Requests an hour from which the expected number stays below `allowed`, within 1 % and rounded up.

    `None` where no traffic suffices. Far below that traffic the number falls again, because hardly a failure
    happens at all; nothing is safe there, since one failure is then enough to fire.
    """
    high = 1.0
    while expected(question, high) >= allowed or expected(question, 2 * high) >= allowed:
        high *= 2
        if high * float(question.true_rate) * question.long / _HOUR / question.dispersion > _MOST_BURSTS:
            return None
    # From above: the last traffic at which it is too often.
    low = high / 2
    while low > 1 and expected(question, low) < allowed:
        high, low = low, low / 2
    while high / low > _PRECISION:
        middle = sqrt(high * low)
        if expected(question, middle) < allowed:
            high = middle
        else:
            low = middle
    return ceil(high)


def _probability(question: Question, bursts: float, good: float) -> float:
    """P[(K + B) / (K + B + G) > threshold], where `bursts` and `good` are the means in the window.

    One pass: as the bad ones grow, so do the good ones that the share survives, and with them P[G below].
    B is Pólya-Aeppli, by its recurrence, with r = 1 - 1/k:

        n b(n) = (2r(n - 1) + (1 - r)m) b(n - 1) - r²(n - 2) b(n - 2)
    """
    threshold, rest = question.threshold, 1 - 1 / question.dispersion
    numerator, denominator = threshold.denominator - threshold.numerator, threshold.numerator
    next_good, last_good = _range(good)
    mass_good = exp(next_good * log(good) - good - lgamma(next_good + 1)) if good else 1.0
    others, before = exp(-bursts), 0.0
    own = total = below = 0.0
    for bad in range(1, _last(bursts, question.dispersion) + 1):
        own = rest * own + (1 - rest) * others
        # The share exceeds the threshold while G stays strictly below this.
        limit = -(-bad * numerator // denominator)
        while next_good < limit and next_good <= last_good:
            below += mass_good
            next_good += 1
            mass_good *= good / next_good
        total += own * (1.0 if next_good > last_good else below)
        step = 2 * rest * (bad - 1) + (1 - rest) * bursts
        others, before = (step * others - rest * rest * (bad - 2) * before) / bad, others
    return min(total, 1.0)


def _range(mean: float) -> tuple[int, int]:
    """Between which counts a Poisson variable of this mean lies, but for about one in 10^20."""
    spread = _SPREAD * sqrt(mean) + _SPREAD
    return max(0, floor(mean - spread)), ceil(mean + spread)


def _last(bursts: float, size: float) -> int:
    """The number of failures above which the window, with one burst more, hardly ever holds any.

    Mean k(m + 1); the variance of a sum of m bursts is at most 2k²m, and a burst's own tail is e^(-n/k).
    """
    return ceil(size * (bursts + 1) + _SPREAD * size * sqrt(2 * bursts) + 40 * size)
