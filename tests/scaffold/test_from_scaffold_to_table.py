"""A written package, installed into a folder of its own: found by its entry point, conformant, and in a table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a method and a dataset, installed into `lib`, where nothing else is."""
    folder = tmp_path_factory.mktemp("home")
    for kind, name in (("method", "its_method"), ("dataset", "its_data")):
        python(folder, "-m", "cmkd_bench", "new", kind, name)
    install = ("install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", "lib")
    python(folder, "-m", "pip", *install, "./cmkd-its-method", "./cmkd-its-data")
    return folder


def python(folder: Path, *arguments: str) -> str:
    """Run Python where the installed packages are found, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder / "lib")]), "COLUMNS": "160"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_they_are_listed_with_the_package_they_come_from(home: Path) -> None:
    listed = python(home, "-m", "cmkd_bench", "list")
    assert "its_method" in listed
    assert "its_data" in listed


@pytest.mark.slow
def test_their_own_tests_pass(home: Path) -> None:
    for package in ("cmkd-its-method", "cmkd-its-data"):
        assert " passed" in python(home, "-m", "pytest", "-q", "-p", "no:cacheprovider", package)


@pytest.mark.slow
def test_the_method_is_in_the_table_of_the_dataset_under_its_recipe(home: Path) -> None:
    asked = ("--methods", "its_method,kd", "--datasets", "its_data", "--seeds", "1")
    printed = python(home, "-m", "cmkd_bench", "run", *asked, "--experiment", "made")
    assert "its_method" in printed
    rows = (home / "results" / "made" / "leaderboard.md").read_text(encoding="utf-8")
    assert "clear → noisy" in rows
    assert "noisy → clear" not in rows  # the recipe names one direction
    code = "import cmkd_bench as c; r = c.load_results('made'); print(*{*map(str, r.labels), *r.status})"
    assert set(python(home, "-c", code).split()) == {"0.1", "done"}
