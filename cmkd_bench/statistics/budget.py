"""What a larger budget of draws is worth: the score of the selected draw, expected over the orders of the draws."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb


def expected_selected(validation: Sequence[float | None], test: Sequence[float | None]) -> list[float | None]:
    """The expected test score of the draw that validation selects among the first k, for k = 1, ..., N.

    Draw 0, the defaults, is always the first; the expectation is over all orders of the others, which are equally
    likely. With the draws sorted by validation, a draw is selected if it is among the first k and none of the r better
    ones is: C(N - 2 - r, k - 2) of the C(N - 1, k - 1) sets of others.

    Args:
        validation: (N,) by draw, larger is better, of equal scores the first draw is selected; None where it failed.
        test: (N,) likewise.

    Returns:
        (N,) None for a k with an order in which no draw has a score.

    Raises:
        ValueError: if the two are not of one length, or do not lack the same.
    """
    if [one is None for one in validation] != [one is None for one in test]:
        raise ValueError("validation and test are wanted of the same draws")
    scored = {number: score for number, score in enumerate(validation) if score is not None}
    ranked = sorted(scored, key=lambda number: (-scored[number], number))
    better = ranked[: ranked.index(0)] if 0 in scored else ranked
    scores = [score for number in better if (score := test[number]) is not None]
    defaults = test[0] if len(test) else None
    return [_expected(scores, defaults, len(test) - 1, chosen) for chosen in range(len(test))]


def _expected(better: Sequence[float], defaults: float | None, others: int, chosen: int) -> float | None:
    """With so many of the others chosen; `better`: the test scores of those that win over the defaults, best first."""
    sets = comb(others, chosen)
    without = comb(others - len(better), chosen)
    if defaults is None and without:
        return None
    total = without * (defaults or 0.0)
    if chosen:
        total += sum(comb(others - 1 - rank, chosen - 1) * score for rank, score in enumerate(better))
    return total / sets
