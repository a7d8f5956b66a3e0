"""Where the code behind the numbers came from: the line below a leaderboard, and the report's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.registry import BUILT_IN
from cmkd_bench.report.text_table import TextTable

NAMED = {"method_code": "method", "dataset_code": "dataset", "student_code": "student"}
"""Columns of results.csv, with the column of the name that each belongs to."""


def origins(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of a run from the `sources` in its record, which has them by role."""
    return {column: sources[name] for column, name in NAMED.items() if name in sources}


def code_line(results: pd.DataFrame) -> str:
    """Say where the code of the finished runs came from; empty if it is not recorded."""
    names: dict[str, dict[str, None]] = {}
    for column, named in NAMED.items():
        for name, origin in results.reindex(columns=[named, column]).dropna().drop_duplicates().itertuples(index=False):
            names.setdefault(str(origin), {})[str(name)] = None
    built_in = [origin for origin in names if origin.startswith(BUILT_IN)]
    others = [f"{', '.join(found)} from {origin}" for origin, found in names.items() if origin not in built_in]
    everything = f"{'all else ' if others else ''}{' or '.join(built_in)}" if built_in else ""
    return f"Code: {'; '.join(filter(None, [*others, everything]))}." if names else ""


def code_table(specs: Mapping[str, RunSpec], costs: Mapping[str, Mapping[str, dict[str, str]]]) -> TextTable:
    """List the code of the finished runs: what it defines, where it came from, its identity, and how many runs used it.

    Args:
        specs: by run id.
        costs: the content of cost.json of the finished runs.
    """
    found: Counter[tuple[str, str, str, str]] = Counter()
    for run_id, cost in costs.items():
        codes, sources = specs[run_id].codes_by_role, cost.get("sources", {})
        found.update({(*codes[role][0], origin, codes[role][1]) for role, origin in sources.items() if role in codes})
    rows = ((*facts, str(runs)) for facts, runs in sorted(found.items()))
    note = (
        "A run's id contains these identities. Built-in code has one identity as long as it computes the same; other "
        "code has another one after every change."
    )
    return TextTable("Code", ("kind", "name", "code", "identity", "runs"), tuple(rows), (note,), texts=4)
