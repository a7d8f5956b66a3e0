"""What docs/ promises: commands with options that exist, links that lead somewhere, settings that are settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from command_line import Command

from cmkd_bench.cli.app import app
from cmkd_bench.report.results import COLUMNS
from cmkd_bench.report.tidy import _OF_A_RUN, FIRST

DOCS = Path(__file__).parent.parent / "docs"
CLUSTER = (DOCS / "cluster.md").read_text(encoding="utf-8")
WRITTEN = sorted([*DOCS.glob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"])
LAUNCHER = yaml.safe_load((DOCS.parent / "configs" / "launcher" / "slurm.yaml").read_text())["launcher"]


def test_commands_and_their_options_exist(cmkd: Command) -> None:
    used: dict[str, set[str]] = {}
    for name, rest in re.findall(r"(?:^    |`|; )cmkd-bench ([a-z]+)([^#`\n]*)", CLUSTER, re.MULTILINE):
        used.setdefault(name, set()).update(re.findall(r"--[a-z-]+", rest))
    wanted = {"doctor", "run", "status", "watch", "collect", "cancel", "retry", "fixture", "prepare"}
    assert wanted <= set(used), "the page tells of all of them"
    for name, options in used.items():
        assert options <= set(re.findall(r"--[a-z-]+", cmkd(name, "--help").stdout)), name


@pytest.mark.parametrize("document", WRITTEN, ids=lambda path: path.name)
def test_commands_of_every_page_exist_with_their_options(document: Path) -> None:
    group: Any = typer.main.get_command(app)
    options = {
        name: {word for one in command.params for word in (*one.opts, *one.secondary_opts)} | {"--help"}
        for name, command in group.commands.items()
    }
    text = document.read_text(encoding="utf-8")
    for name, rest in re.findall(r"(?:^    |`|; |&& )cmkd-bench ([a-z]+)([^#`\n&;]*)", text, re.MULTILINE):
        assert name in options, f"{document.name}: there is no command '{name}'"
        assert set(re.findall(r"(?<![\w-])--[a-z-]+", rest)) <= options[name], f"{document.name}: {name}{rest}"


def test_the_table_of_results_has_the_columns_of_the_file() -> None:
    table = (DOCS / "results.md").read_text(encoding="utf-8").partition("| column |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == {*FIRST, *COLUMNS} - set(_OF_A_RUN)


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    text = (DOCS / "site" / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r": ([\w/-]+\.md)$", text.partition("\nnav:\n")[2], re.MULTILINE))
    assert listed >= {path.name for path in DOCS.glob("*.md")}
    assert {"commands/README.md", "methods/README.md"} <= listed


def test_settings_of_the_launcher_exist() -> None:
    table = CLUSTER.partition("| setting |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    named |= set(re.findall(r"launcher\.(\w+)", CLUSTER))
    assert len(named) > 10
    assert named <= set(LAUNCHER)


@pytest.mark.parametrize("document", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), f"{document} links to {target}"
