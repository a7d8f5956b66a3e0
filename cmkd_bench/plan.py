"""From a request to runs: methods x datasets x folds x directed pairs x seeds, checked whole, teachers shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cmkd_bench.config import Configuration, compose
from cmkd_bench.data.manifest import build_manifest
from cmkd_bench.parameters import build
from cmkd_bench.registry import datasets, methods
from cmkd_bench.request import Direction, Request, check, resolve_preset
from cmkd_bench.spec import RunSpec, settings

if TYPE_CHECKING:
    from cmkd_bench.data.dataset import Dataset


@dataclass(frozen=True)
class Cell:
    """One number of a table, for one seed. Several cells may share a run: the student alone has no teacher."""

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

    @property
    def key(self) -> tuple[str, str, int, str, str, int]:
        """What identifies the cell in a table."""
        return (self.method, self.dataset, self.fold, self.teacher_modality, self.student_modality, self.seed)


@dataclass
class Plan:
    """Cells, and the runs behind them with their teachers first.

    Attributes:
        cells: in the order of the request.
        specs: by run id; a teacher stands before its students.
        configurations: by dataset.
    """

    cells: list[Cell] = field(default_factory=list)
    specs: dict[str, RunSpec] = field(default_factory=dict)
    configurations: dict[str, Configuration] = field(default_factory=dict)

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
        cls = datasets.get(name)
        for fold in request.folds if request.folds is not None else range(cls.folds):
            _plan_fold(plan, request, _Source(name, cls, request, fold), directions[name])
    _mark_impossible(plan)
    return plan


class _Source:
    """One fold of one dataset, with what specs need of it; loaded and hashed once."""

    def __init__(self, name: str, cls: type[Dataset[Any]], request: Request, fold: int) -> None:
        self.name, self.cls, self.fold = name, cls, fold
        self.dataset = cls(build(cls.Options, request.overrides.datasets.get(name, {})))
        self._data = self.dataset.load(fold)
        self._manifests: dict[frozenset[str], str] = {}

    def manifest(self, *modalities: str) -> str:
        """The hash of the split and of the modalities in use."""
        key = frozenset(modalities)
        if key not in self._manifests:
            self._manifests[key] = build_manifest(self.dataset, self.fold, self._data, sorted(key)).hash
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
    return RunSpec(
        method=baseline,
        hyperparameters=settings(build(methods.get(baseline).HyperParameters, {})),
        dataset=source.name,
        options=settings(source.dataset.options),
        manifest=source.manifest(modality),
        fold=source.fold,
        student_modality=modality,
        student_network=configuration.network(role, source.cls.modality(modality).kind),
        teacher_modality=None,
        teacher_network=None,
        teacher=None,
        recipe=settings(configuration.recipe),
        seed=seed,
    )


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
