"""The pages that hold methods to their papers: current, made of what is declared, and no error where nothing is."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cmkd_bench.config.overrides import split_at_commas
from cmkd_bench.errors import UserError
from cmkd_bench.method_pages.__main__ import ROOT, contents
from cmkd_bench.method_pages.ablation import FOLDER as ABLATIONS
from cmkd_bench.method_pages.ablation import ablation_of
from cmkd_bench.method_pages.implementation import FOLDER, implementations_of
from cmkd_bench.method_pages.oracles import SHIPPED, Oracle, collect, shipped
from cmkd_bench.method_pages.render import as_markdown, used_losses
from cmkd_bench.planning.rows import requested
from cmkd_bench.registry import load_plugin, methods

BUILT_IN = sorted(path.stem for path in (ROOT / "methods").glob("*.py"))
COMPARED = sorted(path.stem for path in FOLDER.iterdir())
TESTS = """
import pytest

@pytest.mark.oracle("kd", "by hand")
@pytest.mark.parametrize("x", [1])
@pytest.mark.oracle("kd_loss", "SciPy")
def test_both(x): ...

def test_none(): ...
"""


def section(page: str, title: str) -> str:
    """What stands below a heading."""
    (found,) = re.findall(rf"^## {title}\n\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return str(found)


def written(folder: Path, text: str) -> Path:
    """A repository with one test file."""
    (folder / "tests" / "deep").mkdir(parents=True)
    (folder / "tests" / "deep" / "test_made.py").write_text(text)
    return folder


def test_what_is_committed_is_what_the_command_writes() -> None:
    wanted = contents()
    for path, text in wanted.items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is out of date: python -m cmkd_bench.method_pages"
    assert set((ROOT / "docs" / "methods").glob("*.md")) == {path for path in wanted if path.suffix == ".md"}
    assert len(wanted) == len(BUILT_IN) + 2


def test_marks_are_read_from_the_tests_without_importing_them(tmp_path: Path) -> None:
    root = written(tmp_path, "raise SystemExit\n" + TESTS)
    test = "tests/deep/test_made.py::test_both"
    assert collect(root) == [Oracle("kd", "by hand", test), Oracle("kd_loss", "SciPy", test)]


@pytest.mark.parametrize(
    "mark", ['("kd")', '("kd", "")', '("kd", 3)', '("kd", "text", also="this")', '("kd", "a", "b")']
)
def test_a_mark_that_is_not_two_strings_is_refused_with_its_place(tmp_path: Path, mark: str) -> None:
    root = written(tmp_path, f"import pytest\n@pytest.mark.oracle{mark}\ndef test_it(): ...\n")
    with pytest.raises(UserError, match=r"test_made\.py:2: .*a subject and a statement"):
        collect(root)


def test_an_oracle_of_nothing_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    root = written(tmp_path, 'import pytest\n@pytest.mark.oracle("kd_lss", "x")\ndef test_it(): ...\n')
    with pytest.raises(UserError, match=r"test_made\.py::test_it.*'kd_lss'.*Did you mean 'kd_loss'"):
        contents(root)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_method_has_an_oracle_and_says_where_each_default_comes_from(name: str) -> None:
    page = as_markdown(name, shipped())
    assert "::" not in page
    assert section(page, "Independent oracles").startswith("- `")
    assert "not stated" not in section(page, "Parameters")


def test_a_method_has_the_losses_that_its_file_imports_those_they_name_and_those_it_builds_on() -> None:
    assert used_losses(methods.get("dkd")) == [
        "dkd_loss",
        "standardize_logits",
        "tckd_nckd",  # named by the first one's docstring
    ]
    assert used_losses(methods.get("fitnet")) == ["hint_loss", "kd_loss"]
    assert used_losses(methods.get("kd_shuffled")) == ["kd_loss", "standardize_logits"]
    assert used_losses(methods.get("none")) == []


def test_a_control_has_the_oracles_of_the_method_it_builds_on() -> None:
    oracles = [
        Oracle("kd", "of KD", "tests/test_a.py::test_x"),
        Oracle("kd_shuffled", "its own", "tests/test_a.py::test_y"),
    ]
    held = {name: section(as_markdown(name, oracles), "Independent oracles") for name in ("kd", "kd_shuffled", "dkd")}
    assert [("of KD" in text, "its own" in text) for text in held.values()] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    assert held["dkd"].startswith("None declared.")


def test_no_line_of_an_equation_begins_a_list_and_no_sign_is_lost() -> None:
    page = as_markdown("c2kd", [])
    equation = section(page, "Method").splitlines()[0]
    assert equation.startswith("L = H(y, z_S)")
    assert equation.endswith("+ l3 mean_b k_b [N(p_T, p_S) + N(p_S, p_T)].")
    rows = section(page, "Parameters").splitlines()
    (threshold,) = [row for row in rows if "krc_threshold" in row]
    assert threshold.split(" | ")[1:] == [
        "0",
        "omega: samples above are kept",
        "released code",
        "-0.3 to 0.3 |",
    ]


def test_a_plugin_that_declares_nothing_has_a_shorter_page(tmp_path: Path) -> None:
    file = tmp_path / "bare.py"
    file.write_text(
        '"""Bare: a * b < c."""\n'
        "from cmkd_bench import Method, register_method\n\n\n"
        '@register_method("bare_page")\n'
        "class Bare(Method):\n"
        "    def forward(self, student, teacher, batch):\n"
        '        return {"zero": 0 * student.logits.sum()}\n'
    )
    load_plugin(file)
    page = as_markdown("bare_page", shipped())
    assert r"Bare: a \* b \< c." in page
    for title, text in (
        ("Parameters", "None."),
        ("Deviations from the paper", "None declared."),
        ("Known implementations", "None compared."),
    ):
        assert section(page, title).strip() == text


@pytest.mark.parametrize("name", COMPARED)
def test_implementations_name_repository_and_commit_and_are_sentences(name: str) -> None:
    known = implementations_of(name)
    assert known
    for one in known:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", one.repository)
        assert re.fullmatch(r"[0-9a-f]{7}|\d+(\.\d+)+", one.commit)  # or a release
        assert one.place
        assert all(text.endswith(".") for text in (one.does, one.here, one.paper or "."))


def test_implementations_belong_to_methods_and_are_packaged_by_a_link() -> None:
    assert COMPARED
    assert set(COMPARED) <= set(BUILT_IN)
    assert FOLDER.is_symlink()
    assert FOLDER.resolve() == ROOT / "docs" / "methods" / "implementations"
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["cmkd_bench.method_pages"]
    packaged = {path for pattern in patterns for path in FOLDER.parent.glob(pattern)}
    assert packaged == {SHIPPED, *(FOLDER / f"{name}.yaml" for name in COMPARED), *ABLATIONS.glob("*.md")}


def test_ablations_belong_to_methods_and_their_commands_plan_their_rows() -> None:
    files = sorted(ABLATIONS.glob("*.md"))
    assert ABLATIONS.is_symlink()
    assert files
    for file in files:
        assert file.stem in BUILT_IN
        text = ablation_of(file.stem)
        assert text in as_markdown(file.stem, [])
        (command,) = re.findall(r"^    cmkd-bench run ((?:.*\\\n)*.*)$", text, re.MULTILINE)
        words = shlex.split(command.replace("\\\n", ""))
        rows, problems = requested(split_at_commas(words[words.index("--methods") + 1]), {}, "none")
        assert problems == []
        shown = re.findall(r"^\| ([^|]*?) \|", text, re.MULTILINE)
        assert {row.row for row in rows} <= set(shown)


def test_a_page_shows_the_implementations_of_the_nearest_method_that_has_some() -> None:
    known = {name: section(as_markdown(name, []), "Known implementations") for name in ("kd", "kd_random", "none")}
    assert known["kd"].count("Here: ") == len(implementations_of("kd"))
    assert known["kd_random"] == known["kd"]
    assert known["none"].strip() == "None compared."


def test_show_prints_the_page_as_it_is_committed() -> None:
    command = [sys.executable, "-m", "cmkd_bench", "show", "crd", "--fidelity"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    page, gains, _ = (ROOT / "docs" / "methods" / "crd.md").read_text(encoding="utf-8").partition("\n## Measured\n")
    assert shown == page
    assert gains, "a wheel has no results, so the command prints the rest"


def test_what_is_no_method_is_refused() -> None:
    with pytest.raises(UserError, match="'mfeat' is a dataset"):
        as_markdown("mfeat", [])
    with pytest.raises(UserError, match="Did you mean 'c2kd'"):
        as_markdown("c2dk", [])
