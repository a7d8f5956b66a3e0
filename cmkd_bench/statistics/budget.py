"""The value of more trials: the expected score of the selected trial, averaged over the orders of the trials."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb


def expected_selected(validation: Sequence[float | None], test: Sequence[float | None]) -> list[float | None]:
    """Return the expected test score of the trial that validation selects among the first k, for k = 1, ..., N.

    Trial 0, the defaults, is always first; the expectation is over all orders of the others, which are equally
    likely. With the trials sorted by validation, a trial is selected if it is among the first k and none of the r
    better ones is: C(N - 2 - r, k - 2) of the C(N - 1, k - 1) sets of others.

    Args:
        validation: (N,) by trial, larger is better, the first of equal scores is selected; None for failed trials.
        test: (N,) by trial; None for failed trials.

    Returns:
        (N,) None for every k with an order in which no trial has a score.

    Raises:
        ValueError: if the two differ in length, or in their failed trials.
    """
    if [one is None for one in validation] != [one is None for one in test]:
        raise ValueError("validation and test must have scores of the same trials")
    scored = {number: score for number, score in enumerate(validation) if score is not None}
    ranked = sorted(scored, key=lambda number: (-scored[number], number))
    better = ranked[: ranked.index(0)] if 0 in scored else ranked
    scores = [score for number in better if (score := test[number]) is not None]
    defaults = test[0] if len(test) else None
    return [_expected(scores, defaults, len(test) - 1, chosen) for chosen in range(len(test))]


def _expected(better: Sequence[float], defaults: float | None, others: int, chosen: int) -> float | None:
    """Return the expectation with `chosen` of the others; `better`: test scores that beat the defaults, best first."""
    sets = comb(others, chosen)
    without = comb(others - len(better), chosen)
    if defaults is None and without:
        return None
    total = without * (defaults or 0.0)
    if chosen:
        total += sum(comb(others - 1 - rank, chosen - 1) * score for rank, score in enumerate(better))
    return total / sets
