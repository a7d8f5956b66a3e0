"""The files in configs/, read without Hydra, which takes longer to import than a mistyped name takes to answer."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / "configs"
GROUPS = ("protocol", "model", "launcher")
DEVICES = ("cpu", "cuda")
AUTO = "auto"  # as a launcher's device: the GPU if there is one and the networks are worth it
SECTIONS = ("train", "supervision", "model", "prepare", "augment", "strong", "data", "launcher")


def grid_defaults() -> Mapping[str, Any]:
    """Return the defaults of a command: the values in config.yaml that are not groups."""
    return {name: value for name, value in _read(FOLDER / "config.yaml").items() if name != "defaults"}


def choices(group: str) -> list[str]:
    """Return the names of the files in a group, sorted."""
    return sorted(path.stem for path in (FOLDER / group).glob("*.yaml"))


def known_settings(chosen: Mapping[str, str]) -> list[str]:
    """Return the settings that can be changed, as SECTION.NAME.

    Args:
        chosen: a file for each group of which another than the default one is used.
    """
    names = _settings(FOLDER / "config.yaml")
    for default in _read(FOLDER / "config.yaml")["defaults"]:
        for group, name in default.items() if isinstance(default, dict) else ():
            names |= _settings(FOLDER / group / f"{chosen.get(group, name)}.yaml")
    return sorted(name for name in names if name.partition(".")[0] in SECTIONS and name != "launcher.kind")


def _settings(file: Path) -> dict[str, None]:
    """Return the settings in a file and in the files that it builds on."""
    content = _read(file)
    names = {
        f"{section}.{name}": None for section, values in content.items() if isinstance(values, dict) for name in values
    }
    for base in content.get("defaults", ()):
        if isinstance(base, str) and base != "_self_":
            names |= _settings(file.with_name(f"{base}.yaml"))
    return names


@functools.cache
def _read(file: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content
