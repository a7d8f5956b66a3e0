"""What `cmkd-bench list` and `cmkd-bench show` print."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cmkd_bench.cli.completion import LISTED
from cmkd_bench.cli.options import PIPED_WIDTH, load_plugins
from cmkd_bench.declaration import CATEGORIES
from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.parameters import describe
from cmkd_bench.registry import Registry, datasets, families, methods, networks
from cmkd_bench.terminal import Terminal

if TYPE_CHECKING:
    from cmkd_bench.dataset import Dataset


LISTING = ("state", "classes", "modalities")  # columns of `list datasets`


def print_list(kind: str | None, name: str | None, plugin: Sequence[Path] | None) -> None:
    """Print the names of one kind, or of methods and datasets; or everything about one dataset.

    Raises:
        UnknownName: for a kind that does not exist.
        UserError: for a name of another kind, which `show` shows.
    """
    load_plugins(plugin)
    console = Terminal()
    if kind is None:
        for name, registry in (("methods", methods), ("datasets", datasets)):
            console.print(_summaries(name, registry))
    elif name is not None and kind in LISTED and kind != "datasets":
        raise UserError(f"list {kind} takes no name. Run: cmkd-bench show {name}")
    elif kind == "methods":
        for category in CATEGORIES:
            if names := methods.in_category(category):
                console.print(_summaries(category, methods, names))
    elif name is not None and kind == "datasets":
        _print_dataset(console, name)
    elif kind == "datasets":
        _print_datasets(console)
    elif kind == "networks":
        console.print(_summaries("networks", networks))
        console.print(_summaries("families, as FAMILY/MODEL", families))
    else:
        raise UnknownName("kind", kind, LISTED)


def print_one(name: str, plugin: Sequence[Path] | None) -> None:
    """Print all about one method, dataset or network, or the configuration.

    Raises:
        UnknownName: if there is nothing of that name.
    """
    load_plugins(plugin)
    if name == "config":
        from cmkd_bench.config.compose import as_yaml

        Terminal().print(as_yaml(), markup=False, highlight=False)
    elif name in methods.names():
        _print_method(Terminal(), name)
    elif name in datasets.names():
        _print_dataset(Terminal(), name)
        _print_parameters(Terminal(), f"dataset.{name}", datasets.get(name).Options)
    elif name in networks.names():
        networks.require(name)
        Terminal().print(Text(f"{name}: {networks.summary(name)}", style="bold"))
    elif (family := name.partition("/")[0]) in families.names():
        families.require(family)
        Terminal().print(Text(f"{family}/<model>: {families.summary(family)}", style="bold"))
    else:
        known = [*methods.names(), *datasets.names(), *networks.names(), *families.names(), "config"]
        raise UnknownName("method, dataset or network", name, known)


def print_fidelity(name: str, plugin: Sequence[Path] | None) -> None:
    """Print a method's page: rendered on a terminal, as Markdown elsewhere."""
    from cmkd_bench.method_pages.oracles import shipped
    from cmkd_bench.method_pages.render import as_markdown

    load_plugins(plugin)
    text, console = as_markdown(name, shipped()), Terminal()
    if console.is_terminal:
        from rich.markdown import Markdown

        console.print(Markdown(text, hyperlinks=False))
    else:
        sys.stdout.write(text)


def _summaries(title: str, registry: Registry[Any], names: Sequence[str] | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=False, title_style="bold")
    for name in registry.names() if names is None else names:
        table.add_row(Text(name), Text(registry.summary(name)))
    return table


def _print_datasets(console: Console) -> None:
    """Print one line per dataset: first those that need no download, then the others with their state on disk."""
    from cmkd_bench.config.roots import DATA_ROOT, Roots
    from cmkd_bench.data.media.checking.presence import presence_of
    from cmkd_bench.data.media.media_dataset import MediaDataset

    if not console.is_terminal:
        console.width = PIPED_WIDTH
    bundled: dict[str, list[str]] = {}
    downloaded: dict[str, list[str]] = {}
    roots, broken = Roots.read(), []
    for name in datasets.names():
        try:
            cls = datasets.get(name)
        except UserError as error:  # of a third party; the others are listed all the same
            broken.append(str(error))
            continue
        rows = downloaded if issubclass(cls, MediaDataset) else bundled
        state = presence_of(cls, roots).summary if issubclass(cls, MediaDataset) else ""
        rows[name] = [state, str(len(cls.classes) or "-"), ", ".join(modality.name for modality in cls.modalities)]
    where = f"in {roots.data}" if roots.data else f"{DATA_ROOT} is not set"
    for title, rows in (("need no download", bundled), (f"are to be downloaded ({where})", downloaded)):
        console.print(Text(f"{len(rows)} {title}", style="bold"), soft_wrap=True)
        console.print(_one_line_each(rows))
    for text in broken:
        console.print(Text(text, style="yellow"))
    console.print("Details of one: cmkd-bench list datasets NAME", style="dim", markup=False)


