"""Export an experiment as one small file from which all tables can be made, and import such a file."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmkd_bench.errors import EnvironmentFault, UserError, place_of
from cmkd_bench.experiment.archive import ARCHIVE, FETCH, Archive, pack, read_bytes, unpack
from cmkd_bench.experiment.archived_run import ArchivedRun, stored
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.faults import tolerating_faults
from cmkd_bench.experiment.files import write_bytes
from cmkd_bench.experiment.record import plan_values, read_plan, read_specs
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.archived_predictions import Reduced, archived_predictions, pack_predictions, reduced
from cmkd_bench.report.experiment_tables import write_tables
from cmkd_bench.report.predictions import PredictionCache, PredictionScores, read_predictions

_OF_THE_MACHINE = ("host", "run_id", "files", "traceback")  # no table has them; digests of files that stay behind
Values = dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """What an exported file contains."""

    size: int  # in bytes
    runs: int  # all runs of the plan
    unfinished: int  # those without a result or an error; they are pending in the file


def export(experiment: Experiment, out: Path) -> Exported:
    """Write an experiment without weights, logits, histories and checkpoints.

    Raises:
        UserError: if the file exists or its folder does not, or runs of the experiment are damaged.
    """
    if not out.parent.is_dir():
        raise UserError(f"{out}: there is no folder {out.parent}. Create it, or give another file.")
    if out.exists():
        raise UserError(f"{out} exists already and is not overwritten. Give another name, or remove it.")
    plan, exported = read_plan(experiment), _ExportedRuns(experiment)
    specs = read_specs(experiment, plan)
    with tolerating_faults():  # the experiment is only read
        runs = exported.runs(specs, {cell.run_id for cell in plan.cells.values()})
    if experiment.damaged:
        first = next(iter(experiment.damaged.values()))
        raise UserError(f"'{experiment.name}' cannot be exported, because files are damaged. {first}")
    samples, places = pack_predictions(exported.predictions.values())
    for run_id, place in zip(exported.predictions, places, strict=True):
        runs[run_id]["place"] = place
    content = pack(experiment.name, plan_values(plan), runs.values(), samples)
    write_bytes(out, content, durable=True)
    open_runs = sum(not {"result", "error"} & run.keys() for run in runs.values())
    return Exported(len(content), len(runs), open_runs)


def import_file(source: Path, root: Path, name: str | None = None) -> tuple[Experiment, Archive]:
    """Add an exported experiment to a results folder, and write its tables.

    Args:
        source: the file.
        root: the results folder.
        name: of the new experiment (default: the one that it had).

    Raises:
        UserError: if the file is damaged, or if there is something of this name already.
    """
    if not source.is_file():
        raise UserError(f"{source} is not a file. Give the file that `cmkd-bench export` wrote.")
    content = read_bytes(source)
    archive = unpack(content, source)
    experiment = Experiment(root, name or archive.name)
    try:
        experiment.path.mkdir(parents=True)
    except FileExistsError:
        raise UserError(
            f"{experiment.path} exists already and is not overwritten. Import it under another name: cmkd-bench import "
            f"{source} --experiment NAME{place_of(root)}"
        ) from None
    try:
        write_bytes(experiment.path / ARCHIVE, content, durable=True)
        _check_tables(experiment, source)
    except BaseException:
        shutil.rmtree(experiment.path)
        raise
    return experiment, archive


def _check_tables(experiment: Experiment, source: Path) -> None:
    """Write the tables; whatever goes wrong with a file of foreign origin is the fault of that file."""
    try:
        write_tables(experiment)
    except EnvironmentFault:
        raise
    except UserError as error:
        text = str(error).replace(str(experiment.path / ARCHIVE), str(source))
        raise UserError(text if str(source) in text else f"{source}: {text}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        reason = f"does not contain what tables are made of ({type(error).__name__}: {error})"
        raise Damaged(source, reason, FETCH) from error


class _ExportedRuns:
    """Collects what is exported of an experiment's runs."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._archived = archived_predictions(experiment)
        self.predictions: dict[str, tuple[str, Reduced]] = {}  # by run id, with the digest of the test samples

    def runs(self, specs: Mapping[str, RunSpec], with_predictions: set[str]) -> dict[str, Values]:
        """Return what is exported of each run, and keep the predictions of some of them."""
        ended = {run_id: self._ended(run_id) for run_id in specs}
        scores = PredictionCache(self._experiment).find(run_id for run_id, one in ended.items() if "result" in one)
        for run_id, one in scores.items():
            ended[run_id]["metrics"] = one.metrics
            if run_id in with_predictions:
                ended[run_id] |= self._scored(run_id, one)
        return {run_id: {"spec": spec.to_json(), **ended[run_id]} for run_id, spec in specs.items()}

    def _ended(self, run_id: str) -> Values:
        folder = stored(self._experiment, run_id)
        try:
            if folder.is_done():
                return {"result": _kept(folder.read_result()), "cost": _kept(folder.read_cost())}
            error = folder.failure()
        except Damaged as damage:
            self._experiment.note(damage)
            return {}
        return {} if error is None else {"error": _kept(error)}

    def _scored(self, run_id: str, scores: PredictionScores) -> Values:
        folder = stored(self._experiment, run_id)
        if isinstance(folder, ArchivedRun):
            if self._archived is None or not scores.samples:
                return {}
            self.predictions[run_id] = (scores.samples, self._archived.reduced(run_id))
            return {name: folder.values[name] for name in ("samples", "classes") if name in folder.values}
        found = read_predictions(folder)
        self.predictions[run_id] = (scores.samples, reduced(found))
        classes = {} if "confusion" in found else {"classes": found["logits"].shape[1]}
        return {"samples": scores.samples, **classes}


def _kept(values: Mapping[str, Any]) -> Values:
    return {name: value for name, value in values.items() if name not in _OF_THE_MACHINE}
