"""Write the files of a package for a new method or dataset from templates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.experiment.files import write_text
from cmkd_bench.scaffold.plugin_name import check_name, package_of

TEMPLATES = Path(__file__).parent / "templates"
_COMMON = {"pyproject.toml": "pyproject.toml", "src/{package}/__init__.py": "__init__.py"}
# by kind: the template of each file; {package} and {name} are replaced
FILES: Mapping[str, Mapping[str, str]] = {
    "method": {
        **_COMMON,
        "README.md": "method_readme.md",
        "src/{package}/{name}.py": "method.py",
        "tests/test_{name}.py": "method_test.py",
    },
    "dataset": {
        **_COMMON,
        "README.md": "dataset_readme.md",
        "src/{package}/{name}.py": "dataset.py",
        "src/{package}/configs/dataset/fair/{name}.yaml": "recipe.yaml",
        "tests/test_{name}.py": "dataset_test.py",
    },
}


def distribution_of(name: str) -> str:
    """Return the name under which the package of a plug-in is installed."""
    return package_of(name).replace("_", "-")


def write_package(kind: str, name: str, folder: Path) -> list[Path]:
    """Write the package of a plug-in, and return its files.

    Args:
        kind: `method` or `dataset`.
        name: name of the method or dataset.
        folder: a new or empty folder.

    Raises:
        UserError: for an unknown kind, a name that is taken or impossible, or a folder that has files.
    """
    if kind not in FILES:
        raise UnknownName("kind of package", kind, FILES, "cmkd-bench new --help")
    check_name(kind, name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty and will not be overwritten. Choose another --out, or remove it.")
    words = {"kind": kind, "name": name, "package": package_of(name), "distribution": distribution_of(name)}
    words |= {"class_name": "".join(word.capitalize() for word in name.split("_"))}
    environment = Environment(  # noqa: S701  # Python, TOML, YAML and Markdown; all words are checked names
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    written = []
    for path, template in FILES[kind].items():
        written.append(folder / path.format(**words))
        written[-1].parent.mkdir(parents=True, exist_ok=True)
        write_text(written[-1], environment.get_template(f"{template}.j2").render(words))
    return written
