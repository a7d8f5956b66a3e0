"""Where runs were made: the column of runs.csv, and the note below a table that mixes devices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cmkd_bench.experiment.plan import Cell
from cmkd_bench.report.cells import Runs


def device(cost: Mapping[str, Any]) -> str:
    """Return the name of a run's GPU, or the architecture of its CPU, e.g. `x86_64`; empty if it is not recorded."""
    return str(cost.get("device", ""))


def mixed_devices(cells: Iterable[Cell], runs: Runs) -> Iterator[str]:
    """Yield a note for each dataset whose finished runs were made on different devices."""
    found: dict[str, dict[str, str]] = {}
    for cell in cells:
        for run_id in filter(None, (cell.run_id, cell.teacher_id)):
            name = runs.get(run_id, {}).get("device")
            if isinstance(name, str) and name:
                found.setdefault(cell.dataset, {})[run_id] = name
    for dataset, names in found.items():
        counts = Counter(names.values())
        if len(counts) > 1:
            shown = ", ".join(f"{count} on {name}" for name, count in counts.most_common())
            yield (
                f"{dataset}: runs were made on different devices ({shown}), which round differently, so rows and seeds "
                "differ by more than methods do."
            )
