"""Sweep a knob: run an ordinary grid at each of its values, and plot every method's gain against the knob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cmkd_bench.config.settings_files import grid_defaults
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_text
from cmkd_bench.experiment.label_budget import block_name
from cmkd_bench.experiment.plugins import load_plugins
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import RESULTS, Names
from cmkd_bench.planning.resolve import name_of
from cmkd_bench.registry import datasets
from cmkd_bench.studies.figure import draw
from cmkd_bench.studies.knob import LABELS, Knob, is_set, parse_vary, setting_of
from cmkd_bench.studies.measured import measure
from cmkd_bench.studies.point import Draw, PointRequest, Setting, check_all, plan_all
from cmkd_bench.studies.side_by_side import train_vectorized
from cmkd_bench.studies.sweep_table import Sweep, as_csv, as_markdown, measured_as_csv, picture
from cmkd_bench.terminal import Terminal


@dataclass(frozen=True)
class SweepOptions:
    """The request of a user.

    Args:
        dataset: name in the registry.
        vary: what to vary, as `parse_vary` reads it, e.g. `misalignment=0:1:0.1` or `labels=0.05,0.25,1`.
        methods: names in the registry; the student alone is always included.
        pair: `teacher:student`; None means the first pair of the dataset.
        draws: number of repetitions. Each has its own seed, and its own fold if the dataset has that many.
        labels: how many labels may be seen, for all values; None means the protocol's number.
        overrides: `KEY=VALUE`, for all values.
        experiment: name of the folder in `results`; derived from the settings if None.
        results: folder of experiments; in the folder of the sweep, each value becomes an experiment.
        plugins: files that register methods or datasets.
        jobs: number of worker processes; None means one per core.
        quiet: whether to hide progress.
    """

    dataset: str
    vary: str
    methods: Names = None
    pair: str | None = None
    draws: int = 5
    labels: float | str | None = None
    overrides: Sequence[str] = ()
    experiment: str | None = None
    results: Path = RESULTS
    plugins: Sequence[Path] = ()
    jobs: int | None = None
    quiet: bool = False


@dataclass(frozen=True)
class CheckedSweep:
    """A request in which every name and value is known."""

    options: SweepOptions
    knob: Knob
    setting: Setting
    grids: Mapping[str, Grid]  # by value of the knob

    @property
    def place(self) -> str:
        """What all values share: the dataset, the direction, and the labels that may be seen, unless they vary."""
        part = next(iter(self.grids.values())).datasets[self.options.dataset]
        is_varied = self.knob.name == LABELS
        name = self.options.dataset if is_varied else block_name(self.options.dataset, part.labels[0])
        return f"{name}, {' → '.join(part.directions[0])}"


def check_sweep(options: SweepOptions) -> CheckedSweep:
    """Look up everything that a request names, at all values of its knob.

    Raises:
        UserError: listing everything that is wrong with the request.
    """
    plugins = tuple(options.plugins)
    load_plugins(plugins)
    problems: list[str] = []
    knob, key, folder = Knob("", ("",)), "", ""
    try:
        knob = parse_vary(options.vary)
        key = setting_of(knob.name, options.dataset)
        problems += _problems_of(options, key)
        folder = Experiment(options.results, options.experiment or _name(options, knob)).name
    except UserError as error:  # what else is wrong is found without the knob
        problems.append(str(error))
    setting = Setting(options.results / folder, options.dataset, options.pair, _draws(options), options.jobs, plugins)
    points = {value: _point(options, knob, key, value) for value in knob.values}
    return CheckedSweep(options, knob, setting, check_all(setting, points, problems))


def _problems_of(options: SweepOptions, key: str) -> list[str]:
    """Return what contradicts the knob."""
    if key == LABELS and options.labels is not None:
        return [f"--labels {options.labels}: labels are varied by --vary. Omit one of the two."]
    if is_set(key, options.overrides):
        return [f"{key}: is varied by --vary and also set. Omit one of the two."]
    return []


def _name(options: SweepOptions, knob: Knob) -> str:
    labels = [] if options.labels is None else [f"{LABELS}={options.labels}"]
    pair = [] if options.pair is None else [f"pair={options.pair}"]
    return name_of([f"sweep-{options.dataset}-{knob.name}"], [*options.overrides, *labels, *pair])


def _draws(options: SweepOptions) -> tuple[Draw, ...]:
    folds = datasets.get(options.dataset).folds if options.dataset in datasets.names() else 1
    return tuple((number, number if folds >= options.draws else 0) for number in range(options.draws))


def _point(options: SweepOptions, knob: Knob, key: str, value: str) -> PointRequest:
    """Return what to run at a value; without the knob if the key is empty."""
    methods = options.methods if options.methods is not None else grid_defaults()["sweep_methods"]
    labels = value if key == LABELS else options.labels
    overrides = [*options.overrides, *([f"{key}={value}"] if key not in ("", LABELS) else ())]
    return PointRequest(name_of([f"{knob.name}={value}"] if key else ["sweep"], ()), methods, overrides, labels)


def sweep(options: SweepOptions) -> Sweep:
    """Run a grid at each value of a knob and write tables and a plot to the folder of the sweep.

    Raises:
        UserError: listing everything that is wrong with the request.
        Unfinished: if a run failed.
        KeyboardInterrupt: after Ctrl-C.
    """
    return run_sweep(check_sweep(options))


def run_sweep(checked: CheckedSweep) -> Sweep:
    """Run a checked sweep, as `sweep` does."""
    options, setting = checked.options, checked.setting
    console = Terminal(quiet=options.quiet)
    planned = plan_all(setting, checked.grids, console)
    train_vectorized(planned.values(), options.jobs)
    curves = _stack([setting.values(grid, plan, console) for grid, plan in planned.values()])
    found = Sweep(checked.place, checked.knob, grid_defaults()["baseline"], curves)
    try:
        measured = _stack([measure(grid, plan, setting.draws) for grid, plan in planned.values()])
        found = replace(found, measured=measured)
    except UserError as error:
        found = replace(found, unmeasured=f"Diagnostics are not available: {error}")
    _write(found, setting.folder)
    return found


def _write(found: Sweep, folder: Path) -> None:
    write_text(folder / "gains.csv", as_csv(found))
    write_text(folder / "gains.md", as_markdown(found))
    if found.measured:
        write_text(folder / "measured.csv", measured_as_csv(found))
    draw(picture(found), folder / "gains")


def _stack(measured: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {row: np.stack([one[row] for one in measured]) for row in measured[0]}
