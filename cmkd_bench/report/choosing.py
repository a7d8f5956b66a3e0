"""Choose cells of an experiment by the values that identify them in its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import pandas as pd

from cmkd_bench.errors import UnknownName, UserError, hint, shortened
from cmkd_bench.experiment.label_budget import LabelBudget, as_option, parse_budget
from cmkd_bench.report.tidy import KEYS, ROW


class Filters(TypedDict, total=False):
    """Values of the columns that identify a row of results.csv; None is any value."""

    row: str | None
    method: str | None
    dataset: str | None
    fold: int | None
    labels: LabelBudget | None
    teacher_modality: str | None
    student_modality: str | None
    seed: int | None
    tuned: bool | None


def choose(cells: pd.DataFrame, where: str, filters: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows that have all the given values.

    Args:
        cells: with the columns KEYS and, where there are variants, ROW.
        where: the experiment, for messages.
        filters: as `Filters`.

    Raises:
        UserError: for an unknown filter, or a value that no row has, with the values that there are.
    """
    allowed_names = [name for name in (ROW, *KEYS) if name in cells]
    for name in filters:
        if name not in allowed_names:
            raise UnknownName("filter", name, allowed_names)
    given = {name: filters[name] for name in allowed_names if filters.get(name) is not None}
    used: list[str] = []
    for name, value in given.items():
        values = _as_text(cells[name])
        wanted = _labels(value) if name == "labels" else str(value)
        if wanted not in set(values):
            allowed = sorted(set(values))
            raise UserError(
                f"'{where}' has no row with {', '.join([*used, f'{name}={shortened(wanted)}'])}."
                f"{hint(wanted, allowed)} Available as {name}: {', '.join(allowed) or 'none'}."
            )
        cells = cells[values == wanted]
        used.append(f"{name}={wanted}")
    return cells.reset_index(drop=True)


def only_run(cells: pd.DataFrame, where: str) -> str:
    """Return the id of the only run behind some cells.

    Raises:
        UserError: if there is none, or several, with the filters that would decide.
    """
    found = cells[cells["run_id"].notna()]
    runs = found["run_id"].nunique()
    if runs == 1:
        return str(found["run_id"].iloc[0])
    if not runs:
        raise UserError(f"no run in '{where}' to load: {cells['impossible'].iloc[0]}.")
    options = [
        f"{name} ({', '.join(values)})" for name in (ROW, *KEYS) if name in found and (values := _deciding(found, name))
    ]
    raise UserError(f"{runs} runs in '{where}' match. Add filters to choose one: {'; '.join(options)}.")


def _deciding(cells: pd.DataFrame, name: str) -> list[str]:
    """Return the values of a column if choosing one of them leaves fewer runs."""
    values = _as_text(cells[name])
    runs = {value: frozenset(group) for value, group in cells["run_id"].groupby(values, sort=False)}
    return list(map(str, runs)) if len(set(runs.values())) > 1 else []


def _as_text(values: pd.Series[Any]) -> pd.Series[str]:
    return values.map(as_option if values.name == "labels" else str)


def _labels(value: Any) -> str:
    try:
        return as_option(parse_budget(value))
    except ValueError as error:
        raise UserError(f"labels={shortened(str(value))}: {error}.") from error
