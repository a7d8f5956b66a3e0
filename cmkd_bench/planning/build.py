"""Build the runs of a resolved grid: methods x datasets x folds x directions x seeds, with shared teachers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cmkd_bench.composite import fused, is_composite, join_weights, joint, members_of, parts_of
from cmkd_bench.config.augmentation import view_settings
from cmkd_bench.config.supervision import FULL
from cmkd_bench.data.loading import LoadedFold, load_fold
from cmkd_bench.data.opening import preparation_settings
from cmkd_bench.experiment.code_identity import run_code
from cmkd_bench.experiment.label_budget import ALL, LabelBudget
from cmkd_bench.experiment.plan import Cell, Conditions, Plan
from cmkd_bench.experiment.spec import RunSpec, Settings, TeacherRun, settings
from cmkd_bench.parameters import build
from cmkd_bench.planning.directions import Direction
from cmkd_bench.planning.feasibility import Feasibility
from cmkd_bench.planning.grid import DatasetGrid, Grid, GridRow
from cmkd_bench.planning.planning_display import Say
from cmkd_bench.planning.protocol_checks import check_selection, check_supervision
from cmkd_bench.planning.several_views import notes_on_views, strong_conditions
from cmkd_bench.planning.tuning import add_trials, is_searched
from cmkd_bench.registry import methods

SELECTED = {
    "test": "epoch is selected on the test part, so the numbers are optimistic",
    "train": "epoch is selected on the training part",
}
LEAK = (
    "the teacher has all labels, also those that are hidden from the student, and they leak through it: a teacher of "
    "the student's own modality may gain as much, so a gain does not show that the other modality helps."
)


def make_plan(
    grid: Grid, *, remember: bool = False, unprepared: Collection[str] = (), say: Say = lambda place, what: None
) -> Plan:
    """Return all runs of a grid as a plan.

    Args:
        grid: the resolved grid.
        remember: whether to save, in the results folder, which methods are defined for which networks.
        unprepared: datasets to plan although they are not prepared; their runs will have other ids.
        say: is told the place and what is done there, again and again.

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
            place = f"{name}, fold {fold}" if len(part.folds) > 1 else name
            say(place, "reading the data")
            data = None if name in unprepared else load_fold(part.dataset, fold)
            specs = _FoldSpecs(grid, part, fold, data)
            plan.notes[name] = [*_notes(part), *notes_on_views(grid)]
            if data is not None:
                check_selection(name, part.configuration, data)
                check_supervision(name, part, data)
                feasibility.add(data)
                plan.notes[name] = [*data.paired.notes, *plan.notes[name]]
                fixture |= data.paired.fixture
            for cell, runs in _cells(specs, name):
                say(place, f"{cell.method}, {cell.teacher_modality} → {cell.student_modality}, seed {cell.seed}")
                reason = reason_of(runs[-1]) or _reason_of_teachers(runs[:-1], grid.baseline, reason_of)
                for spec in runs[:1] if reason else runs:
                    plan.add(spec)
                plan.add_cell(replace(cell, impossible=reason, run_id="") if reason else cell)
        plan.conditions[name] = _conditions(part, plan.specs.values(), fixture)
    if grid.trials is not None:
        say("trials", "drawing hyper-parameters")
        add_trials(plan, grid, lambda spec: reason_of(spec) is None)
    if remember:
        feasibility.save()
    return plan


def _reason_of_teachers(
    specs: Iterable[RunSpec], baseline: str, reason_of: Callable[[RunSpec], str | None]
) -> str | None:
    reasons = ((spec.method, reason_of(spec)) for spec in specs if spec.method != baseline)
    return next((f"its teacher is trained by {method}: {reason}" for method, reason in reasons if reason), None)


