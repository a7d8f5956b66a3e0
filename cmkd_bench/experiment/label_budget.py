"""How many labels of the training part may be seen: a share of it, or a number per class."""

from __future__ import annotations

import re

LabelBudget = float | str
"""A share above 0 and up to 1, or a number per class such as `6pc`, in the form that `parse_budget` returns."""

ALL = 1.0
EXPECTED = "expected a share of the labels above 0 and up to 1, e.g. 0.05, or a number per class, e.g. 6pc"
_PER_CLASS = re.compile(r"0*([1-9]\d*)pc")


def parse_budget(given: object) -> LabelBudget:
    """Return a budget in its only form, so that 0.05 and 5e-2 are the same run.

    Raises:
        ValueError: for anything that is not a budget; the message says what is expected.
    """
    text = str(given).strip()
    if found := _PER_CLASS.fullmatch(text):
        return f"{found[1]}pc"
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1 or isinstance(given, bool):
        raise ValueError(EXPECTED)
    return share


def per_class(budget: LabelBudget) -> int | None:
    """Return the number per class, or None for a share."""
    return int(budget.removesuffix("pc")) if isinstance(budget, str) else None


def as_option(budget: LabelBudget) -> str:
    """Return the budget as it is given to `--labels`."""
    return budget if isinstance(budget, str) else f"{budget:.15g}"


def in_words(budget: LabelBudget) -> str:
    """Return the budget for a reader."""
    if (number := per_class(budget)) is not None:
        return f"{number} label{'s' * (number > 1)} per class"
    return "all labels" if budget == ALL else f"{100 * float(budget):.6g} % of labels"


def order(budget: LabelBudget) -> tuple[int, float]:
    """Return a sort key: numbers per class first, then shares."""
    number = per_class(budget)
    return (1, float(budget)) if number is None else (0, number)


def block_name(dataset: str, budget: LabelBudget) -> str:
    """Return the name of what shares a table: a dataset, with its labels where some are hidden."""
    return dataset if budget == ALL else f"{dataset}, {in_words(budget)}"


def block_stem(dataset: str, budget: LabelBudget) -> str:
    """Return the same as a part of a file's name."""
    return dataset if budget == ALL else f"{dataset}_{as_option(budget)}"
