"""What the shell completes: names of methods, datasets, experiments and so on, without importing torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

Complete = list[str]
LISTED = ("methods", "datasets", "networks")


def methods(incomplete: str) -> Complete:
    """Complete the last name of `--methods`."""
    from cmkd_bench.registry import methods as registry

    return _last_of_list(incomplete, registry.names())


def datasets(incomplete: str) -> Complete:
    """Complete the last name of `--datasets`, or a dataset as an argument."""
    from cmkd_bench.registry import datasets as registry

    return _last_of_list(incomplete, registry.names())


def anything(incomplete: str) -> Complete:
    """Complete what `show` can show."""
    from cmkd_bench.registry import datasets as data
    from cmkd_bench.registry import families, networks
    from cmkd_bench.registry import methods as registry

    return _beginning(incomplete, [*registry.names(), *data.names(), *networks.names(), *families.names(), "config"])


def kinds_to_list(incomplete: str) -> Complete:
    """Complete what `list` can list."""
    return _beginning(incomplete, LISTED)


def kinds_of_packages(incomplete: str) -> Complete:
    """Complete what `new` can write."""
    from cmkd_bench.scaffold.package import FILES

    return _beginning(incomplete, FILES)


def experiments(context: typer.Context, incomplete: str) -> Complete:
    """Complete an experiment in the results folder."""
    from cmkd_bench.experiment.store import experiment_names

    return _beginning(incomplete, experiment_names(Path(context.params.get("results") or "results")))


def plots(incomplete: str) -> Complete:
    """Complete a kind of plot."""
    from cmkd_bench.report.plots.kinds import KINDS

    return _last_of_list(incomplete, KINDS)


def launchers(incomplete: str) -> Complete:
    """Complete a file of configs/launcher/."""
    from cmkd_bench.config.settings_files import choices

    return _beginning(incomplete, choices("launcher"))


def devices(incomplete: str) -> Complete:
    """Complete a device."""
    from cmkd_bench.config.settings_files import DEVICES

    return _beginning(incomplete, DEVICES)


def launch_devices(incomplete: str) -> Complete:
    """Complete a device of `run`."""
    from cmkd_bench.config.settings_files import AUTO, DEVICES

    return _beginning(incomplete, (AUTO, *DEVICES))


def reproductions(incomplete: str) -> Complete:
    """Complete a published experiment."""
    from cmkd_bench.config.settings_files import choices

    return _beginning(incomplete, choices("reproduction"))


def _last_of_list(incomplete: str, names: Iterable[str]) -> Complete:
    """Complete the last of several names separated by commas, of which none is proposed twice."""
    before, comma, last = incomplete.rpartition(",")
    if before.count("(") > before.count(")"):  # the values of a variant
        return []
    free = (name for name in names if name not in before.split(","))
    return [f"{before}{comma}{name}" for name in _beginning(last, free)]


def _beginning(incomplete: str, names: Iterable[str]) -> Complete:
    return [name for name in names if name.startswith(incomplete)]
