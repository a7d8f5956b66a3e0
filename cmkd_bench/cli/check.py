"""`cmkd-bench check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cmkd_bench.cli import completion
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import PIPED_WIDTH, Plugins, load_plugins, say_unwritten
from cmkd_bench.cli.prepare import names_of, open_media
from cmkd_bench.errors import UserError
from cmkd_bench.terminal import Terminal

if TYPE_CHECKING:
    from cmkd_bench.data.media.checking.download_check import Completeness, Count
    from cmkd_bench.data.media.media_dataset import MediaDataset

CODES = (ExitCode.DONE, ExitCode.INCOMPLETE, ExitCode.FAILED)  # by extent
STYLES = ("green", "yellow", "bold red")
MOST_CLASSES = 20  # per part, on a terminal
MOST_REASONS = 8


def check(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME... [KEY=VALUE]...",
            help="Dataset names, and options as for `run`, e.g. dataset.ave.split=official",
            autocompletion=completion.datasets,
        ),
    ],
    root: Annotated[
        Path | None, typer.Option(help="Dataset folder or its parent (default: searched below $CMKD_DATA_ROOT).")
    ] = None,
    plugin: Plugins = None,
) -> None:
    """Compare downloads with what was published, without decoding media. Exit codes: 0 complete, 4 partial, 3 unusable.

    `list datasets` shows the result until the next check.
    """
    from cmkd_bench.config.overrides import parse_overrides
    from cmkd_bench.experiment.faults import tolerating_faults

    load_plugins(plugin)
    console = Terminal()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    overrides = parse_overrides([argument for argument in arguments if "=" in argument])
    opened = [open_media(name, overrides, root, None) for name in names_of("check", arguments)]
    with tolerating_faults() as unwritten:
        codes = [_check(console, dataset, given) for dataset, given in opened]
    say_unwritten(unwritten)
    if worst := max(codes, key=CODES.index):
        raise typer.Exit(worst)


def _check(console: Console, dataset: MediaDataset[Any], given: Path | None) -> ExitCode:
    from cmkd_bench.data.media.checking.download_check import folder_to_check, inspect_download
    from cmkd_bench.data.media.checking.presence import remember
    from cmkd_bench.data.media.location import search

    name = dataset.registry_name
    folder = folder_to_check(dataset.download(), dataset.roots.data, given)
    console.print(Text(f"{name}: {folder}", style="bold"), soft_wrap=True)
    try:
        found = inspect_download(dataset, folder)
    except UserError as error:
        missing = search(dataset.download(), None, folder).missing
        lacks = f"missing: {', '.join(missing)}. ".replace("|", " or ") if missing else ""
        how = "" if dataset.obtain in str(error) else f"\nHow to get it: {dataset.obtain}"
        text = f"unusable: {lacks}{error}{how}"
        console.print(Text(text, style=STYLES[-1]), soft_wrap=True)
        return ExitCode.FAILED
    remember(dataset, found)
    console.print(_table(found, MOST_CLASSES if console.is_terminal else None))
    for line in _details(found):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(_conclusion(dataset, found), style=STYLES[found.extent]), soft_wrap=True)
    return CODES[found.extent]


def _table(found: Completeness, most: int | None) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for heading in ("part", "class", "published", "listed", "left out", "missing", "present", "share"):
        table.add_column(heading, justify="left" if heading in ("part", "class") else "right", no_wrap=True)
    for part in (count for count in found.counts if not count.label):
        _add(table, part, "all")
        own = [count for count in found.counts if count.part == part.part and count.label]
        differing = [count for count in own if _differs(count, part)]
        worst = sorted(differing, key=lambda count: count.present / max(1, count.expected))[:most]
        for count in worst:
            _add(table, count, count.label)
        if len(differing) > len(worst):
            table.add_row("", Text(f"and {len(differing) - len(worst)} more classes, shown in a pipe", style="dim"))
    return table


def _differs(count: Count, part: Count) -> bool:
    """Return whether a class is worth a line: it lacks samples, but not only because its whole part has no files."""
    unlike = count.official is not None and count.listed != count.official
    return unlike or (count.missing > 0 and part.present > 0)


def _add(table: Table, count: Count, label: str) -> None:
    official = "-" if count.official is None else str(count.official)
    share = f"{100 * count.present / count.expected:.1f} %" if count.expected else "-"
    numbers = (official, count.listed, count.left_out, count.missing, count.present, share)
    table.add_row(*map(Text, (count.part, label, *map(str, numbers))))


def _details(found: Completeness) -> Iterator[str]:
    """Yield what the table does not say: the files by modality, what is left out on purpose, and notes."""
    for modality, faults in found.files.items():
        bad = Counter(fault for fault in faults.values() if fault)
        example = next((path for path, fault in faults.items() if fault), "")
        listed = "".join(f", {count} x {fault}" for fault, count in bad.most_common())
        there = f"{len(faults) - bad.total()} of {len(faults)} files"
        yield f"{modality}: {there}{listed}{f', e.g. {example}' if example else ''}"
    reasons = found.left_out.most_common()
    for reason, count in reasons[:MOST_REASONS]:
        yield f"left out: {count} x {reason}"
    if rest := reasons[MOST_REASONS:]:
        yield f"left out: {sum(count for _, count in rest)} x {len(rest)} more reasons"
    for one in found.counts:
        if one.official is not None and one.listed > one.official:
            of_class = f" of class {one.label}" if one.label else ""
            yield f"note: {one.listed} samples{of_class} in {one.part}, but {one.official} were published"
    yield from (f"note: {note}" for note in found.notes)
    if found.fixture:
        yield "note: a miniature, to which published numbers do not apply"


def _conclusion(dataset: MediaDataset[Any], found: Completeness) -> str:
    from cmkd_bench.data.media.checking.download_check import Extent

    totals = [count for count in found.counts if not count.label]
    present, expected = (sum(getattr(count, name) for count in totals) for name in ("present", "expected"))
    share = f"{1000 * present // max(1, expected) / 10} %"
    state = f"{present} of {expected} samples ({share}) have all their files"
    if all(count.official is not None for count in totals):
        lacking = sum(max(0, (count.official or 0) - count.listed) for count in totals)
        state = f"{f'{lacking} published samples are not listed' if lacking else 'all are listed'}; {state}"
    following = f"Next: cmkd-bench prepare {dataset.registry_name} --root {found.root}"
    if found.extent == Extent.COMPLETE:
        return f"complete: {state}. {following}"
    if found.extent == Extent.PARTIAL:
        return f"partial: {state}. It can be used, and tables say what it lacks. {following}"
    return f"unusable: {state}. How to get the rest: {dataset.obtain}"
