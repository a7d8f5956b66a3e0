"""Find the teacher and student runs of an experiment that form pairs, and diagnose all of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cmkd_bench.config.variants import definition
from cmkd_bench.diagnostics.pair import Diagnosis, diagnose
from cmkd_bench.diagnostics.saved import SavedRuns
from cmkd_bench.errors import UnknownName, UserError, place_of
from cmkd_bench.experiment.archived_run import archive_of
from cmkd_bench.experiment.damage import Damaged, OtherVersion
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment, experiment_names, last_change
from cmkd_bench.planning.directions import Direction


@dataclass(frozen=True)
class Diagnosed:
    """The diagnostics of one student."""

    cell: Cell  # the student's method, direction, fold, and seed
    diagnosis: Diagnosis  # how it relates to the teacher, in the state before the student was trained


@dataclass(frozen=True)
class Question:
    """What to diagnose."""

    dataset: str  # name of the dataset
    # (teacher modality, student modality); None means all pairs of the experiment
    pairs: Sequence[Direction] | None = None
    methods: Sequence[str] | None = None  # rows of the students; None means the student alone
    seeds: Sequence[int] | None = None  # None means all
    temperature: float = 1.0  # temperature of the parts of the KD loss


def latest_with(dataset: str, results: Path) -> Experiment:
    """Return the most recently changed experiment that contains the dataset.

    Raises:
        UserError: if no experiment contains it.
    """
    names = sorted(experiment_names(results), key=lambda name: -last_change(results, name))
    for name in names:
        experiment = Experiment(results, name)
        with suppress(Damaged, OtherVersion):  # another experiment's plan; this one's is named when it is asked for
            if dataset in read_plan(experiment).conditions:
                return experiment
    raise UserError(
        f"no experiment in {results}/ contains '{dataset}'. To train teachers and students, run: {train(dataset)}"
        f"{place_of(results)}"
    )


def train(dataset: str, pairs: Sequence[Direction] | None = None, methods: Sequence[str] = ()) -> str:
    """Return the command that trains what is missing."""
    options = [f"--pairs {','.join(':'.join(pair) for pair in pairs)}"] if pairs else []
    options += [f"--methods {shlex.quote(','.join(methods))}"] if methods else []
    return " ".join(["cmkd-bench run --datasets", dataset, *options])


def diagnose_runs(experiment: Experiment, question: Question, runs: SavedRuns) -> Iterator[Diagnosed]:
    """Yield the diagnostics of all requested runs that are finished, method by method.

    Raises:
        UserError: if none is finished, with the command that trains them, or if saved outputs cannot be used.
    """
    cells = find_cells(experiment, question)
    for cell in cells:
        labels = runs.labels(cell.run_id)
        if not labels.equal(runs.labels(cell.teacher_id)):
            raise UserError(
                f"the test sets of teacher {cell.teacher_id} and student {cell.run_id} differ, so their samples cannot "
                "be paired. Rerun the grid."
            )
        sides = runs.side(cell.teacher_id), runs.side(cell.run_id)
        yield Diagnosed(cell, diagnose(*sides, labels, question.temperature))


def find_cells(experiment: Experiment, question: Question) -> list[Cell]:
    """Find the untuned cells whose student and teacher are both done.

    Raises:
        UserError: if there are none, or none for a requested pair, with the command that trains them.
    """
    record = read_plan(experiment)
    here = [cell for cell in record.cells.values() if cell.dataset == question.dataset and not cell.tuned]
    pairs = {(cell.teacher_modality, cell.student_modality) for cell in here}
    methods = list(question.methods or (record.baseline,))
    for method in methods:
        if method not in {cell.name for cell in here}:
            raise UnknownName(f"method in '{experiment.name}'", method, {cell.name for cell in here})
    wanted = list(question.pairs or pairs)
    cells = [
        cell
        for cell in sorted(here, key=lambda cell: methods.index(cell.name) if cell.name in methods else 0)
        if (cell.teacher_modality, cell.student_modality) in wanted
        and cell.name in methods
        and (question.seeds is None or cell.seed in question.seeds)
        and _is_done(experiment, cell)
    ]
    found = {(cell.teacher_modality, cell.student_modality, cell.name) for cell in cells}
    missing = [(*pair, method) for pair in wanted for method in methods if (*pair, method) not in found]
    if not cells or (missing and question.pairs):
        _refuse_undefined(here, missing)
        raise UserError(_nothing(experiment, record, question, missing))
    return cells


def _definitions(record: Plan, names: Sequence[str]) -> list[str]:
    """Return rows as `--methods` names them."""
    known = {cell.name: cell for cell in record.cells.values() if cell.variant and cell.run_id and not cell.tuned}
    rows = [(name, known.get(name)) for name in names]
    return [
        definition(cell.method, dict(record.specs[cell.run_id].hyperparameters), name) if cell else name
        for name, cell in rows
    ]


def _is_done(experiment: Experiment, cell: Cell) -> bool:
    return all(run and experiment.run(run).is_done() for run in (cell.run_id, cell.teacher_id))


def _refuse_undefined(cells: Sequence[Cell], missing: Sequence[tuple[str, str, str]]) -> None:
    """Say why methods have no runs where they are not defined; no command could train these.

    Raises:
        UserError: if any of what is missing is not defined.
    """
    reasons = {(cell.teacher_modality, cell.student_modality, cell.name): cell.impossible for cell in cells}
    if found := [(*place, reasons[place]) for place in missing if reasons.get(place)]:
        texts = (f"{method} is not defined for {teacher} → {student}: {why}" for teacher, student, method, why in found)
        raise UserError(f"{'; '.join(texts)}. Choose other --methods or --pairs.")


def _nothing(experiment: Experiment, record: Plan, question: Question, missing: Sequence[tuple[str, str, str]]) -> str:
    where = "; ".join(f"{teacher} → {student}, {method}" for teacher, student, method in missing)
    seeds = f", seeds {', '.join(map(str, question.seeds))}" if question.seeds is not None else ""
    pairs = list(dict.fromkeys((teacher, student) for teacher, student, _ in missing))
    methods = list(dict.fromkeys(method for *_, method in missing if method != record.baseline))
    command = train(question.dataset, pairs, _definitions(record, methods))
    exported = archive_of(experiment) is not None
    return (
        f"{'diagnostics need weights and logits, and these were not exported: ' * exported}"
        f"experiment '{experiment.name}' has no finished teacher and student for '{question.dataset}'"
        f"{': ' if where else ''}{where}{seeds}. To train them, run with the settings of this experiment: "
        f"{command} --experiment {experiment.name}{place_of(experiment.root)}"
    )