@dataclass(frozen=True)
class _FoldSpecs:
    """The specs of runs on one fold of one dataset."""

    grid: Grid
    part: DatasetGrid
    fold: int
    data: LoadedFold | None

    def student(self, modality: str, labels: LabelBudget, seed: int) -> RunSpec:
        """Return the run of the student alone, whose batches depend on the number of pairs like those of a method."""
        return self._alone(modality, "student", labels, self._supervision(labels, "pairs_share"), seed)

    def teachers(self, direction: Direction, labels: LabelBudget, seed: int) -> dict[str, RunSpec]:
        """Return the runs of teachers, which need no pairs, by what a method declares."""
        seen = ALL if self.part.configuration.supervision.teacher_labels == "all" else labels
        given, (teacher, student) = self._supervision(seen), direction
        trained = self._alone(teacher, "teacher", seen, given, seed)
        # Usually, this is the run of the student alone.
        own = self._alone(student, "student", seen, given, seed)
        teachers = {"trained": trained, "untrained": untrained(trained), "self": own}
        if any("composite" in methods.declared(row.method).further_teachers for row in self.grid.rows.values()):
            both = joint(direction, [modality.name for modality in self.part.dataset.modalities])
            teachers["composite"] = self._alone(both, "teacher", seen, given, seed)
        return teachers

    def _supervision(self, labels: LabelBudget, *names: str) -> Settings:
        """Return the values that differ from full supervision: those named, and those of labels if some are hidden."""
        given, full = dict(settings(self.part.configuration.supervision)), dict(settings(FULL))
        matter = (*names, *(("labels_by", "select_labels") if labels != ALL else ()))
        return settings({name: given[name] for name in matter if given[name] != full[name]})

    def _alone(self, modality: str, role: str, labels: LabelBudget, supervision: Settings, seed: int) -> RunSpec:
        configuration, dataset = self.part.configuration, self.part.dataset
        members = [configuration.network(role, one.kind) for one in dataset.modalities_of(modality)]
        network = fused(str(configuration.model["fusion"]), members)
        spec = RunSpec(
            method=self.grid.baseline,
            hyperparameters=settings(build(methods.declared(self.grid.baseline).HyperParameters, {})),
            dataset=dataset.registry_name,
            options=settings(dataset.options),
            manifest=self._manifest(modality),
            fold=self.fold,
            labels=labels,
            supervision=supervision,
            student_modality=modality,
            student_network=network,
            teacher_modality=None,
            teacher_network=None,
            teacher=None,
            pretrained=self._pretrained(network),
            teacher_pretrained="",
            preparation=preparation_settings(dataset),
            augmentation=settings(configuration.augmentation),
            recipe=settings(configuration.recipe.identity(self.part.device)),
            seed=seed,
            code=(),
        )
        return replace(spec, code=run_code(spec))

    def teacher_of(self, row: GridRow, teachers: Mapping[str, RunSpec]) -> RunSpec | None:
        """Return the run of a row's teacher, given those of teachers by what a method declares; None without one."""
        cls = methods.declared(row.method)
        if cls.teacher == "none":
            return None
        by = cls.teacher_method(build(cls.HyperParameters, row.given))
        if by is None:
            return teachers[cls.teacher]
        spec = self._by(by, {}, teachers[cls.teacher])
        return replace(spec, code=run_code(spec))

    def _by(self, method: str, given: Mapping[str, Any], alone: RunSpec) -> RunSpec:
        """Return the run of the student alone with a method in place of the baseline; its code is still to be set."""
        cls = methods.declared(method)
        hyperparameters: Any = build(cls.HyperParameters, given)
        spec = replace(alone, method=method, hyperparameters=settings(hyperparameters))
        if not cls.further_views(hyperparameters):
            return spec
        configuration = self.part.configuration
        return replace(spec, augmentation=settings(view_settings(configuration.augmentation, configuration.strong)))

    def of(self, row: GridRow, alone: RunSpec, teacher: RunSpec | None, further: Mapping[str, RunSpec]) -> RunSpec:
        """Return the run of a row.

        Args:
            row: its method and hyper-parameters.
            alone: the run of the student alone.
            teacher: the run of its teacher; None if it has none.
            further: the runs of its further teachers by role.
        """
        cls, spec = methods.declared(row.method), self._by(row.method, row.given, alone)
        if teacher is None:
            return replace(spec, code=run_code(spec))
        supervision = alone.supervision
        if cls.teacher != "self" and cls.pairing == "paired":
            supervision = self._supervision(alone.labels, "pairing", "pairs_share", "mispaired")
        spec = replace(
            spec,
            supervision=supervision,
            manifest=self._manifest(*(one.student_modality for one in (teacher, alone, *further.values()))),
            teacher_modality=teacher.student_modality,
            teacher_network=teacher.student_network,
            teacher_pretrained=teacher.pretrained,
            teacher=teacher.id,
            further_teachers=tuple(
                TeacherRun(role, one.id, one.student_modality, one.student_network, one.pretrained)
                for role, one in further.items()
            ),
        )
        return replace(spec, code=run_code(spec))

    def _manifest(self, *modalities: str) -> str:
        parts = {part for modality in modalities for part in parts_of(modality)}
        return "not prepared yet" if self.data is None else self.data.manifest(*parts)

    def tuned_as(self, row: GridRow) -> str:
        """Return the method in the grid whose selected hyper-parameters a control gets; empty if there is none.

        A variant of a control has values of its own.
        """
        other = None if row.variant else methods.declared(row.method).tuned_as
        searched = other is not None and other in self.grid.rows and is_searched(other, self.grid.rows[other].given)
        return other if other is not None and searched else ""

    def _pretrained(self, network: str) -> str:
        given = self.part.configuration.model["pretrained"]
        if given is False:
            return ""
        from cmkd_bench.networks import weights_id

        return join_weights([weights_id(given, member) for member in members_of(network)[1]])