def _one_line_each(rows: Mapping[str, Sequence[str]]) -> Table:
    """Return a table of names and cells, without columns that are empty everywhere."""
    table = Table(box=None, header_style="dim")
    used = [number for number in range(len(LISTING)) if any(cells[number] for cells in rows.values())]
    lines = [("name", *(LISTING[number] for number in used))]
    lines += [(name, *(cells[number] for number in used)) for name, cells in rows.items()]
    for heading, *cells in zip(*lines, strict=True):
        width = 0 if heading == LISTING[-1] else max(map(len, (heading, *cells)))  # only the last one may be cut
        table.add_column(heading, no_wrap=True, overflow="ellipsis", min_width=width)
    for line in lines[1:]:
        table.add_row(*map(Text, line))
    return table


def _print_dataset(console: Console, name: str) -> None:
    cls = datasets.get(name)
    console.print(Text(f"{name}: {datasets.summary(name)}", style="bold"))
    rows = {
        "task": f"{cls.task} ({len(cls.classes)} classes)" if cls.classes else cls.task,
        "modalities": ", ".join(f"{modality.name} ({modality.kind})" for modality in cls.modalities),
        "default pairs": ", ".join(":".join(pair) for pair in cls.default_pairs),
        "folds": str(cls.folds),
    }
    rows |= _state_of_media(cls)
    for source in cls.sources:
        rows |= {"file": source.file, "from": source.origin, "license": source.license, "cite": source.citation}
        _print_rows(console, rows)
        rows = {}


def _state_of_media(cls: type[Dataset[Any]]) -> dict[str, str]:
    """Return whether a downloaded dataset is available and how to obtain it; empty if it needs no download."""
    from cmkd_bench.config.roots import DATA_ROOT, Roots
    from cmkd_bench.data.media.checking.presence import presence_of
    from cmkd_bench.data.media.media_dataset import MediaDataset

    if not issubclass(cls, MediaDataset):
        return {}
    roots, name = Roots.read(), cls.registry_name
    presence = presence_of(cls, roots)
    found = presence.search
    looked = ", ".join(map(str, found.candidates)) or f"{DATA_ROOT} is not set"
    prepared = f"{presence.sets} set{'s' if presence.sets > 1 else ''} in {roots.prepared / name}"
    official = cls(cls.Options()).official()
    published = ", ".join(f"{part} {count}" for part, count in official.samples.items()) if official else ""
    return {
        **({"published": published} if published else {}),
        "state": presence.summary,
        "found": str(found.root) if found.root else f"no ({looked}; expected: {', '.join(cls.marks)})",
        "check": f"cmkd-bench check {name}{'' if found.root else ' --root DIR'}",
        "prepared": prepared if presence.sets else f"no (cmkd-bench prepare {name} --root DIR)",
        "obtain": cls.obtain,
    }


def _print_rows(console: Console, rows: dict[str, str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=True)
    table.add_column(style="dim", min_width=13)
    table.add_column()
    for label, value in rows.items():
        table.add_row(Text(label), Text(value))
    console.print(table)


def _print_method(console: Console, name: str) -> None:
    cls = methods.declared(name)
    console.print(Text(f"{name}: {methods.summary(name)}", style="bold"))
    if cls.paper is not None:
        paper = cls.paper
        console.print(Text(f"{paper.authors}. {paper.title}. {paper.venue}. {paper.url}".strip()))
    traits = {
        "role": cls.role,
        "category": methods.category(name),
        "teacher": cls.teacher + (", then updated with the student" if cls.updates_teacher else ""),
        "further teachers": ", ".join(cls.further_teachers) or "none",
        "pairs": cls.pairing + ("" if cls.needs_pairs else "; also --pairing unpaired, same_class"),
        "views": ", ".join(("training", *cls.further_views(cls.HyperParameters()))),
        "unlabeled": cls.unlabelled or "not supported",
        "unpaired": "no teacher" if cls.teacher == "none" else cls.unpaired or "not supported",
        "presets": ", ".join(f"method.{name}.preset={preset}" for preset in cls.presets) or "none",
    }
    _print_rows(console, traits)
    for deviation in cls.deviations:
        console.print(Text(f"deviation from the paper: {deviation}"))
    _print_parameters(console, f"method.{name}", cls.HyperParameters)


def _print_parameters(console: Console, prefix: str, parameters: type) -> None:
    described = describe(parameters)
    if not described:
        console.print(Text(f"{prefix} has no parameters."))
        return
    table = Table(title=f"set by {prefix}.NAME=VALUE", title_justify="left")
    for column in ("name", "default", "meaning", "source of the default"):
        table.add_column(column)
    searched = any(one.search is not None for one in described)
    if searched:
        table.add_column("search space of --trials")
    for one in described:
        choices = f" ({', '.join(map(str, one.choices))})" if one.choices else ""
        cells = [one.name, f"{one.default}", one.meaning + choices, one.source]
        table.add_row(*map(Text, [*cells, f"{one.search or ''}"] if searched else cells))
    console.print(table)
