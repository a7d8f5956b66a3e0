"""What `cmkd-bench list` and `cmkd-bench show` print."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cmkd_bench.cli import facts
from cmkd_bench.cli.completion import LISTED
from cmkd_bench.cli.options import PIPED_WIDTH, load_plugins, print_json
from cmkd_bench.config.overrides import Malformed
from cmkd_bench.config.roots import DATA_ROOT, Roots
from cmkd_bench.config.variants import Variant, parse_variant
from cmkd_bench.declaration import CATEGORIES
from cmkd_bench.errors import GridError, UnknownName, UserError
from cmkd_bench.parameters import describe
from cmkd_bench.registry import Registry, datasets, families, methods, networks
from cmkd_bench.report.fitted_table import FittedTable
from cmkd_bench.terminal import Terminal

LISTING = ("state", "classes", "modalities")  # columns of `list datasets`
TASKS = ("classification", "segmentation")


@dataclass(frozen=True)
class Listing:
    """What `list` was asked for."""

    kind: str | None = None  # one of LISTED; None for methods and datasets
    name: str | None = None  # one dataset
    origin: str | None = None  # one of facts.ORIGINS: only these datasets
    task: str | None = None  # one of TASKS: only these datasets
    root: Path | None = None  # folder of downloaded datasets; by default that of the environment
    form: str = "rich"

    @property
    def of_datasets(self) -> dict[str, object]:
        """The options that only `list datasets` has, as far as they are given."""
        given = {"--kind": self.origin, "--task": self.task, "--root": self.root}
        return {option: value for option, value in given.items() if value is not None}


def print_list(asked: Listing, plugin: Sequence[Path] | None) -> None:
    """Print the names of one kind, or of methods and datasets; or everything about one dataset.

    Raises:
        UnknownName: for a kind that does not exist.
        UserError: for a name of another kind, which `show` shows, and for an option of another kind.
    """
    load_plugins(plugin)
    kind = "datasets" if asked.kind is None and asked.of_datasets else asked.kind
    _check(asked, kind)
    roots = Roots.read(asked.root)
    if asked.form == "json":
        print_json(_as_values(asked, kind, roots))
        return
    console = Terminal()
    if kind is None:
        for title, registry in (("methods", methods), ("datasets", datasets)):
            console.print(_summaries(title, registry))
    elif kind == "methods":
        for category in CATEGORIES:
            if names := methods.in_category(category):
                console.print(_summaries(category, methods, names))
    elif asked.name is not None:
        _print_dataset(console, asked.name, roots)
    elif kind == "datasets":
        _print_datasets(console, _chosen(asked, roots), roots)
    else:
        console.print(_summaries("networks", networks))
        console.print(_summaries("families, as FAMILY/MODEL", families))


def _check(asked: Listing, kind: str | None) -> None:
    if kind is not None and kind not in LISTED:
        raise UnknownName("kind", kind, LISTED)
    if asked.name is not None and kind != "datasets":
        raise UserError(f"list {kind} takes no name. Run: cmkd-bench show {asked.name}")
    if kind != "datasets" and asked.of_datasets:
        option = next(iter(asked.of_datasets))
        raise UserError(f"list {kind} has no {option}, which selects datasets. Run: cmkd-bench list datasets --help")
    for option, value, known in (("kind of dataset", asked.origin, facts.ORIGINS), ("task", asked.task, TASKS)):
        if value is not None and value not in known:
            raise UnknownName(option, value, known)


def _as_values(asked: Listing, kind: str | None, roots: Roots) -> Any:
    if asked.name is not None:
        datasets.require(asked.name)
        return facts.facts_of(asked.name, roots)
    found: dict[str, Any] = {}
    if kind in (None, "methods"):
        found["methods"] = facts.methods_listed()
    if kind in (None, "datasets"):
        found["datasets"] = list(_chosen(asked, roots))
    if kind == "networks":
        found |= {"networks": facts.summaries(networks), "families": facts.summaries(families)}
    return found


def _chosen(asked: Listing, roots: Roots) -> Iterable[facts.Facts]:
    """Return the datasets of a kind and with a task; one that cannot be imported is of every kind."""
    for one in facts.datasets_listed(roots):
        if "error" in one or (asked.origin in (None, one["kind"]) and asked.task in (None, *one["tasks"])):
            yield one


def print_one(name: str, plugin: Sequence[Path] | None, form: str = "rich") -> None:
    """Print all about one method, variant of a method, dataset or network, or the configuration.

    Raises:
        UnknownName: if there is nothing of that name.
        GridError: if a variant has values that its method does not allow.
    """
    from cmkd_bench.planning.rows import problems_of_values  # `list` does not need it

    load_plugins(plugin)
    console, roots, row = Terminal(), Roots.read(), _row(name)
    family = name.partition("/")[0]
    known = [*methods.names(), *datasets.names(), *networks.names(), *families.names(), "config"]
    if name not in known and family not in families.names() and row.method not in methods.names():
        raise UnknownName("method, dataset or network", row.method, known)
    if row.method in methods.names() and (problems := problems_of_values(row.method, row.given)):
        raise GridError(problems)
    if name == "config":
        _print_configuration(console, form)
    elif form == "json":
        print_json(facts.facts_of(row.method, roots) | ({"variant": dict(row.given)} if row.given else {}))
    elif row.method in methods.names():
        _print_method(console, row)
    elif name in datasets.names():
        _print_dataset(console, name, roots)
        _print_parameters(console, f"dataset.{name}", datasets.get(name).Options)
    elif name in networks.names():
        networks.require(name)
        console.print(Text(f"{name}: {networks.summary(name)}", style="bold"))
    else:
        families.require(family)
        console.print(Text(f"{family}/<model>: {families.summary(family)}", style="bold"))


def _print_configuration(console: Console, form: str) -> None:
    from cmkd_bench.config.compose import as_yaml

    if form == "json":
        import yaml

        print_json(yaml.safe_load(as_yaml()))
    else:
        console.print(as_yaml(), markup=False, highlight=False)


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
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name in registry.names() if names is None else names:
        table.add_row(Text(name), Text(registry.summary(name)))
    return table


def _print_datasets(console: Console, found: Iterable[facts.Facts], roots: Roots) -> None:
    """Print one line per dataset: first those that need no download, then the others with their state on disk."""
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    every = list(found)
    rows: dict[str, dict[str, list[str]]] = {origin: {} for origin in facts.ORIGINS}
    for one in every:
        if "error" not in one:
            rows[one["kind"]][one["name"]] = [one["state"], str(one["classes"] or "-"), ", ".join(one["modalities"])]
    where = f"in {roots.data}" if roots.data else f"{DATA_ROOT} is not set"
    titles = ("need no download", f"are to be downloaded ({where})")
    for title, here in zip(titles, rows.values(), strict=True):
        if here:
            console.print(Text(f"{len(here)} {title}", style="bold"), soft_wrap=True)
            console.print(_one_line_each(here))
    for one in every:
        if "error" in one:
            console.print(Text(one["error"], style="yellow"))
    if not any(rows.values()):
        console.print("No dataset is of this kind and has this task.", markup=False)
    console.print("Details of one: cmkd-bench list datasets NAME", style="dim", markup=False)


def _one_line_each(rows: Mapping[str, Sequence[str]]) -> Table:
    """Return a table of names and cells, without columns that are empty everywhere."""
    table = Table(box=None, header_style="dim")
    used = [number for number in range(len(LISTING)) if any(cells[number] for cells in rows.values())]
    lines = [("name", *(LISTING[number] for number in used))]
    lines += [(name, *(cells[number] for number in used)) for name, cells in rows.items()]
    for heading, *cells in zip(*lines, strict=True):
        is_last = heading == LISTING[-1]  # only this one may wrap
        width = 0 if is_last else max(map(len, (heading, *cells)))
        table.add_column(heading, no_wrap=not is_last, overflow="fold", min_width=width)
    for line in lines[1:]:
        table.add_row(*map(Text, line))
    return table


def _print_dataset(console: Console, name: str, roots: Roots) -> None:
    cls = datasets.get(name)
    console.print(Text(f"{name}: {datasets.summary(name)}", style="bold"))
    rows = {
        "task": f"{cls.task} ({len(cls.classes)} classes)" if cls.classes else cls.task,
        "modalities": ", ".join(f"{modality.name} ({modality.kind})" for modality in cls.modalities),
        "default pairs": ", ".join(":".join(pair) for pair in cls.default_pairs),
        "folds": str(cls.folds),
    }
    rows |= facts.media_of(cls, roots)
    for source in cls.sources:
        rows |= {"file": source.file, "from": source.origin, "license": source.license, "cite": source.citation}
        _print_rows(console, rows)
        rows = {}


def _print_rows(console: Console, rows: dict[str, str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=True)
    table.add_column(style="dim", min_width=13)
    table.add_column(overflow="fold")
    for label, value in rows.items():
        table.add_row(Text(label), Text(value))
    console.print(table)


def _row(text: str) -> Variant:
    """Return the variant that a text describes; a text that describes none is the name of something."""
    try:
        return parse_variant(text)
    except Malformed:
        return Variant(text)


def _print_method(console: Console, row: Variant) -> None:
    from cmkd_bench.planning.rows import resolve_preset

    name, cls = row.method, methods.declared(row.method)
    console.print(Text(f"{row.row}: {methods.summary(name)}", style="bold"))
    if cls.paper is not None:
        paper = cls.paper
        console.print(Text(f"{paper.authors}. {paper.title}. {paper.venue}. {paper.url}".strip()))
    _print_rows(console, facts.traits_of(name))
    for deviation in cls.deviations:
        console.print(Text(f"deviation from the paper: {deviation}"))
    _print_parameters(console, f"method.{name}", cls.HyperParameters, resolve_preset(cls, row.given))


def _print_parameters(
    console: Console, prefix: str, parameters: type, given: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Print parameters with their defaults, and beside these the values of a variant."""
    described = describe(parameters)
    if not described:
        console.print(Text(f"{prefix} has no parameters."))
        return
    header = ["name", *["variant"] * bool(given), "default", "meaning", "source of the default"]
    searched = any(one.search is not None for one in described)
    rows = []
    for one in described:
        choices = f" ({', '.join(map(str, one.choices))})" if one.choices else ""
        own = [str(given.get(one.name, ""))] if given else []
        cells = [one.name, *own, f"{one.default}", one.meaning + choices, one.source]
        rows.append([Text(cell) for cell in ([*cells, f"{one.search or ''}"] if searched else cells)])
    header += ["search space of --trials"] if searched else []
    console.print(FittedTable(f"set by {prefix}.NAME=VALUE", header, rows, texts=len(header), style=""))
