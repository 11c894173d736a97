# SPDX-License-Identifier: Apache-2.0
"""Medians and spread; ratios taken pairwise, round by round, so that common noise cancels."""


def percentile(values, fraction):
    """Linear interpolation between the closest ranks of a non-empty list."""
    ordered = sorted(values)
    position = fraction * (len(ordered) - 1)
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def median(values):
    return percentile(values, 0.5)


def summary(values):
    """The five numbers that are printed, and how many values they stand for."""
    return {
        "n": len(values),
        "min": min(values),
        "p25": percentile(values, 0.25),
        "median": median(values),
        "p75": percentile(values, 0.75),
        "max": max(values),
    }


def pairwise_ratio(ours, base):
    """Summary of ours/base over the rounds both have ({round: value}); None without any."""
    ratios = [ours[r] / base[r] for r in ours if r in base and base[r]]
    return summary(ratios) if ratios else None
