"""From a request to runs: methods x datasets x folds x directed pairs x seeds, checked whole, teachers shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cmkd_bench.config import Configuration, Overrides, compose
from cmkd_bench.data.manifest import build_manifest
from cmkd_bench.errors import GridError, UnknownName, UserError, nearest_match
from cmkd_bench.parameters import build, problems_of
from cmkd_bench.registry import datasets, methods
from cmkd_bench.spec import RunSpec, settings

if TYPE_CHECKING:
    from cmkd_bench.data.dataset import Dataset
    from cmkd_bench.method import Method

Direction = tuple[str, str]


@dataclass(frozen=True)
class Request:
    """What the user asked for, as names.

    Attributes:
        methods: in the order of the command line.
        datasets: likewise.
        pairs: `teacher:student` as given, or None for each dataset's own pairs; each is run in both directions.
        seeds: the seeds.
        folds: the folds, or None for all of each dataset.
        overrides: the sorted `KEY=VALUE` arguments.
        baseline: the method that is the student alone, and trains the teachers.
        one_way: only the directions as they were written.
    """

    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    pairs: tuple[str, ...] | None
    seeds: tuple[int, ...]
    folds: tuple[int, ...] | None
    overrides: Overrides
    baseline: str
    one_way: bool = False


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


def check(request: Request) -> dict[str, list[Direction]]:
    """The directions of each dataset; needs no data and no torch unless hyper-parameters are given.

    Raises:
        GridError: with all problems of the request at once.
    """
    problems = [*request.overrides.problems]
    problems += _problems_of_names(methods.require, request.methods)
    problems += _problems_of_names(datasets.require, request.datasets)
    problems += _problems_of_parameters(request)
    problems += _problems_of_folds(request)
    directions, unmatched = _directions(request)
    problems += unmatched
    problems += _problems_of_values(request)
    if problems:
        raise GridError(problems)
    return directions


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
            blank = _alone(source, configuration, request.baseline, student_modality, "student", seed)
            teacher = _alone(source, configuration, request.baseline, teacher_modality, "teacher", seed)
            teacher_id = plan.add(teacher)
            for method in request.methods:
                spec = _spec(request, method, blank, teacher, source)
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


def resolve_preset(cls: type[Method[Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Replace `preset` by the hyper-parameters that it stands for; what is given besides wins."""
    values = dict(given)
    preset = values.pop("preset", None)
    return {**(cls.presets[preset] if preset is not None else {}), **values}


def _problems_of_names(require: Callable[[str], None], names: Sequence[str]) -> Iterator[str]:
    for name in names:
        try:
            require(name)
        except UserError as error:
            yield str(error)


def _problems_of_parameters(request: Request) -> Iterator[str]:
    for name, given in request.overrides.methods.items():
        yield from _problems_of_names(methods.require, [name])
        if name in methods.names():
            cls = methods.get(name)
            preset = given.get("preset")
            if preset is not None and preset not in cls.presets:
                yield str(UnknownName(f"preset of {name}", str(preset), cls.presets, f"cmkd-bench show {name}"))
            else:
                yield from problems_of(cls.HyperParameters, resolve_preset(cls, given), f"method.{name}")
            if name not in request.methods:
                yield f"method.{name}: set, but '{name}' is not among the methods of this grid. Add it to --methods."
    for name, given in request.overrides.datasets.items():
        yield from _problems_of_names(datasets.require, [name])
        if name in datasets.names():
            yield from problems_of(datasets.get(name).Options, given, f"dataset.{name}")
            if name not in request.datasets:
                yield f"dataset.{name}: set, but '{name}' is not among the datasets of this grid. Add it to --datasets."


def _problems_of_values(request: Request) -> list[str]:
    """Of the configuration's values: the same for all datasets, so each is said once."""
    if not request.overrides.plain:
        return []
    known = [name for name in request.datasets if name in datasets.names()]
    found = [problem for name in [None, *known] for problem in compose(request.overrides, name)[1]]
    return list(dict.fromkeys(found))


def _problems_of_folds(request: Request) -> Iterator[str]:
    for name in request.datasets:
        folds = datasets.get(name).folds if name in datasets.names() else 0
        for fold in request.folds or ():
            if folds and not 0 <= fold < folds:
                yield f"--folds {fold}: dataset '{name}' has folds 0 to {folds - 1}; use --folds 0 or --folds all."


def _directions(request: Request) -> tuple[dict[str, list[Direction]], list[str]]:
    """The directed pairs of each dataset, and the pairs that none of the datasets has."""
    known = {name: datasets.get(name) for name in request.datasets if name in datasets.names()}
    if request.pairs is None:
        chosen = {name: list(cls.default_pairs) for name, cls in known.items()}
    else:
        chosen = {name: _matching(request.pairs, cls) for name, cls in known.items()}
    problems = list(_unmatched_pairs(request.pairs or (), known))
    if request.pairs is not None and not problems:
        problems = [
            f"dataset '{name}' has none of the pairs {', '.join(request.pairs)}. "
            f"Its modalities: {', '.join(modality.name for modality in known[name].modalities)}."
            for name, pairs in chosen.items()
            if not pairs
        ]
    both = {
        name: list(dict.fromkeys(d for a, b in pairs for d in ([(a, b)] if request.one_way else [(a, b), (b, a)])))
        for name, pairs in chosen.items()
    }
    return both, problems


def _matching(pairs: Sequence[str], cls: type[Dataset[Any]]) -> list[Direction]:
    names = {modality.name for modality in cls.modalities}
    split = [tuple(pair.split(":")) for pair in pairs]
    return [(pair[0], pair[1]) for pair in split if len(pair) == 2 and set(pair) <= names]


def _unmatched_pairs(pairs: Sequence[str], known: Mapping[str, type[Dataset[Any]]]) -> Iterator[str]:
    for pair in pairs:
        sides = pair.split(":")
        if len(sides) != 2 or sides[0] == sides[1]:
            yield f"pair '{pair}': two different modalities are wanted, teacher:student, e.g. pixels:fourier."
        elif known and not any(_matching([pair], cls) for cls in known.values()):
            yield _unknown_pair(pair, sides, known)


def _unknown_pair(pair: str, sides: Sequence[str], known: Mapping[str, type[Dataset[Any]]]) -> str:
    modalities = {name: [modality.name for modality in cls.modalities] for name, cls in known.items()}
    every = [modality for names in modalities.values() for modality in names]
    nearest = ":".join(side if side in every else nearest_match(side, every) or "?" for side in sides)
    hint = f" Did you mean '{nearest}'?" if "?" not in nearest and nearest != pair else ""
    listing = "; ".join(f"{name}: {', '.join(names)}" for name, names in modalities.items())
    return f"unknown pair '{pair}'.{hint} Modalities by dataset: {listing}. See: cmkd-bench list datasets"


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
