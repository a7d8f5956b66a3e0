"""What pictures are plotted from: an experiment's results by method and direction, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from cmkd_bench.experiment.archived_run import ArchivedRun, stored
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.report.board import TEACHER, Column, Leaderboard, MeanScore, leaderboard
from cmkd_bench.report.cells import by_column, records
from cmkd_bench.report.experiment_data import ExperimentData
from cmkd_bench.report.label_marks import common_marks
from cmkd_bench.report.plots.limits import Limits, axis_limits
from cmkd_bench.report.plots.style import styles_of
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.report.ranking import Ranking, rank
from cmkd_bench.report.tuning_results import study_results
from cmkd_bench.statistics.paired import FEWEST_SEEDS

History = list[dict[str, Any]]
ORDER = (TEACHER, "baseline", "method", "control")


class PlotData:
    """An experiment's results for plotting.

    Args:
        history: by run id, what was recorded of each epoch.
        board: the leaderboard with intervals and ranks; by default one without them.
        no_history: why there is no history of any run; empty if there may be one.
    """

    def __init__(
        self,
        plan: Plan,
        results: pd.DataFrame,
        history: Callable[[str], History] = lambda run_id: [],
        board: Leaderboard | None = None,
        no_history: str = "",
    ) -> None:
        self.baseline = plan.baseline
        self.history, self.no_history = history, no_history
        self._runs = {str(run["run_id"]): run for run in records(results)}
        self._board = board or leaderboard(plan, results)
        self._cells = by_column(plan)
        order = sorted(self._board.rows.items(), key=lambda row: ORDER.index(row[1]))
        self.roles = {name: role for name, role in order if name != TEACHER}
        self.methods = [name for name, role in self.roles.items() if role != "baseline"]
        self.columns = self._board.columns
        self.datasets: dict[str, list[Column]] = {}
        for column in self.columns:
            self.datasets.setdefault(column.block, []).append(column)
        self.studies = study_results(plan, results)
        self.styles = styles_of(self.roles)
        self.seeds = plural(len(self._board.seeds), "seed")

    def title(self, text: str, dataset: str = "", column: Column | None = None) -> str:
        """Return a title with everything that a number of the dataset, or of all datasets, must not be read without."""
        shared = common_marks(map(self.marks, [dataset] if dataset else self.datasets))
        text += f": {dataset}" * bool(dataset) + (f", {column.direction}" if column else "")
        return f"{text} ({'; '.join(shared)})" if shared else text

    def stem(self, block: str) -> str:
        """Return a dataset, with its labels where some are hidden, as a part of a file's name."""
        return self.datasets[block][0].stem

    def marks(self, block: str) -> list[str]:
        """Return what qualifies the numbers of a dataset, with its labels where some are hidden."""
        return self._board.marks.get(block, [])

    def train_labels(self, column: Column) -> float:
        """Return how many labels the runs of a direction saw in training; NaN where none has ended."""
        runs = (run for row in self.roles for _, run in self.runs(row, column))
        return float(pd.Series([run.get("train_labels") for run in runs], dtype=float).mean())

    def metric(self, block: str) -> str:
        """Return what the values of a dataset are, in words."""
        dataset = self.datasets[block][0].dataset
        metrics = (run.get("metric") for run in self._runs.values() if run.get("dataset") == dataset)
        name = next((metric for metric in metrics if isinstance(metric, str)), "accuracy")
        return QUANTITIES[name].title if name in QUANTITIES else name

    def entry(self, row: str, column: Column) -> MeanScore:
        """Return a method's entry in the leaderboard, or the teacher's."""
        return self._board.scores[row, column]

    def rank(self, rows: Sequence[str], columns: Sequence[Column]) -> Ranking | None:
        """Rank rows over columns; None with fewer than two of either to rank."""
        claims = len(self._board.seeds) >= FEWEST_SEEDS
        return rank(self._board.scores, rows, columns, self._board.quantity.better, claims)

    def gains(self, method: str, column: Column) -> dict[int, float]:
        """Return the differences from the student alone by seed, in percentage points."""
        entry, alone = self.entry(method, column), self.entry(self.baseline, column).values
        shared = entry.values.items() if entry.gain is not None else ()
        return {seed: value - alone[seed] for seed, value in shared if seed in alone}

    def gain_limits(self, columns: Iterable[Column]) -> Limits:
        """Return limits with 0 and all that is plotted of the gains of methods; controls may be outside."""
        entries = [(method, self.entry(method, column), column) for column in columns for method in self.methods]
        rows = [
            (self.roles[method], [entry.gain, *self.gains(method, column).values(), *(interval(entry) or ())])
            for method, entry, column in entries
            if entry.gain is not None
        ]
        return axis_limits(rows, also=[0.0])

    def runs(self, method: str, column: Column) -> list[tuple[int, dict[str, Any]]]:
        """Return the finished runs of a method in a direction, each with its seed."""
        cells = [cell for cell in self._cells.get(column, ()) if cell.row == method]
        found = [(cell.seed, self._runs.get(cell.run_id, {})) for cell in cells]
        return [(seed, run) for seed, run in found if run.get("status") == "done"]

    def epochs(self, method: str, column: Column) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the epochs of the finished runs of a method in a direction, each with its seed."""
        for seed, run in self.runs(method, column):
            for epoch in self.history(str(run["run_id"])):
                yield seed, epoch


def plot_data_of(data: ExperimentData) -> PlotData:
    """Take what plots need of an experiment."""
    exported = any(isinstance(stored(data.experiment, run_id), ArchivedRun) for run_id in data.specs)
    no_history = "the experiment was exported without the histories of its runs." if exported else ""
    return PlotData(data.record, data.results, data.history, data.board, no_history)


def plural(count: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{count} {noun}" + "s" * (count != 1)


def not_done(methods: Iterable[str], done: Container[str]) -> str:
    """Return a sentence for the note on the methods that a picture lacks; empty without any."""
    missing = [method for method in methods if method not in done]
    return f" No run is done of: {', '.join(missing)}." if missing else ""


def interval(entry: MeanScore) -> tuple[float, float] | None:
    """Return the 95 % interval of a gain over seeds and test samples; None for fewer than three seeds."""
    test = entry.comparison
    return None if test is None or test.low is None or test.high is None else (test.low, test.high)


def error(entry: MeanScore) -> list[list[float]] | None:
    """Return how far the interval reaches below and above the gain, as an argument of matplotlib."""
    ends = interval(entry)
    return None if ends is None or entry.gain is None else [[entry.gain - ends[0]], [ends[1] - entry.gain]]
