"""What a method's parts contribute, as measured: docs/methods/ablations/NAME.md, with the command that repeats it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "ablations"  # a link, so that a wheel has the files too


def ablation_of(name: str) -> str:
    """Return the ablation of a method as Markdown; empty where there is no file."""
    file = FOLDER / f"{name}.md"
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""
