"""95 % intervals for the difference of two groups: of shares, and of means. Pure arithmetic on counts and sums."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True, slots=True)
class Sample:
    """A group: how many, the sum of their values and of their squares. Exact, as long as they are whole numbers."""

    size: int
    total: int
    squares: int

    @property
    def mean(self) -> float:
        return self.total / self.size

    @property
    def variance(self) -> float:
        """Of the population that the group stands for (n - 1)."""
        return (self.squares * self.size - self.total**2) / (self.size * (self.size - 1))


def share_difference(successes: int, size: int, other_successes: int, other_size: int) -> tuple[float, float]:
    """Between what limits successes/size - other_successes/other_size lies; -1 to 1. Sizes are above zero.

    Newcombe's hybrid of two Wilson intervals: R. G. Newcombe, "Interval estimation for the difference between
    independent proportions: comparison of eleven methods", Statistics in Medicine 17 (1998), 873-890, method 10. It
    holds for small groups and for shares near 0, where the textbook's interval is too narrow.
    """
    share, other = successes / size, other_successes / other_size
    low, high = wilson(successes, size)
    other_low, other_high = wilson(other_successes, other_size)
    difference = share - other
    return (
        difference - sqrt((share - low) ** 2 + (other_high - other) ** 2),
        difference + sqrt((high - share) ** 2 + (other - other_low) ** 2),
    )


def wilson(successes: int, size: int) -> tuple[float, float]:
    """The limits of one share, by E. B. Wilson (1927)."""
    share, z2 = successes / size, _Z**2
    middle = share + z2 / (2 * size)
    half = _Z * sqrt(share * (1 - share) / size + z2 / (4 * size**2))
    # at the ends the exact limit is the end itself; rounding must not step over it
    low = 0.0 if successes == 0 else (middle - half) / (1 + z2 / size)
    high = 1.0 if successes == size else (middle + half) / (1 + z2 / size)
    return low, high


def mean_difference(sample: Sample, other: Sample) -> tuple[float, float]:
    """Between what limits the difference of the means lies. Both sizes are at least 2.

    B. L. Welch, "The generalization of Student's problem when several different population variances are involved",
    Biometrika 34 (1947), 28-35: the groups may spread differently, as a small holdout and many mailed accounts do.
    """
    parts = (sample.variance / sample.size, other.variance / other.size)
    error = sqrt(sum(parts))
    difference = sample.mean - other.mean
    if not error:
        return difference, difference
    freedom = sum(parts) ** 2 / sum(
        part**2 / (group.size - 1) for part, group in zip(parts, (sample, other), strict=True)
    )
    reach = t_quantile(freedom) * error
    return difference - reach, difference + reach


def t_quantile(freedom: float) -> float:
    """Student's t for the limits at 95 %, from the normal quantile.

    Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.5. Its error is under 0.001 from five degrees of
    freedom on, and under 0.02 from three.
    """
    x = _Z
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + sum(term / freedom**power for power, term in enumerate(terms, start=1))
