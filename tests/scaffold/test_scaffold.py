"""`cmkd-bench new`: names that are refused, files that need no change to pass the conformance tests."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest
import yaml
from command_line import Command

from cmkd_bench.config.recipe_file import HEADER
from cmkd_bench.errors import UserError
from cmkd_bench.registry import load_plugin
from cmkd_bench.scaffold.package import FILES, TEMPLATES, write_package
from cmkd_bench.testing import DatasetConformance, MethodConformance


@pytest.fixture(autouse=True, scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A package of each kind, whose file is loaded as a plug-in."""
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in FILES}
    for kind, folder in folders.items():
        write_package(kind, f"made_{kind}", folder)
        load_plugin(folder / "src" / f"cmkd_made_{kind}" / f"made_{kind}.py")
    return folders


class TestMadeMethod(MethodConformance):
    method = "made_method"


class TestMadeDataset(DatasetConformance):
    dataset = "made_dataset"


@pytest.mark.parametrize("kind", FILES)
def test_the_entry_point_leads_to_the_file(written: dict[str, Path], kind: str) -> None:
    project = tomllib.loads((written[kind] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"] == {
        f"cmkd_bench.{kind}s": {f"made_{kind}": f"cmkd_made_{kind}.made_{kind}"}
    }
    for file in written[kind].rglob("*.py"):
        assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


def test_the_recipe_is_packaged(written: dict[str, Path]) -> None:
    package = written["dataset"] / "src" / "cmkd_made_dataset"
    project = tomllib.loads((written["dataset"] / "pyproject.toml").read_text(encoding="utf-8"))
    (patterns,) = project["tool"]["setuptools"]["package-data"].values()
    (recipe,) = {path for pattern in patterns for path in package.glob(pattern)}
    assert recipe == package / "configs" / "dataset" / "fair" / "made_dataset.yaml"
    assert HEADER in recipe.read_text(encoding="utf-8")
    assert yaml.safe_load(recipe.read_text(encoding="utf-8"))["labels"] == 0.1


def test_every_template_is_used_and_packaged() -> None:
    used = {f"{template}.j2" for templates in FILES.values() for template in templates.values()}
    assert used == {path.name for path in TEMPLATES.iterdir()}


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("c2kd", ["c2kd", "cmkd_bench.methods.c2kd", "cmkd-bench list methods"]),
        ("watch", ["dataset", "cmkd_bench.datasets.watch", "cmkd-bench list datasets"]),
        ("mlp", ["network", "cmkd-bench list networks"]),
        ("timm", ["network family", "cmkd-bench list networks"]),
        ("My-Method", ["Did you mean 'my_method'?"]),
        ("lambda", ["Did you mean 'lambda_method'?"]),
        ("3d", ["Did you mean 'method_3d'?"]),
        ("../x", ["Did you mean 'x'?"]),
        ("ä" * 3, ["lower-case letter"]),
        ("", ["lower-case letter"]),
        ("m" * 61, ["59"]),
        ("all", ["another meaning"]),
        ("logits", ["another meaning"]),
        ("bench", ["cmkd_bench", "already installed"]),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str, named: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        write_package("method", name, tmp_path / "new")
    for part in named:
        assert part in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_the_command_says_what_it_wrote_and_overwrites_nothing(cmkd: Command, tmp_path: Path) -> None:
    done = cmkd("new", "method", "fresh_one")
    assert done.returncode == 0, done.stderr
    listed = {line for line in done.stdout.splitlines() if not line.startswith("Next: ")}
    assert {str(path.relative_to(tmp_path)) for path in (tmp_path / "cmkd-fresh-one").rglob("*.*")} == listed
    again = cmkd("new", "method", "fresh_one")
    assert again.returncode == 2
    assert "cmkd-fresh-one" in again.stderr
    assert "--out" in again.stderr
    unknown = cmkd("new", "methd", "fresh_two")
    assert unknown.returncode == 2
    assert "Did you mean 'method'" in unknown.stderr
