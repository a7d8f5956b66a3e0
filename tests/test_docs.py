"""What docs/ promises: commands with options that exist, links that lead somewhere, settings that are settings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from command_line import Command

DOCS = Path(__file__).parent.parent / "docs"
CLUSTER = (DOCS / "cluster.md").read_text(encoding="utf-8")
LAUNCHER = yaml.safe_load((DOCS.parent / "configs" / "launcher" / "slurm.yaml").read_text())["launcher"]


def test_commands_and_their_options_exist(cmkd: Command) -> None:
    used: dict[str, set[str]] = {}
    for name, rest in re.findall(r"(?:^    |`|; )cmkd-bench ([a-z]+)([^#`\n]*)", CLUSTER, re.MULTILINE):
        used.setdefault(name, set()).update(re.findall(r"--[a-z-]+", rest))
    wanted = {"doctor", "run", "status", "watch", "collect", "cancel", "retry", "fixture", "prepare"}
    assert wanted <= set(used), "the page tells of all of them"
    for name, options in used.items():
        assert options <= set(re.findall(r"--[a-z-]+", cmkd(name, "--help").stdout)), name


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
