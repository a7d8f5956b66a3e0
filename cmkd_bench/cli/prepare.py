"""`cmkd-bench prepare` and `cmkd-bench fixture`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from cmkd_bench.cli import completion
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import Plugins, load_plugins
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.terminal import Terminal

if TYPE_CHECKING:
    from cmkd_bench.config.overrides import Overrides
    from cmkd_bench.data.media.media_dataset import MediaDataset
    from cmkd_bench.data.media.preparing.pipeline import Report

FIXTURE_CLIPS = 96


def prepare(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME... [KEY=VALUE]...",
            help="Dataset names, and settings as for `run`, e.g. prepare.frames=5",
            autocompletion=completion.datasets,
        ),
    ],
    root: Annotated[Path | None, typer.Option(help="Dataset folder (default: searched below $CMKD_DATA_ROOT).")] = None,
    prepared: Annotated[
        Path | None, typer.Option(help="Folder for prepared arrays (default: $CMKD_PREPARED_ROOT, or else ./prepared).")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Number of worker processes (default: one per core).")] = None,
    check: Annotated[bool, typer.Option("--check", help="Check every row against the manifest.")] = False,
    retry_skipped: Annotated[
        bool, typer.Option("--retry-skipped", help="Retry clips that could not be decoded.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Discard prepared data and start over.")] = False,
    plugin: Plugins = None,
) -> None:
    """Decode downloaded datasets once into memory-mapped arrays. Finished work is not repeated."""
    from cmkd_bench.config.overrides import parse_overrides
    from cmkd_bench.data.media.location import find_root
    from cmkd_bench.data.media.preparing.pipeline import check_prepared, prepare_dataset
    from cmkd_bench.data.media.preparing.progress import PreparationDisplay

    load_plugins(plugin)
    console = Terminal()
    overrides = parse_overrides([argument for argument in arguments if "=" in argument])
    opened = [open_media(name, overrides, root, prepared) for name in names_of("prepare", arguments)]
    damaged = False
    for dataset, given in opened:
        if check:
            damaged |= _print_problems(console, dataset, check_prepared(dataset, PreparationDisplay(console)))
            continue
        workers = jobs or len(os.sched_getaffinity(0))
        found = find_root(dataset.download(), dataset.roots.data, given)
        console.print(f"{dataset.registry_name}: reading {found}", style="dim", markup=False, soft_wrap=True)
        report = prepare_dataset(
            dataset, found, workers, PreparationDisplay(console), start_anew=force, retry_skipped=retry_skipped
        )
        _print_report(console, dataset.registry_name, report)
    if damaged:
        raise typer.Exit(ExitCode.FAILED)


def fixture(
    name: Annotated[str, typer.Argument(help="Name of a downloadable dataset.", autocompletion=completion.datasets)],
    out: Annotated[Path, typer.Option(help="Output folder, which can be used as CMKD_DATA_ROOT.")],
    clips: Annotated[int, typer.Option(min=1, help="Approximate number of samples.")] = FIXTURE_CLIPS,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the generated media.")] = 0,
    plugin: Plugins = None,
) -> None:
    """Write a miniature of a dataset in its official layout, to try things out without the download."""
    from cmkd_bench.config.roots import DATA_ROOT
    from cmkd_bench.data.media.miniature import write_miniature

    load_plugins(plugin)
    folder = write_miniature(_media(name), out, clips, seed)
    console = Terminal()
    console.print(f"{folder}: a miniature of '{name}', labeled as such in every table.", markup=False, soft_wrap=True)
    console.print(f"Next: {DATA_ROOT}={shlex.quote(str(out))} cmkd-bench prepare {name}", markup=False, soft_wrap=True)


def names_of(command: str, arguments: Sequence[str]) -> list[str]:
    """Return the datasets among the arguments of a command.

    Raises:
        UserError: if there are none.
    """
    names = [name for argument in arguments if "=" not in argument for name in argument.split(",") if name]
    if not names:
        raise UserError(f"{command}: no dataset given. Available: {', '.join(_media_names())}.")
    return names


def open_media(
    name: str, overrides: Overrides, root: Path | None, prepared: Path | None
) -> tuple[MediaDataset[Any], Path | None]:
    """Return the dataset as `run` configures it with the same overrides, and its folder if one is given."""
    from cmkd_bench.config.compose import compose
    from cmkd_bench.config.roots import Roots
    from cmkd_bench.data.opening import open_configured
    from cmkd_bench.parameters import problems_of

    cls = _media(name)
    if overrides.problems:
        raise GridError(overrides.problems)
    configuration, problems = compose(overrides, name)
    given = overrides.datasets.get(name, {})
    problems = [*problems, *problems_of(cls.Options, given, f"dataset.{name}")]
    if configuration is None or problems:
        raise GridError(problems)
    roots = Roots.read(configuration.data["root"], prepared or configuration.data["prepared"])
    dataset = open_configured(name, configuration, given, roots)
    assert isinstance(dataset, cls)
    return dataset, root


def _media(name: str) -> type[MediaDataset[Any]]:
    from cmkd_bench.data.media.media_dataset import MediaDataset
    from cmkd_bench.registry import datasets

    cls = datasets.get(name)
    if not issubclass(cls, MediaDataset):
        raise UserError(
            f"dataset '{name}' is not read from media files, so there is nothing to prepare. "
            f"Datasets that can be prepared: {', '.join(_media_names())}."
        )
    return cls


def _media_names() -> list[str]:
    from cmkd_bench.data.media.media_dataset import MediaDataset
    from cmkd_bench.registry import datasets

    return [name for name in datasets.names() if issubclass(datasets.get(name), MediaDataset)]


def _print_problems(console: Console, dataset: MediaDataset[Any], problems: Sequence[str]) -> bool:
    """Print the problems that a check found, and return whether there are any."""
    name = dataset.registry_name
    if not problems:
        console.print(f"{name}: every row matches the manifest.", markup=False)
        return False
    shown = "\n".join(f"  - {problem}" for problem in problems)
    text = f"{name}: differences from the manifest ({len(problems)}):\n{shown}\n"
    console.print(Text(f"{text}Prepare it again: the same command with --force instead of --check."), soft_wrap=True)
    return True


def _print_report(console: Console, name: str, report: Report) -> None:
    state = f"prepared in {report.seconds:.0f} s" if report.decoded else "nothing to do, everything is prepared"
    lines = [f"{name}{' (miniature)' if report.fixture else ''}: {state}"]
    lines.append(f"  samples  {report.usable} of {report.samples} usable")
    lines += [f"  skipped  {count} x {reason}" for reason, count in report.skipped.most_common()]
    lines.append(f"  size     {report.bytes / 1e6:.1f} MB")
    lines.append(f"  folder   {report.folder}")
    if report.skipped:
        hint = " (after adding files, use --retry-skipped)" if report.usable < report.samples else ""
        lines.append(f"  reasons  {report.folder.parent / 'skipped.csv'}{hint}")
    console.print(Text("\n".join(lines)), soft_wrap=True)
