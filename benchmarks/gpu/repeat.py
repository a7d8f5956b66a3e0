"""Run the same specs twice in one process and compare the bits, with and without torch's deterministic algorithms."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file

from benchmarks.gpu._grids import miniature, planned
from benchmarks.gpu._part import Part, run_part
from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.testing._tiny_run import StopAfter
from cmkd_bench.training.device import DETERMINISTIC
from cmkd_bench.training.execution import execute

FIRST = "vectors (mlp)"
GRIDS = {
    FIRST: {"datasets": ["mfeat"], "pairs": ["pixels:fourier"]},
    "signals (cnn1d)": {"datasets": ["watch"], "pairs": ["accelerometer:gyroscope"]},
    "images and texts": {"datasets": ["openmoji"], "pairs": ["text:image", "image:text"]},
}
MEDIA = {"datasets": ["ave"], "methods": ["kd", "c2kd", "crd", "fitnet"]}


def main(part: Part) -> None:
    """Vectors, then ResNet-18 on sound and video in float32 and in bfloat16, then the other small networks."""
    if part.what == "deterministic":
        os.environ.update(DETERMINISTIC)
    grids = {FIRST: {**GRIDS[FIRST], "methods": ["kd", "crd"]}} if part.is_small else GRIDS
    for name, grid in grids.items():
        with part.attempt(name):
            _twice(part, name, {**grid, "overrides": ["train.epochs=2"]})
        if name == FIRST:
            with part.attempt("sound and video"):
                _media(part)


def _media(part: Part) -> None:
    protocol = "protocol=smoke" if part.is_small else "protocol=fair"
    places = miniature(part, "ave", 24, [protocol])
    if places is None:
        return
    os.environ.update(places)
    settings = [protocol, "train.epochs=2", "train.batch_size=8", *(["model=tiny"] if part.is_small else [])]
    for precision in ("float32",) if part.is_small else ("float32", "bfloat16"):
        if part.left > 10:
            grid = {**MEDIA, "overrides": [*settings, f"train.precision={precision}"]}
            _twice(part, f"sound and video, {precision}", grid)


def _twice(part: Part, name: str, grid: dict[str, list[str]]) -> None:
    settings = [*grid["overrides"], f"train.deterministic={str(part.what == 'deterministic').lower()}"]
    asked = {**grid, "overrides": settings, "device": part.device}
    experiments: list[Experiment] = []
    runs: dict[str, str] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for turn in ("one", "two"):
            # Folders of their own: within one, a run that is done would be copied.
            experiment, runs = planned(part.folder / name.replace(" ", "-") / turn, turn, **asked)
            for run_id in runs:
                execute(experiment, run_id, torch.device(part.device), StopAfter(), Roots.read())
            experiments.append(experiment)
    for run_id, method in runs.items():
        folders = [experiment.run(run_id) for experiment in experiments]
        if failed := [folder for folder in folders if folder.error.exists()]:
            said = read_json(failed[0].error)
            part.fail(f"{method}, {name}", f"{said['cause']}: {said['message']}"[:300], "".join(said["traceback"]))
            continue
        part.row("the same spec twice", data=name, method=method, run=run_id, **_compared(*folders))
    said = {str(one.message).splitlines()[0][:300] for one in caught if "determin" in str(one.message)}
    for text in sorted(said):
        part.row("what torch says of determinism", data=name, text=text)


def _compared(one: RunFolder, other: RunFolder) -> dict[str, object]:
    weights, logits = (_differences(getattr(one, kind), getattr(other, kind)) for kind in ("weights", "predictions"))
    history = one.history.read_bytes() == other.history.read_bytes()
    return {"same_bits": weights == logits == 0 and history, "history": history, "weights": weights, "logits": logits}


def _differences(one: Path, other: Path) -> float:
    """The largest difference between two files of tensors; 0 where all bits are the same."""
    here, there = load_file(one), load_file(other)
    if all(torch.equal(here[name], there[name]) for name in here):
        return 0.0
    return max(float((here[name].double() - there[name].double()).abs().max()) for name in here if here[name].numel())


if __name__ == "__main__":
    run_part(main)
