"""What the command line and Python programs call: plan, run, collect."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cmkd_bench.config import compose, grid_defaults, parse_overrides
from cmkd_bench.data.location import use_roots
from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.plan import Plan, make_plan
from cmkd_bench.preparing.missing import has_fixtures, prepare_missing
from cmkd_bench.registry import load_plugin, methods
from cmkd_bench.request import Request, check
from cmkd_bench.store import Experiment, experiment_names

if TYPE_CHECKING:
    import pandas as pd

    from cmkd_bench.launch.schedule import Schedule

RESULTS = Path("results")
Names = Sequence[str] | str | None  # a string is names separated by commas


@dataclass(frozen=True)
class Grid:
    """A request that is ready to be planned, and where its results go."""

    request: Request
    experiment: Experiment
    plugins: tuple[Path, ...]
    jobs: int
    device: str
    checkpoint_seconds: float
    launcher: Mapping[str, Any]


def make_grid(
    *,
    methods_asked: Names = None,
    datasets_asked: Names = None,
    pairs: Names = None,
    seeds: int | Iterable[int] | None = None,
    folds: Iterable[int] | str | None = None,
    overrides: Sequence[str] = (),
    experiment: str | None = None,
    results: Path = RESULTS,
    plugins: Sequence[Path] = (),
    launcher: str | None = None,
    jobs: int | None = None,
    device: str | None = None,
    always: bool = True,
    one_way: bool = False,
    trials: int | None = None,
    command: str = "",
) -> Grid:
    """Fill a request up with the configuration's defaults.

    Raises:
        GridError: with all problems of the request at once.
        UserError: if a plug-in cannot be loaded.
    """
    for plugin in plugins:
        load_plugin(plugin)
    chosen = {"launcher": launcher, "launcher.jobs": jobs, "launcher.device": device}
    extra = [f"{name}={value}" for name, value in chosen.items() if value is not None]
    parsed = parse_overrides([*overrides, *extra])
    grid = grid_defaults()
    asked = tuple(dict.fromkeys(_names(methods_asked) or grid["methods"] or methods.names()))
    rows = (*grid["always"], *asked) if always else (grid["baseline"], *asked)
    request = Request(
        methods=tuple(dict.fromkeys(rows)),
        datasets=tuple(dict.fromkeys(_names(datasets_asked) or grid["datasets"])),
        pairs=_names(pairs),
        seeds=_seeds(grid["seeds"] if seeds is None else seeds),
        folds=_folds(grid["folds"] if folds is None else folds),
        overrides=parsed,
        baseline=grid["baseline"],
        one_way=one_way,
        trials=trials,
        command=command,
    )
    check(request)
    configuration, _ = compose(parsed)
    assert configuration is not None, "check() has composed it"
    weights = configuration.model["pretrained"]
    use_roots(**configuration.data, weights=weights if isinstance(weights, str) else None)
    return Grid(
        request=request,
        experiment=Experiment(results, experiment or _default_name(configuration.protocol, overrides, request)),
        plugins=tuple(path.resolve() for path in plugins),
        jobs=configuration.launcher["jobs"],
        device=configuration.launcher["device"],
        checkpoint_seconds=configuration.launcher["checkpoint_seconds"],
        launcher=configuration.launcher,
    )


def execute(grid: Grid, plan: Plan, console: Console, *, retry_failed: bool = False) -> tuple[Schedule, pd.DataFrame]:
    """Run what is not done of a plan, and write results.csv and the leaderboard, also after an interruption.

    A plan with draws has two stages: when the draws are over, all seeds are run with the values that are selected.

    Returns:
        what became of the plan's runs, and the results of the whole experiment.

    Raises:
        GridError: if the experiment holds runs under other conditions.
        UserError: if the configuration names a cluster.
        Interrupted: after Ctrl-C.
    """
    if grid.launcher["kind"] != "local":
        raise UserError("launcher=slurm: a grid on a cluster is started by the command `cmkd-bench run`.")
    from cmkd_bench.launch.schedule import is_over
    from cmkd_bench.tuning import add_tuned

    def has_ended(run_id: str) -> bool:
        return is_over(grid.experiment, plan.specs[run_id], again=retry_failed)

    if add_tuned(plan, grid.experiment, has_ended):
        _execute(grid, plan, console, retry_failed, "stage 1 of 2, defaults and draws")
        retry_failed = False
        add_tuned(plan, grid.experiment, has_ended)
    stage = "stage 2 of 2, all seeds with the selected values" if plan.trials else ""
    return _execute(grid, plan, console, retry_failed, stage)


def run(
    methods: Names = None,
    datasets: Names = None,
    *,
    pairs: Names = None,
    seeds: int | Iterable[int] | None = None,
    folds: Iterable[int] | str | None = None,
    overrides: Sequence[str] = (),
    experiment: str | None = None,
    results: Path | str = RESULTS,
    plugins: Sequence[Path | str] = (),
    jobs: int | None = None,
    device: str | None = None,
    always: bool = True,
    one_way: bool = False,
    trials: int | None = None,
    retry_failed: bool = False,
    quiet: bool = False,
) -> pd.DataFrame:
    """Run a grid and return its results, as `cmkd-bench run` does.

    Args:
        methods: names; all where None is given.
        datasets: names; the embedded real ones where None is given.
        pairs: `teacher:student`; each dataset's own where None is given. Both directions are run.
        seeds: a number of seeds (0, 1, ...), or the seeds themselves.
        folds: folds, or `all`.
        overrides: `KEY=VALUE`, e.g. `train.epochs=5` or `method.kd.temperature=2.0`.
        experiment: folder name under `results`; made of protocol and overrides where None is given.
        results: where experiments lie.
        plugins: files that register methods or datasets.
        jobs: worker processes; one per core where None is given.
        device: `cpu` or `cuda`.
        always: whether the rows that every table should have (student alone, controls) are added.
        one_way: only the directions as they are written in `pairs`.
        trials: tune every method by so many draws on the first seed, selected on validation; its draws are rows of the
            result, too, with `tuned` = `draw`.
        retry_failed: run failed runs again.
        quiet: show no progress.

    Returns:
        one row per run of the experiment, as in results.csv.

    Raises:
        UserError: with all that is wrong with the request.
    """
    grid = make_grid(
        methods_asked=methods,
        datasets_asked=datasets,
        pairs=pairs,
        seeds=seeds,
        folds=folds,
        overrides=overrides,
        experiment=experiment,
        results=Path(results),
        plugins=[Path(plugin) for plugin in plugins],
        jobs=jobs,
        device=device,
        always=always,
        one_way=one_way,
        trials=trials,
    )
    console = Console(quiet=quiet)
    prepare_missing(grid.request, console)
    _, frame = execute(grid, make_plan(grid.request), console, retry_failed=retry_failed)
    return frame


def load_results(experiment: str, results: Path | str = RESULTS) -> pd.DataFrame:
    """The runs of an experiment, one row each.

    Raises:
        UserError: if there is no such experiment, with the nearest match.
    """
    from cmkd_bench.report.results import collect

    return collect(find_experiment(experiment, Path(results)))


def find_experiment(name: str | None, results: Path) -> Experiment:
    """An experiment that exists; the one that was changed last where no name is given.

    Raises:
        UserError: if there is none.
    """
    names = experiment_names(results)
    if not names:
        raise UserError(f"no experiment in {results}/. Start one with: cmkd-bench run")
    if name is None:
        name = max(names, key=lambda one: (results / one / "plan.json").stat().st_mtime)
    if name not in names:
        raise UnknownName("experiment", name, names)
    return Experiment(results, name)


def _execute(grid: Grid, plan: Plan, console: Console, retry_failed: bool, stage: str) -> tuple[Schedule, pd.DataFrame]:
    from cmkd_bench.launch.schedule import Schedule, first_teachers
    from cmkd_bench.record import merge
    from cmkd_bench.report.experiment_tables import write_tables

    for warning in merge(grid.experiment, plan, grid.request.baseline):
        console.print(warning, style="yellow", markup=False)
    if retry_failed:
        for run_id in plan.specs:
            grid.experiment.run(run_id).forget_failure()
    schedule = Schedule(grid.experiment, {spec.id: spec for spec in first_teachers(plan.specs.values())})
    try:
        _launch(grid, plan, schedule, console, stage)
    finally:
        results = write_tables(grid.experiment)
    return schedule, results


def _launch(grid: Grid, plan: Plan, schedule: Schedule, console: Console, stage: str) -> None:
    if schedule.is_over:
        return
    from cmkd_bench.launch.display import GridDisplay
    from cmkd_bench.launch.local import LocalLauncher, local_devices
    from cmkd_bench.launch.worker import WorkerSettings

    networks = {plan.specs[run_id].student_network for run_id in schedule.waiting}
    settings = WorkerSettings(
        root=grid.experiment.root.resolve(),
        experiment=grid.experiment.name,
        device=grid.device,
        checkpoint_seconds=grid.checkpoint_seconds,
        plugins=grid.plugins,
    )
    launcher = LocalLauncher(settings, local_devices(grid.device, grid.jobs), sorted(networks))
    with GridDisplay(console, stage) as display:
        launcher.run(schedule, display)


def _names(asked: Names) -> tuple[str, ...] | None:
    names = asked.split(",") if isinstance(asked, str) else asked
    return tuple(dict.fromkeys(name.strip() for name in names if name.strip())) if names else None


def _seeds(asked: int | Iterable[int]) -> tuple[int, ...]:
    if isinstance(asked, int):
        if asked < 1:
            raise UserError(f"--seeds {asked}: a number of seeds from 1, or seeds separated by commas, e.g. 0,3,7.")
        return tuple(range(asked))
    return tuple(dict.fromkeys(asked))


def _folds(asked: int | Iterable[int] | str) -> tuple[int, ...] | None:
    if asked == "all":
        return None
    if isinstance(asked, str):
        raise UserError(f"--folds {asked}: fold numbers separated by commas, or all.")
    return (asked,) if isinstance(asked, int) else tuple(dict.fromkeys(asked))


def _default_name(protocol: str, overrides: Sequence[str], request: Request) -> str:
    """The protocol and what was changed of it, so that numbers under other settings never meet in one table."""
    changed = sorted(text for text in overrides if not text.startswith(("launcher", "data.", "protocol=")))
    mark = ["fixture"] if has_fixtures(request) else []
    name = "+".join([protocol, *mark, *(re.sub(r"[^A-Za-z0-9._=,-]", "-", text) for text in changed)])
    if len(name) <= 100:
        return name
    return f"{'+'.join([protocol, *mark])}+{hashlib.blake2b(' '.join(changed).encode(), digest_size=6).hexdigest()}"
