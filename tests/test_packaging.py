"""The layout: our folders named like other packages get in nobody's way."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from cmkd_bench.experiment.code_versions import TABLE

ROOT = Path(__file__).parent.parent


def python(code: str, **environment: str) -> str:
    """What a Python started in the repository's root prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_an_installed_package_called_datasets_wins_over_our_folder(tmp_path: Path) -> None:
    installed = tmp_path / "datasets"
    installed.mkdir()
    (installed / "__init__.py").write_text("WHOSE = 'theirs'\n")
    code = f"import sys; sys.path.append({str(tmp_path)!r}); import datasets; print(datasets.WHOSE)"
    assert python(code) == "theirs"


def test_transformers_works_from_the_root_as_elsewhere() -> None:
    code = "from transformers import BertConfig, BertModel; print(BertModel(BertConfig()).config.hidden_size)"
    assert python(code) == "768"


def test_every_folder_with_code_is_packaged() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packaged = set(settings["tool"]["setuptools"]["packages"])
    folders = {path.parent for path in (ROOT / "cmkd_bench").rglob("*.py")}
    linked = {ROOT / "cmkd_bench" / name for name in ("methods", "datasets", "configs")}
    assert packaged == {".".join(folder.relative_to(ROOT).parts) for folder in folders | linked}


def test_the_versions_of_built_in_files_are_packaged() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["setuptools"]["package-data"]["cmkd_bench.experiment"] == [TABLE.name]
    assert TABLE.parent == ROOT / "cmkd_bench" / "experiment"


def test_the_three_folders_of_the_top_level_are_the_packages() -> None:
    for name in ("methods", "datasets", "configs"):
        link = ROOT / "cmkd_bench" / name
        assert link.is_symlink()
        assert link.resolve() == ROOT / name
        assert os.path.relpath(link.resolve(), link.parent) == f"../{name}" == str(link.readlink())


def test_the_published_numbers_are_packaged_by_a_link() -> None:
    link = ROOT / "cmkd_bench" / "report" / "published.csv"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "results" / "published.csv"
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    data = settings["tool"]["setuptools"]["package-data"]
    packages = {name: link.parents[1].joinpath(*name.split(".")[1:]) for name in data if "report" in name}
    packaged = {path for name, folder in packages.items() for pattern in data[name] for path in folder.glob(pattern)}
    assert packaged == {
        path for path in link.parent.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    }
