"""One table over the cells of several experiments; all statistics are computed anew from predictions."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.experiment.trials import TUNED, Study
from cmkd_bench.report.differences import JoinedPart, of_dataset, of_facts, of_rows, of_values
from cmkd_bench.report.experiment_data import ExperimentData, read_runs
from cmkd_bench.report.experiment_tables import make_board
from cmkd_bench.report.predictions import PredictionCache, PredictionScores
from cmkd_bench.statistics.metrics import Array

Named = tuple[str, Experiment]


class JoinedExperiment(Experiment):
    """Several experiments, of which each has some runs; it has no folder.

    Args:
        experiments: each with the text that names it on a command line.
        owners: the experiment of each run.
        root: the results folder of the command.
    """

    def __init__(self, experiments: Sequence[Named], owners: Mapping[str, Experiment], root: Path) -> None:
        self.root, self.name = root, shlex.join(text for text, _ in experiments)
        self.path = root / " + ".join(one.name for _, one in experiments)
        self.damaged = {path: one for _, part in experiments for path, one in part.damaged.items()}
        self._owners, self._first = owners, experiments[0][1]

    def of(self, run_id: str) -> Experiment:
        """Return the experiment whose run counts."""
        return self._owners.get(run_id, self._first)

    def run(self, run_id: str) -> RunFolder:
        """Return the folder of that run."""
        return self.of(run_id).run(run_id)


class JoinedPredictions:
    """The predictions of several experiments, each run's from where it counts."""

    def __init__(self, owners: Mapping[str, PredictionCache]) -> None:
        self._owners = owners

    def find(self, run_ids: Iterable[str]) -> dict[str, PredictionScores]:
        """Return the scores of finished runs by id."""
        found: dict[str, PredictionScores] = {}
        for owner, own in self._grouped(run_ids):
            found |= owner.find(own)
        return found

    def contributions(self, run_id: str, metric: str) -> Array:
        """Return what each test sample contributes to a metric, (M, K)."""
        return self._owners[run_id].contributions(run_id, metric)

    def lacks_logits(self, run_ids: Iterable[str], metric: str) -> bool:
        """Return whether a metric needs logits of runs that were exported without."""
        return any(owner.lacks_logits(own, metric) for owner, own in self._grouped(run_ids))

    def _grouped(self, run_ids: Iterable[str]) -> Iterator[tuple[PredictionCache, list[str]]]:
        found: dict[PredictionCache, list[str]] = {}
        for run_id in run_ids:
            found.setdefault(self._owners[run_id], []).append(run_id)
        yield from found.items()


@dataclass
class _Apart:
    """What gets a name of its own, because it differs from what has its name in an earlier experiment."""

    datasets: dict[tuple[str, str], str] = field(default_factory=dict)  # by label and name
    rows: dict[tuple[str, str, bool], str] = field(default_factory=dict)  # by label, name, and whether it is tuned
    reasons: list[str] = field(default_factory=list)

    def set_dataset_apart(self, group: Sequence[JoinedPart], part: JoinedPart, dataset: str) -> None:
        """Give a dataset another name, because it was run differently from all of a group."""
        self.datasets[part.label, dataset] = f"{dataset} [{part.label}]"
        found = ((member, of_dataset(member, part, dataset)) for member in group)
        self.reasons.append(next(_differ(dataset, member, part, things) for member, things in found if things))

    def set_rows_apart(self, member: JoinedPart, part: JoinedPart, dataset: str) -> None:
        """Give other names to rows that were run differently from those of the same name."""
        for (name, tuned), things in of_rows(member, part, dataset).items():
            if (part.label, name, tuned) not in self.rows:
                self.rows[part.label, name, tuned] = f"{name} [{part.label}]"
                self.reasons.append(_differ(f"{name}{TUNED if tuned else ''}, {dataset}", member, part, things))

    def cell(self, part: JoinedPart, cell: Cell) -> Cell:
        row = self.rows.get((part.label, cell.name, cell.tuned), cell.variant)
        tuned_as = self.rows.get((part.label, cell.tuned_as, True), cell.tuned_as)
        return replace(cell, dataset=self.dataset(part, cell.dataset), variant=row, tuned_as=tuned_as)

    def study(self, part: JoinedPart, study: Study) -> Study:
        row = self.rows.get((part.label, study.name, True), study.variant)
        return replace(study, dataset=self.dataset(part, study.dataset), variant=row)

    def dataset(self, part: JoinedPart, name: str) -> str:
        return self.datasets.get((part.label, name), name)


