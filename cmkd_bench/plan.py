"""From a request to runs: methods x datasets x folds x directed pairs x seeds, checked whole, teachers shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cmkd_bench.config import Configuration, compose
from cmkd_bench.data.manifest import build_manifest
from cmkd_bench.data.opening import open_configured, preparation_settings
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import build
from cmkd_bench.registry import datasets, methods
from cmkd_bench.request import Direction, Request, check, resolve_preset
from cmkd_bench.spec import RunSpec, settings
from cmkd_bench.trials import TUNED, Group, Trials
from cmkd_bench.tuning import add_draws

SELECTED = {
    "test": "epoch is selected on the test part, so the numbers are too good",
    "train": "epoch is selected on the training part",
}


@dataclass(frozen=True)
class Cell:
    """One number of a table, for one seed. Several cells may share a run: the student alone has no teacher.

    A tuned cell has the hyper-parameters that were selected among draws, and stands in a row of its own.
    """

    method: str
    role: str
    dataset: str
    fold: int
    teacher_modality: str
    student_modality: str
    seed: int
    run_id: str
    teacher_id: str
    impossible: str = ""
    tuned: bool = False

    @property
    def key(self) -> tuple[str, str, int, str, str, int, bool]:
        """What identifies the cell in a table."""
        return (*self.group, self.seed, self.tuned)

    @property
    def group(self) -> Group:
        """What the cells of all seeds have in common, tuned or not."""
        return (self.method, self.dataset, self.fold, self.teacher_modality, self.student_modality)

    @property
    def row(self) -> str:
        """The row of a table that it stands in."""
        return f"{self.method}{TUNED}" if self.tuned else self.method


@dataclass
class Plan:
    """Cells, and the runs behind them with their teachers first.

    Attributes:
        cells: in the order of the request.
        specs: by run id; a teacher stands before its students.
        configurations: by dataset.
        notes: by dataset, what a reader of its tables must know of its split and protocol.
        fixtures: the datasets whose files are a miniature.
        trials: the draws for tuning, by what the selected values are for.
    """

    cells: list[Cell] = field(default_factory=list)
    specs: dict[str, RunSpec] = field(default_factory=dict)
    configurations: dict[str, Configuration] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    fixtures: set[str] = field(default_factory=set)
    trials: dict[Group, Trials] = field(default_factory=dict)

    def add(self, spec: RunSpec) -> str:
        """Add a run, once."""
        self.specs.setdefault(spec.id, spec)
        return spec.id


def make_plan(request: Request) -> Plan:
    """The whole grid as runs.

    Raises:
        GridError: with all problems of the request at once.
    """
    directions = check(request)
    plan = Plan()
    for name in request.datasets:
        configuration, _ = compose(request.overrides, name)
        assert configuration is not None, "check() has composed it"
        plan.configurations[name] = configuration
        for fold in request.folds if request.folds is not None else range(datasets.get(name).folds):
            source = _Source(name, configuration, request, fold)
            plan.notes[name] = [*source.data.notes, *_notes(configuration)]
            plan.fixtures |= {name} if source.data.fixture else set()
            _plan_fold(plan, request, source, directions[name])
    _mark_impossible(plan)
    if request.trials is not None:
        add_draws(plan, request)
    return plan


class _Source:
    """One fold of one dataset, with what specs need of it; loaded and hashed once."""

    def __init__(self, name: str, configuration: Configuration, request: Request, fold: int) -> None:
        self.name, self.fold = name, fold
        self.dataset = open_configured(name, configuration, request.overrides.datasets.get(name, {}))
        self.data = self.dataset.load(fold)
        self._manifests: dict[frozenset[str], str] = {}
        if configuration.recipe.select_on == "validation" and not len(self.data.parts["validation"]):
            raise UserError(
                f"dataset '{name}' has no validation part with these options, so no epoch can be selected on it. "
                "Choose other options, or say what selects: train.select_on=last, train or test."
            )

    def manifest(self, *modalities: str) -> str:
        """The hash of the split and of the modalities in use."""
        key = frozenset(modalities)
        if key not in self._manifests:
            self._manifests[key] = build_manifest(self.dataset, self.fold, self.data, sorted(key)).hash
        return self._manifests[key]


def _plan_fold(plan: Plan, request: Request, source: _Source, directions: Sequence[Direction]) -> None:
    configuration = plan.configurations[source.name]
    for teacher_modality, student_modality in directions:
        for seed in request.seeds:
            alone = _alone(source, configuration, request.baseline, student_modality, "student", seed)
            teacher = _alone(source, configuration, request.baseline, teacher_modality, "teacher", seed)
            teacher_id = plan.add(teacher)
            for method in request.methods:
                spec = _spec(request, method, alone, teacher, source)
                if spec.teacher is not None and spec.teacher != teacher_id:
                    plan.add(_untrained(teacher))
                plan.cells.append(
                    Cell(
                        method=method,
                        role=methods.get(method).role,
                        dataset=source.name,
                        fold=source.fold,
                        teacher_modality=teacher_modality,
                        student_modality=student_modality,
                        seed=seed,
                        run_id=plan.add(spec),
                        teacher_id=teacher_id,
                    )
                )


def _alone(
    source: _Source, configuration: Configuration, baseline: str, modality: str, role: str, seed: int
) -> RunSpec:
    """The run of one modality without a teacher."""
    network = configuration.network(role, source.dataset.modality(modality).kind)
    return RunSpec(
        method=baseline,
        hyperparameters=settings(build(methods.get(baseline).HyperParameters, {})),
        dataset=source.name,
        options=settings(source.dataset.options),
        manifest=source.manifest(modality),
        fold=source.fold,
        student_modality=modality,
        student_network=network,
        teacher_modality=None,
        teacher_network=None,
        teacher=None,
        pretrained=_pretrained(configuration, network),
        teacher_pretrained="",
        preparation=preparation_settings(source.dataset),
        augmentation=settings(configuration.augmentation),
        recipe=settings(configuration.recipe),
        seed=seed,
    )


def _pretrained(configuration: Configuration, network: str) -> str:
    from cmkd_bench.networks import weights_id

    return weights_id(configuration.model["pretrained"], network)


def _notes(configuration: Configuration) -> list[str]:
    """What a protocol does that a reader of its tables must know."""
    part = configuration.recipe.select_on
    selected = [] if part == "validation" else [f"the {'last epoch is kept' if part == 'last' else SELECTED[part]}."]
    return [*selected, *(f"protocol {configuration.protocol}: {text}" for text in configuration.deviations)]


def _spec(request: Request, method: str, alone: RunSpec, teacher: RunSpec, source: _Source) -> RunSpec:
    cls = methods.get(method)
    given = resolve_preset(cls, request.overrides.methods.get(method, {}))
    spec = replace(alone, method=method, hyperparameters=settings(build(cls.HyperParameters, given)))
    if cls.teacher == "none":
        return spec
    return replace(
        spec,
        manifest=source.manifest(teacher.student_modality, alone.student_modality),
        teacher_modality=teacher.student_modality,
        teacher_network=teacher.student_network,
        teacher_pretrained=teacher.pretrained,
        teacher=(teacher if cls.teacher == "trained" else _untrained(teacher)).id,
    )


def _untrained(teacher: RunSpec) -> RunSpec:
    """The same network without training: a run of no epochs."""
    return replace(teacher, recipe=settings({**dict(teacher.recipe), "epochs": 0}))


def _mark_impossible(plan: Plan) -> None:
    """Give the cells that a method is not defined for their reason, and drop their runs."""
    from cmkd_bench.feasibility import unsupported

    reasons = {run_id: reason for run_id, spec in plan.specs.items() if (reason := unsupported(spec))}
    for run_id in reasons:
        del plan.specs[run_id]
    plan.cells = [
        replace(cell, impossible=reasons[cell.run_id], run_id="") if cell.run_id in reasons else cell
        for cell in plan.cells
    ]