def untrained(teacher: RunSpec) -> RunSpec:
    """Return the run of the same network without training, which has no epochs and reads no label."""
    return replace(teacher, labels=ALL, supervision=(), recipe=settings({**dict(teacher.recipe), "epochs": 0}))


def _cells(specs: _FoldSpecs, dataset: str) -> Iterator[tuple[Cell, list[RunSpec]]]:
    """Yield each cell of a fold with its runs: first its teachers, then its own run."""
    for labels, (teacher_modality, student_modality) in itertools.product(specs.part.labels, specs.part.directions):
        for seed in specs.grid.seeds:
            alone = specs.student(student_modality, labels, seed)
            teachers = specs.teachers((teacher_modality, student_modality), labels, seed)
            for row in specs.grid.rows.values():
                teacher = specs.teacher_of(row, teachers)
                cls = methods.declared(row.method)
                further: dict[str, RunSpec] = {role: teachers[role] for role in cls.further_teachers}
                spec = specs.of(row, alone, teacher, further)
                cell = Cell(
                    method=row.method,
                    role=cls.role,
                    dataset=dataset,
                    fold=specs.fold,
                    labels=labels,
                    teacher_modality=teacher_modality,
                    student_modality=student_modality,
                    seed=seed,
                    run_id=spec.id,
                    teacher_id=teachers["trained"].id,
                    tuned_as=specs.tuned_as(row),
                    variant=row.variant,
                )
                yield cell, [teachers["trained"], *([teacher] if teacher else []), *further.values(), spec]


def _notes(grid: DatasetGrid) -> list[str]:
    """Return what a reader of the tables must know about a protocol."""
    configuration = grid.configuration
    part = configuration.recipe.select_on
    selected = [] if part == "validation" else [f"the {'last epoch is kept' if part == 'last' else SELECTED[part]}."]
    if configuration.supervision.teacher_labels == "all" and grid.labels != (ALL,):
        selected.append(LEAK)
    return [*selected, *(f"protocol {configuration.protocol}: {text}" for text in configuration.deviations)]


def _conditions(part: DatasetGrid, specs: Iterable[RunSpec], fixture: bool) -> Conditions:
    """Return the conditions that all cells of a dataset share."""
    configuration, dataset = part.configuration, part.dataset
    own = [spec for spec in specs if spec.dataset == dataset.registry_name]
    sections = {
        "train": settings(configuration.recipe.identity(part.device)),
        "supervision": settings(configuration.supervision),
        "augment": settings(configuration.augmentation),
        **strong_conditions(configuration, own),
        "prepare": preparation_settings(dataset),
        f"dataset.{dataset.registry_name}": settings(dataset.options),
    }
    values = {f"{section}.{name}": value for section, pairs in sections.items() for name, value in pairs}
    fuses = any(is_composite(spec.student_modality) for spec in own)
    left_out = ("pretrained",) if fuses else ("pretrained", "fusion")
    model = {f"model.{name}": value for name, value in configuration.model.items() if name not in left_out}
    return {
        "protocol": configuration.protocol,
        "folds": dataset.folds,
        "fixture": fixture,
        "pretrained": " ".join(sorted({one.pretrained for one in own} - {""})),
        **values,
        **model,
    }
