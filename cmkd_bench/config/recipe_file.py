"""Find the recipe of a dataset, which changes a protocol for it: one of the suite, or one beside the dataset's file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from cmkd_bench.config.settings_files import FOLDER, SECTIONS
from cmkd_bench.errors import hint
from cmkd_bench.registry import BUILT_IN, datasets

HEADER = "# @package _global_"  # tells Hydra that the names in the file are those of config.yaml
_OF_A_DATASET = tuple(name for name in SECTIONS if name not in ("data", "launcher"))
_KEYS = ("labels", "pairs", "options", *_OF_A_DATASET)


@dataclass(frozen=True)
class RecipeFile:
    """A file `dataset/PROTOCOL/NAME.yaml` in a folder of configurations."""

    folder: Path  # what contains `dataset/`
    protocol: str
    name: str  # without its suffix
    version: int = 0  # when it was last changed, so that an edited file is not taken from a cache

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "dataset" / self.protocol / f"{self.name}.yaml"

    @property
    def is_ours(self) -> bool:
        """Whether it is a file of the suite."""
        return self.folder == FOLDER

    @property
    def overrides(self) -> list[str]:
        """Hydra's overrides that compose it after the protocol."""
        chosen = f"+dataset/{self.protocol}={self.name}"
        if self.is_ours:
            return [chosen]
        quoted = str(self.folder.resolve()).replace("\\", r"\\").replace("'", r"\'")
        return [f"hydra.searchpath=['file://{quoted}']", chosen]

    def problems(self) -> list[str]:
        """Return why the file cannot be used, or which part of it would be ignored."""
        try:
            text = self.path.read_text(encoding="utf-8")
            content = yaml.safe_load(text) or {}
        except (ValueError, yaml.YAMLError) as error:
            reason = " ".join(str(error).replace('in "<unicode string>", ', "").split())
            return [f"{self.path}: not readable as YAML: {reason}"]
        if not isinstance(content, dict):
            return [f"{self.path}: expected `NAME: VALUE` lines, with some of {', '.join(_KEYS)}."]
        if HEADER not in text.splitlines():
            return [f"{self.path}: the line `{HEADER}` is missing. Put it first; without it, the file has no effect."]
        return [problem for key, value in content.items() if (problem := self._problem_of(str(key), value))]

    def as_a_place(self) -> str:
        """Return where a value comes from that no command names."""
        return f"What is not set by the command is set in {self.path} or by the protocol."

    def _problem_of(self, key: str, value: object) -> str:
        if key != "defaults" and key not in _KEYS:
            return f"{self.path}: unknown key '{key}'.{hint(key, _KEYS)} Available: defaults, {', '.join(_KEYS)}."
        if key in (*_OF_A_DATASET, "options") and not isinstance(value, dict):
            return f"{self.path}: {key}: expected a section with `NAME: VALUE` lines, got {value!r}."
        return ""


def recipe_file(dataset: str, protocol: str, options: Iterable[object] = ()) -> RecipeFile | None:
    """Return the recipe of a dataset under a protocol, or None if it has none.

    Args:
        dataset: name in the registry.
        protocol: name of the protocol.
        options: values of the dataset's options; NAME-VALUE.yaml is preferred to NAME.yaml.
    """
    folder = _folder(dataset)
    for name in (*(f"{dataset}-{value}" for value in options), dataset):
        found = RecipeFile(folder, protocol, name)
        if found.path.is_file():
            return RecipeFile(folder, protocol, name, found.path.stat().st_mtime_ns)
    return None


def _folder(dataset: str) -> Path:
    """Return the folder of configurations that belongs to a dataset: ours, or that beside a third party's file."""
    location = datasets.location(dataset)
    if location.origin == BUILT_IN or location.file is None:
        return FOLDER
    return location.file.parent / FOLDER.name