def join(
    experiments: Sequence[Named], root: Path, *, allow_different: bool = False, metric: str | None = None
) -> ExperimentData:
    """Return the data of several experiments as those of one.

    Args:
        experiments: each with the text that names it on a command line.
        root: the results folder of the command.
        allow_different: whether a dataset or a row that was run differently gets a table or a row of its own, with
            the experiment's name, instead of being refused.
        metric: of the leaderboard, a name of QUANTITIES; each dataset's main metric where None is given.

    Raises:
        UserError: if numbers cannot share a table, with all that differs; or for an experiment that is named twice.
    """
    parts = _parts(experiments)
    apart = _told_apart(parts)
    if apart.reasons and not allow_different:
        listed = "".join(f"\n  - {reason}." for reason in apart.reasons)
        raise UserError(
            f"these experiments cannot share a table:{listed}\nWith --allow-different, what differs gets a table or a "
            "row of its own."
        )
    owners = _owners(parts)
    record = _record(parts, apart)
    record.notes[" + ".join(part.label for part in parts)] = [*apart.reasons, *of_facts(parts), *of_values(parts)]
    joined = JoinedExperiment(experiments, {run: part.stored.experiment for run, part in owners.items()}, root)
    predictions = JoinedPredictions({run: part.stored.predictions for run, part in owners.items()})
    results = pd.concat([_results(part, owners, apart) for part in parts], ignore_index=True)
    specs = {run: part.stored.specs[run] for run, part in owners.items() if run in part.stored.specs}
    board = make_board(predictions, record, results, metric)
    return ExperimentData(joined, record, results, board, specs, parts[0].stored.read)


def _parts(experiments: Sequence[Named]) -> list[JoinedPart]:
    paths = [one.path.resolve() for _, one in experiments]
    names = [one.name for _, one in experiments]
    for (text, _), path in zip(experiments, paths, strict=True):
        if paths.count(path) > 1:
            raise UserError(f"'{text}' is given twice. Give each experiment once.")
    return [JoinedPart(one.name if names.count(one.name) == 1 else text, read_runs(one)) for text, one in experiments]


def _told_apart(parts: Sequence[JoinedPart]) -> _Apart:
    """Compare each experiment with the earlier ones that have the same datasets."""
    found = _Apart()
    alike: dict[str, list[list[JoinedPart]]] = {}  # by dataset, the experiments that can share its tables
    for part in parts:
        for dataset in part.stored.record.conditions:
            groups = alike.setdefault(dataset, [])
            group = next((one for one in groups if not any(of_dataset(member, part, dataset) for member in one)), None)
            if group is None:
                if groups:
                    found.set_dataset_apart(groups[0], part, dataset)
                groups.append([part])
                continue
            for member in group:
                found.set_rows_apart(member, part, dataset)
            group.append(part)
    return found


def _owners(parts: Sequence[JoinedPart]) -> dict[str, JoinedPart]:
    """Return by run the experiment whose result counts: the first that has finished it, or else the first."""
    owners: dict[str, JoinedPart] = {}
    for part in parts:
        for run_id in map(str, part.stored.results["run_id"]):
            earlier = owners.setdefault(run_id, part)
            if run_id in part.done and run_id not in earlier.done:
                owners[run_id] = part
    return owners


def _record(parts: Sequence[JoinedPart], apart: _Apart) -> Plan:
    record = Plan(parts[0].stored.record.baseline)
    for part in parts:
        plan = part.stored.record
        for name, values in plan.conditions.items():
            record.conditions.setdefault(apart.dataset(part, name), values)
        for name, texts in plan.notes.items():
            known = record.notes.setdefault(apart.dataset(part, name), [])
            known += [text for text in texts if text not in known]
        for cell in (apart.cell(part, one) for one in plan.cells.values()):
            if not record.cells.setdefault(cell.key, cell).run_id:
                record.add_cell(cell)
        for study in (apart.study(part, one) for one in plan.studies.values()):
            record.studies.setdefault(study.group, study)
    return record


def _results(part: JoinedPart, owners: Mapping[str, JoinedPart], apart: _Apart) -> pd.DataFrame:
    """Return the rows of the runs of an experiment that count."""
    results = part.stored.results
    found = results[[owners[str(run_id)] is part for run_id in results["run_id"]]]
    return found.assign(dataset=[apart.dataset(part, str(name)) for name in found["dataset"]])


def _differ(where: str, one: JoinedPart, other: JoinedPart, things: Sequence[str]) -> str:
    return f"{where}: '{one.label}' and '{other.label}' differ in {', '.join(things)}"
