"""What the documents promise: the README's method runs as it stands there, and every relative link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import Command

from cmkd_bench.registry import load_plugin
from cmkd_bench.testing import MethodConformance

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
(METHOD,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "@register_method" in block]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("plugin") / "similarity.py"
    file.write_text(METHOD)
    return file


def test_the_readme_method_is_about_thirty_lines() -> None:
    assert len(METHOD.splitlines()) <= 32


def test_the_readme_method_runs_by_the_readme_command_and_is_in_the_leaderboard(
    cmkd: Command, plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = re.findall(r"^    cmkd-bench (run --plugin .*)$", README, re.MULTILINE)
    quick = ["train.epochs=1", "--seeds", "1", "--pairs", "pixels:fourier"]
    monkeypatch.chdir(plugin.parent)
    done = cmkd(*line.split(), *quick)
    assert done.returncode == 0, done.stderr
    assert re.search(r"│ similarity +│ +\d+\.\d+", done.stdout), done.stdout


@pytest.fixture(autouse=True, scope="module")
def _load(plugin: Path) -> None:
    load_plugin(plugin)


class TestReadmeMethod(MethodConformance):
    method = "similarity"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "datasets/embedded/README.md"])
def test_relative_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{document} links to {target}"


def test_every_command_of_the_readme_is_a_command_with_these_options(cmkd: Command) -> None:
    lines = [line for line in README.splitlines() if line.startswith("    ")]
    commands = [found for line in lines for found in re.findall(r"cmkd-bench ([a-z]+)([^&#]*)", line)]
    assert {"run", "leaderboard", "plot", "report", "list", "show", "status"} <= {name for name, _ in commands}
    for name, rest in commands:
        shown = cmkd(name, "--help").stdout
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in shown
