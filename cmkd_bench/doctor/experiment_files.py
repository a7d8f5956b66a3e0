"""Check every file of an experiment: plan, specs, results, weights, predictions, histories, checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from cmkd_bench.doctor import Finding
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.archive import ARCHIVE
from cmkd_bench.experiment.archived_run import archive_of
from cmkd_bench.experiment.damage import Damaged, OtherVersion
from cmkd_bench.experiment.files import ASIDE
from cmkd_bench.experiment.inspection import damage_of
from cmkd_bench.experiment.record import read_plan, read_specs
from cmkd_bench.experiment.store import Experiment, RunFolder


def check_experiment(experiment: Experiment) -> Iterator[Finding]:
    """Yield everything that is damaged in an experiment, then a summary; every file is read."""
    damaged = 0
    for damage in _damage(experiment):
        damaged += 1
        yield _finding(experiment, damage)
    aside = sorted(experiment.path.rglob(f"*{ASIDE}"))
    for path in aside:
        name = str(path.relative_to(experiment.path))
        yield Finding(name, "was set aside earlier", "note", "It is not used; keep or remove it.")
    if not damaged and (archive := archive_of(experiment)) is not None:
        yield Finding(ARCHIVE, f"{len(archive.runs)} exported runs, without weights and logits", "ok")
    folders = _folders(experiment)
    states = [folder.state() for folder in folders]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "none"
    yield Finding("runs", f"{len(folders)} ({counts}); damaged files: {damaged}", "damaged" if damaged else "ok")


def _damage(experiment: Experiment) -> Iterator[Damaged | OtherVersion]:
    try:
        planned = set(read_specs(experiment, read_plan(experiment)))
        yield from experiment.damaged.values()
    except (Damaged, OtherVersion) as damage:
        planned = set()
        yield damage
    for folder in _folders(experiment):
        if folder.path.name not in planned and folder.spec not in experiment.damaged:
            try:  # a run of an earlier command, which no cell refers to any more
                experiment.read_spec(folder.path.name)
            except (Damaged, OtherVersion) as damage:
                yield damage
        yield from damage_of(folder)
        if folder.checkpoint.exists():
            yield from _damage_of_checkpoint(folder)


def _damage_of_checkpoint(folder: RunFolder) -> Iterator[Damaged]:
    import torch

    from cmkd_bench.training.checkpoint import load_checkpoint

    try:
        load_checkpoint(folder.checkpoint, folder.path.name, torch.device("cpu"))
    except Damaged as damage:
        yield damage


def _folders(experiment: Experiment) -> list[RunFolder]:
    """Return the folders of all runs, also those of earlier commands; whatever else is there is no run."""
    names = sorted(path.name for path in (experiment.path / "runs").glob("[0-9a-f]" * 12) if path.is_dir())
    return [experiment.run(name) for name in names]


def _finding(experiment: Experiment, damage: UserError) -> Finding:
    if isinstance(damage, Damaged):
        path: Path = damage.path
        return Finding(str(path.relative_to(experiment.path)), damage.reason, "damaged", damage.repair)
    return Finding(experiment.name, str(damage), "missing")
