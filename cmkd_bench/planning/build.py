"""Build the runs of a resolved grid: methods x datasets x folds x directions x seeds, with shared teachers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from cmkd_bench.config.compose import Configuration
from cmkd_bench.data.loading import LoadedFold, load_fold
from cmkd_bench.data.opening import preparation_settings
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.code_identity import run_code
from cmkd_bench.experiment.plan import Cell, Conditions, Plan
from cmkd_bench.experiment.spec import RunSpec, settings
from cmkd_bench.parameters import build
from cmkd_bench.planning.feasibility import Feasibility
from cmkd_bench.planning.grid import DatasetGrid, Grid
from cmkd_bench.planning.tuning import add_trials
from cmkd_bench.registry import methods

SELECTED = {
    "test": "epoch is selected on the test part, so the numbers are optimistic",
    "train": "epoch is selected on the training part",
}


def make_plan(grid: Grid, *, remember: bool = False, unprepared: Collection[str] = ()) -> Plan:
    """Return all runs of a grid as a plan.

    Args:
        grid: the resolved grid.
        remember: whether to save, in the results folder, which methods are defined for which networks.
        unprepared: datasets to plan although they are not prepared; their runs will have other ids.

    Raises:
        UserError: if a dataset cannot be loaded, or has no part on which an epoch can be selected.
    """
    plan = Plan(grid.baseline)
    feasibility = Feasibility(grid.experiment.root, grid.roots)

    def reason_of(spec: RunSpec) -> str | None:
        return None if spec.dataset in unprepared else feasibility.reason(spec)

    for name, part in grid.datasets.items():
        fixture = False
        for fold in part.folds:
            data = None if name in unprepared else load_fold(part.dataset, fold)
            specs = _FoldSpecs(grid, part, fold, data)
            plan.notes[name] = _notes(part.configuration)
            if data is not None:
                _check_selection(name, part.configuration, data)
                feasibility.add(data)
                plan.notes[name] = [*data.paired.notes, *plan.notes[name]]
                fixture |= data.paired.fixture
            for cell, runs in _cells(specs, name):
                reason = reason_of(runs[-1])
                for spec in runs[:-1] if reason else runs:
                    plan.add(spec)
                plan.add_cell(replace(cell, impossible=reason, run_id="") if reason else cell)
        plan.conditions[name] = _conditions(part, plan.specs.values(), fixture)
    if grid.trials is not None:
        add_trials(plan, grid, lambda spec: reason_of(spec) is None)
    if remember:
        feasibility.save()
    return plan


@dataclass(frozen=True)
class _FoldSpecs:
    """The specs of runs on one fold of one dataset."""

    grid: Grid
    part: DatasetGrid
    fold: int
    data: LoadedFold | None

    def alone(self, modality: str, role: str, seed: int) -> RunSpec:
        """Return the run of one modality without a teacher, which serves as the teacher of other runs."""
        configuration, dataset = self.part.configuration, self.part.dataset
        network = configuration.network(role, dataset.modality(modality).kind)
        spec = RunSpec(
            method=self.grid.baseline,
            hyperparameters=settings(build(methods.declared(self.grid.baseline).HyperParameters, {})),
            dataset=dataset.registry_name,
            options=settings(dataset.options),
            manifest=self._manifest(modality),
            fold=self.fold,
            student_modality=modality,
            student_network=network,
            teacher_modality=None,
            teacher_network=None,
            teacher=None,
            pretrained=self._pretrained(network),
            teacher_pretrained="",
            preparation=preparation_settings(dataset),
            augmentation=settings(configuration.augmentation),
            recipe=settings(configuration.recipe),
            seed=seed,
            code=(),
        )
        return replace(spec, code=run_code(spec))

    def of(self, method: str, alone: RunSpec, teacher: RunSpec) -> RunSpec:
        """Return the run of a method, given the runs of the student and of the teacher alone."""
        cls = methods.declared(method)
        parameters = settings(build(cls.HyperParameters, self.grid.methods[method]))
        spec = replace(alone, method=method, hyperparameters=parameters)
        if cls.teacher == "none":
            return replace(spec, code=run_code(spec))
        spec = replace(
            spec,
            manifest=self._manifest(teacher.student_modality, alone.student_modality),
            teacher_modality=teacher.student_modality,
            teacher_network=teacher.student_network,
            teacher_pretrained=teacher.pretrained,
            teacher=(teacher if cls.teacher == "trained" else untrained(teacher)).id,
        )
        return replace(spec, code=run_code(spec))

    def _manifest(self, *modalities: str) -> str:
        return "not prepared yet" if self.data is None else self.data.manifest(*modalities)

    def _pretrained(self, network: str) -> str:
        given = self.part.configuration.model["pretrained"]
        if given is False:
            return ""
        from cmkd_bench.networks import weights_id

        return weights_id(given, network)


def untrained(teacher: RunSpec) -> RunSpec:
    """Return the run of the same network without training, which has no epochs."""
    return replace(teacher, recipe=settings({**dict(teacher.recipe), "epochs": 0}))


def _cells(specs: _FoldSpecs, dataset: str) -> Iterator[tuple[Cell, list[RunSpec]]]:
    """Yield each cell of a fold with its runs: first its teachers, then its own run."""
    for teacher_modality, student_modality in specs.part.directions:
        for seed in specs.grid.seeds:
            alone = specs.alone(student_modality, "student", seed)
            teacher = specs.alone(teacher_modality, "teacher", seed)
            for method in specs.grid.methods:
                spec = specs.of(method, alone, teacher)
                others = [untrained(teacher)] if spec.teacher not in (None, teacher.id) else []
                cell = Cell(
                    method=method,
                    role=methods.declared(method).role,
                    dataset=dataset,
                    fold=specs.fold,
                    teacher_modality=teacher_modality,
                    student_modality=student_modality,
                    seed=seed,
                    run_id=spec.id,
                    teacher_id=teacher.id,
                )
                yield cell, [teacher, *others, spec]


def _check_selection(name: str, configuration: Configuration, data: LoadedFold) -> None:
    if configuration.recipe.select_on == "validation" and not len(data.paired.parts["validation"]):
        raise UserError(
            f"dataset '{name}' has no validation part with these options, so no epoch can be selected on it. "
            "Choose other options, or another part to select on: train.select_on=last, train or test."
        )


def _notes(configuration: Configuration) -> list[str]:
    """Return what a reader of the tables must know about a protocol."""
    part = configuration.recipe.select_on
    selected = [] if part == "validation" else [f"the {'last epoch is kept' if part == 'last' else SELECTED[part]}."]
    return [*selected, *(f"protocol {configuration.protocol}: {text}" for text in configuration.deviations)]


def _conditions(part: DatasetGrid, specs: Iterable[RunSpec], fixture: bool) -> Conditions:
    """Return the conditions that all cells of a dataset share."""
    configuration, dataset = part.configuration, part.dataset
    own = [spec for spec in specs if spec.dataset == dataset.registry_name]
    sections = {
        "train": settings(configuration.recipe),
        "augment": settings(configuration.augmentation),
        "prepare": preparation_settings(dataset),
        f"dataset.{dataset.registry_name}": settings(dataset.options),
    }
    values = {f"{section}.{name}": value for section, pairs in sections.items() for name, value in pairs}
    model = {f"model.{name}": value for name, value in configuration.model.items() if name != "pretrained"}
    return {
        "protocol": configuration.protocol,
        "folds": type(dataset).folds,
        "fixture": fixture,
        "pretrained": " ".join(sorted({one.pretrained for one in own} - {""})),
        **values,
        **model,
    }
