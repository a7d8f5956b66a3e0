"""How known implementations of a method differ from its paper, as read from docs/methods/implementations/NAME.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

FOLDER = Path(__file__).parent / "implementations"  # a link, so that a wheel has the files too


@dataclass(frozen=True)
class Implementation:
    """One difference between a published implementation and the paper, or this implementation."""

    repository: str  # `OWNER/NAME` on GitHub
    commit: str  # the commit or the release that was read
    place: str  # file, and line where it is known
    does: str  # what that code does
    here: str  # what this implementation does
    paper: str = ""  # what the paper asks for, where that differs
    checked_by_numbers: bool = False  # whether the difference was computed, and not only read


def implementations_of(name: str) -> list[Implementation]:
    """Return what is known about other implementations of a method; an empty list where there is no file."""
    file = FOLDER / f"{name}.yaml"
    if not file.exists():
        return []
    entries: Any = OmegaConf.to_container(OmegaConf.load(file))
    return [Implementation(**one) for one in entries]
