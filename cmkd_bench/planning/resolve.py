"""Resolve a request once: look up every name, value and folder, and find all problems together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cmkd_bench.config.compose import Configuration, compose, parse_labels
from cmkd_bench.config.overrides import Overrides, parse_overrides, split_at_commas
from cmkd_bench.config.roots import Roots
from cmkd_bench.config.settings_files import grid_defaults
from cmkd_bench.config.variants import Variant
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.plugins import load_plugins
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.parameters import problems_of
from cmkd_bench.planning.directions import directions_of, problems_of_pairs
from cmkd_bench.planning.grid import DatasetGrid, Grid, GridRow
from cmkd_bench.planning.places import configured_for, device_of, networks_of
from cmkd_bench.planning.request import GridOptions, Names
from cmkd_bench.planning.rows import grid_rows, problems_of_equal, problems_of_rows, problems_of_values, requested
from cmkd_bench.planning.tuning import is_searched
from cmkd_bench.registry import Registry, datasets, methods

MOST_SEEDS, LARGEST_SEED = 10_000, 2**32 - 1

if TYPE_CHECKING:
    from cmkd_bench.dataset import Dataset


def resolve(options: GridOptions) -> Grid:
    """Complete a request with the configuration's defaults, and look up everything that it names.

    Raises:
        GridError: with all problems of the request at once.
        UserError: if a plug-in cannot be loaded.
    """
    plugins = tuple(Path(plugin).resolve() for plugin in options.plugins)
    load_plugins(plugins)
    return _Resolution(options, grid_defaults(), plugins).grid()


class _Resolution:
    """The steps that resolve one request; each adds the problems that it finds."""

    def __init__(self, options: GridOptions, defaults: Mapping[str, Any], plugins: tuple[Path, ...]) -> None:
        self.options, self.plugins, self.baseline = options, plugins, str(defaults["baseline"])
        self.problems: list[str] = []
        self.changes = [*options.overrides, *_supervision(options)]
        self.overrides = self._overrides()
        self.rows = self._rows(defaults)
        self.methods = self._known(methods, (row.method for row in self.rows))
        self.datasets = self._known(datasets, self._names("datasets") or defaults["datasets"])
        self.pairs = self._names("pairs")
        self.seeds = _seeds(defaults["seeds"] if options.seeds is None else options.seeds)
        self.folds = _folds(defaults["folds"] if options.folds is None else options.folds)
        self.labels, wrong = ((), []) if options.labels is None else parse_labels(options.labels, "--labels ")
        self.problems += wrong

    def grid(self) -> Grid:
        """Return the resolved grid."""
        rows = self._grid_rows()
        configurations = self._configurations()
        # Import only what can cause problems, so that a mistyped name is reported immediately.
        asked = not self.problems or self.pairs or self.options.folds is not None
        classes = {name: datasets.get(name) for name in self.datasets} if asked else {}
        self.problems += self._problems_of_pairs(classes, configurations)
        self.problems += self._problems_of_folds(classes)
        if self.options.trials is not None and not self.problems:
            self.problems += self._problems_of_trials(rows, configurations)
        if self.problems:
            raise GridError(list(dict.fromkeys(self.problems)))
        return self._assembled(rows, configurations, classes)

    def _assembled(
        self,
        rows: Mapping[str, GridRow],
        configurations: Mapping[str | None, Configuration],
        classes: Mapping[str, type[Dataset[Any]]],
    ) -> Grid:
        from cmkd_bench.data.opening import open_configured

        general = configurations[None]
        weights = general.model["pretrained"]
        roots = Roots.read(**general.data, weights=weights if isinstance(weights, str) else None)
        grids = {}
        for name, cls in classes.items():
            given_options = self.overrides.datasets.get(name, {})
            try:
                dataset = open_configured(name, configurations[name], given_options, roots)
            except UserError as error:  # options that a dataset refuses together
                self.problems.append(str(error))
                continue
            self.problems += self._problems_of_folds({name: dataset})
            folds = tuple(range(dataset.folds)) if self.folds is None else self.folds
            labels = self.labels or configurations[name].labels
            directions = directions_of(self.pairs, configurations[name].pairs, cls, self.options.one_way)
            networks = networks_of(configurations[name], cls)
            device = device_of(general.launcher, name, networks)
            configuration = configured_for(configurations[name], device, networks)
            grids[name] = DatasetGrid(dataset, configuration, folds, labels, directions, device)
        if self.problems:
            raise GridError(self.problems)
        asked = self.options.experiment
        name = self._experiment_name(general.protocol, grids) if asked is None else asked
        return Grid(
            experiment=Experiment(Path(self.options.results), name),
            baseline=self.baseline,
            rows=rows,
            datasets=grids,
            seeds=self.seeds,
            trials=self.options.trials,
            command=self.options.command,
            plugins=self.plugins,
            roots=roots,
            launcher=general.launcher,
            launcher_overrides=tuple(text for text in self.overrides.plain if text.lstrip("+").startswith("launcher")),
        )

    def _overrides(self) -> Overrides:
        options = self.options
        chosen = {"launcher": options.launcher, "launcher.jobs": options.jobs, "launcher.device": options.device}
        parsed = parse_overrides(
            [*self.changes, *(f"{name}={value}" for name, value in chosen.items() if value is not None)]
        )
        self.problems += parsed.problems
        return parsed

    def _names(self, option: Literal["methods", "datasets", "pairs"]) -> tuple[str, ...] | None:
        """Return the names in an option, None if it was not given; add a problem if it was given without a name."""
        asked: Names = getattr(self.options, option)
        if asked is None:
            return None
        names = split_at_commas(asked) if isinstance(asked, str) else asked
        found = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
        if not found:
            self.problems.append(f"--{option} is empty. Give names separated by commas, or omit it for the default.")
        return found

    def _known(self, registry: Registry[Any], names: Iterable[str]) -> list[str]:
        """Return the names that are registered; add the others to the problems."""
        known = []
        for name in dict.fromkeys(names):
            try:
                registry.require(name)
                known.append(name)
            except UserError as error:
                self.problems.append(str(error))
        return known

    def _rows(self, defaults: Mapping[str, Any]) -> list[Variant]:
        """Return the requested rows; add the problems of their texts."""
        own = self.options.variants or {}
        defined = {**defaults["variants"], **own}
        asked = self._names("methods") or [*defaults["methods"], *defaults["variants"]]
        always = defaults["always"] if self.options.controls else [self.baseline]
        rows, problems = requested([*always, *asked, *own], defined, self.baseline)
        self.problems += problems
        return rows

    def _grid_rows(self) -> dict[str, GridRow]:
        """Return the rows with the hyper-parameters that are set for each, with presets resolved."""
        for name in self._known(methods, dict.fromkeys([*self.overrides.methods, *self.overrides.listed])):
            self.problems += problems_of_values(name, self.overrides.methods.get(name, {}))
            if name not in self.methods:
                self.problems.append(
                    f"method.{name}: '{name}' is not among the methods of this grid. Add it to --methods."
                )
        self.problems += problems_of_rows([row for row in self.rows if row.method in self.methods], self.overrides)
        if self.problems:
            return {}
        rows = grid_rows(self.rows, self.overrides)
        self.problems += problems_of_equal(rows, self.options.trials)
        return rows

    def _configurations(self) -> dict[str | None, Configuration]:
        """Return the configuration of each dataset, and under None the one that all datasets share."""
        for name in self._known(datasets, self.overrides.datasets):
            given = self.overrides.datasets[name]
            self.problems += problems_of(datasets.get(name).Options, given, f"dataset.{name}")
            if name not in self.datasets:
                self.problems.append(
                    f"dataset.{name}: '{name}' is not among the datasets of this grid. Add it to --datasets."
                )
        found: dict[str | None, Configuration] = {}
        if self.problems and not self.overrides.plain:
            return found
        for place in (None, *self.datasets):
            configuration, problems = compose(self.overrides, place)
            self.problems += problems
            if configuration is not None:
                found[place] = configuration
        return found

    def _problems_of_pairs(
        self, classes: Mapping[str, type[Dataset[Any]]], configurations: Mapping[str | None, Configuration]
    ) -> Iterator[str]:
        if self.pairs:
            yield from problems_of_pairs(self.pairs, classes)
        elif not self.problems:
            for name, cls in classes.items():
                configured = configurations[name].pairs or ()
                yield from (
                    f"pairs: in the file of '{name}': {text}" for text in problems_of_pairs(configured, {name: cls})
                )

    def _problems_of_folds(self, asked: Mapping[str, Dataset[Any] | type[Dataset[Any]]]) -> Iterator[str]:
        for name, dataset in asked.items():
            for fold in self.folds or ():
                if not 0 <= fold < dataset.folds:
                    yield (
                        f"--folds {fold}: dataset '{name}' has folds 0 to {dataset.folds - 1}; use --folds 0 or "
                        "--folds all."
                    )

    def _problems_of_trials(
        self, rows: Mapping[str, GridRow], configurations: Mapping[str | None, Configuration]
    ) -> Iterator[str]:
        trials = self.options.trials
        if trials is not None and trials < 2:
            yield f"--trials {trials}: expected at least 2, because trial 0 uses the defaults."
        if not any(is_searched(row.method, row.given) for row in rows.values() if row.method != self.baseline):
            yield (
                f"--trials {trials}: nothing to tune: none of {', '.join(rows)} has an unset hyper-parameter with a "
                "search space. See: cmkd-bench show NAME"
            )
        for name in self.datasets:
            part = configurations[name].recipe.select_on
            if part != "validation":
                yield (
                    f"--trials {trials}: trials are selected on the validation part, but {name} has "
                    f"train.select_on={part}. Omit --trials, or add train.select_on=validation."
                )

    def _experiment_name(self, protocol: str, grids: Mapping[str, DatasetGrid]) -> str:
        """Return the protocol and its changes, so that numbers under different settings never share a table."""
        from cmkd_bench.data.media.preparing.missing import is_miniature

        mark = ["fixture"] if any(is_miniature(grid.dataset) for grid in grids.values()) else []
        return name_of([protocol, *mark], [text for text in self.changes if not self._names_no_condition(text)])

    def _names_no_condition(self, text: str) -> bool:
        """Return whether an override is the protocol, or makes rows, whose names say what differs."""
        key, _, value = text.partition("=")
        return key == "protocol" or (key.startswith("method.") and len(split_at_commas(value)) > 1)


def name_of(parts: Sequence[str], changes: Iterable[str]) -> str:
    """Return the name of an experiment: parts, and the settings that were changed, or a hash of them if they are many.

    Args:
        changes: `KEY=VALUE`; those that change no result are left out.
    """
    changed = sorted(text for text in changes if not text.startswith(("launcher", "data.")))
    name = "+".join(re.sub(r"[^A-Za-z0-9._=,-]", "-", text) for text in [*parts, *changed])
    if len(name) <= 100:
        return name
    return "+".join([*parts, hashlib.blake2b(" ".join(changed).encode(), digest_size=6).hexdigest()])


def _supervision(options: GridOptions) -> list[str]:
    """Return the settings of a protocol for which there are options, as overrides."""
    values = {name: getattr(options, name) for name in ("teacher_labels", "pairing", "pairs_share", "mispaired")}
    return [f"supervision.{name}={value}" for name, value in values.items() if value is not None]


def _seeds(asked: int | Iterable[int]) -> tuple[int, ...]:
    if isinstance(asked, int):
        if not 1 <= asked <= MOST_SEEDS:
            hint = f" For seed {asked} alone: --seeds {asked}," if MOST_SEEDS < asked <= LARGEST_SEED else ""
            raise UserError(
                f"--seeds {asked}: expected a number of seeds from 1 to {MOST_SEEDS}, or a list of seeds, e.g. 0,3,7."
                f"{hint}"
            )
        return tuple(range(asked))
    seeds = tuple(dict.fromkeys(asked))
    for seed in seeds:
        if not 0 <= seed <= LARGEST_SEED:
            raise UserError(f"--seeds: {seed} is not a seed. Expected integers from 0 to {LARGEST_SEED}.")
    return seeds


def _folds(asked: int | Iterable[int] | str) -> tuple[int, ...] | None:
    if asked == "all":
        return None
    if isinstance(asked, str):
        raise UserError(f"--folds {asked}: expected fold numbers separated by commas, or all.")
    return (asked,) if isinstance(asked, int) else tuple(dict.fromkeys(asked))
