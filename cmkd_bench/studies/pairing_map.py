"""What each method gains under each pairing: as a table, and several tables as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from cmkd_bench.report.plots.heat import plot_gains
from cmkd_bench.report.plots.picture import Picture, plot_panels
from cmkd_bench.report.plots.style import PAGE
from cmkd_bench.studies.page_tables import markdown
from cmkd_bench.studies.recorded_runs import RecordedRuns

HEIGHT, ENDS = 0.19, 0.5  # inches of a row, and of the names below the panels


@dataclass(frozen=True)
class PairingTable:
    """A table of a page."""

    where: str  # dataset and labels
    teacher: str  # modality
    student: str  # modality
    rows: Sequence[str]  # methods
    pairings: Mapping[str, RecordedRuns]  # by pairing, its experiment

    def as_markdown(self) -> str:
        """Render gains with their intervals."""
        place = (self.where, self.teacher, self.student)
        rows = [[row, *(runs.gain_text(*place, row) for runs in self.pairings.values())] for row in self.rows]
        return markdown(["method", *self.pairings], rows, 1)

    def gains(self, rows: Sequence[str]) -> np.ndarray:
        """Return the mean gain of each row under each pairing; NaN where there is none."""
        place = (self.where, self.teacher, self.student)
        found = [[runs.gain(*place, row) for runs in self.pairings.values()] for row in rows]
        return np.array([[np.nan if one is None else one.value for one in of_row] for of_row in found])

    def undefined(self, rows: Sequence[str]) -> list[tuple[int, int]]:
        """Return the places of methods that are not defined, as (row, column)."""
        place = (self.where, self.teacher, self.student)
        numbered = [(i, j, row, runs) for i, row in enumerate(rows) for j, runs in enumerate(self.pairings.values())]
        return [(i, j) for i, j, row, runs in numbered if runs.reason(*place, row)]


def as_picture(tables: Sequence[PairingTable]) -> Picture:
    """Plot the gains of all tables side by side, in the same colors."""
    rows = list(dict.fromkeys(row for table in tables for row in table.rows))
    gains = [table.gains(rows) for table in tables]
    reach = float(np.nanmax(gains))
    panels = {
        table.where: partial(_plot_panel, table, matrix, rows, reach)
        for table, matrix in zip(tables, gains, strict=True)
    }
    directions = {f"{one.where.split(',')[0]}: {one.teacher} → {one.student}": None for one in tables}
    (found,) = plot_panels(
        "pairs",
        "Gain over the student alone, by what the teacher sees",
        f"Mean gain in test accuracy in percentage points; purple helps, brown harms, darkest at {reach:.1f} or more. "
        f"Hatched: not defined, because the method needs pairs. Empty: not run. {'; '.join(directions)}.",
        panels,
        height=HEIGHT * len(rows) + ENDS,
        across=len(panels),
        most=len(panels),
        width=PAGE,
        margin=1.0,
        xlabel="what the teacher sees: the same sample, another one of its class, or any other one",
    )
    return found


def _plot_panel(table: PairingTable, gains: np.ndarray, rows: Sequence[str], reach: float, ax: Axes) -> None:
    names = [pairing.replace("_", "\n") for pairing in table.pairings]
    plot_gains(ax, gains, reach, names, rows, table.undefined(rows), square=False)
