"""The request of a user: the same options for the command line and for Python programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path("results")
Names = Sequence[str] | str | None  # a string holds names separated by commas


@dataclass(frozen=True)
class GridOptions:
    """A requested grid; `resolve` finds all its problems.

    Attributes:
        methods: names or categories, or `all`, and variants such as `kd(temperature=1)` or `kd(temperature=1)=soft`;
            None for those of configs/config.yaml.
        variants: further rows by name, each with its `method` and its hyper-parameters.
        datasets: names; None for the bundled real datasets.
        pairs: `teacher:student`; None for each dataset's own pairs. Each is run in both directions.
        seeds: number of seeds (0, 1, ...), or a list of seeds.
        folds: fold numbers, or `all`.
        labels: how many labels of the training part may be seen: a share, or a number per class such as `6pc`; several
            values are run side by side. None for the protocol's.
        teacher_labels: `same` labels as the student's, or `all`; None for the protocol's, like the next three.
        pairing: `paired`, or what the teacher is shown instead of the same sample: `unpaired` or `same_class`.
        pairs_share: share of the training samples whose partner in the other modality is known.
        mispaired: share of the pairs whose partner belongs to another sample.
        overrides: `KEY=VALUE`, e.g. `train.epochs=5` or `method.kd.temperature=2.0`.
        experiment: name of the folder under `results`; None for a name derived from the protocol and the overrides.
        results: folder of the experiments.
        plugins: files that register methods, datasets or networks.
        launcher: `local`, `slurm`, or another file of configs/launcher/.
        jobs: number of worker processes; None for one per core, and on a GPU for as many as its memory allows.
        device: `cpu`, `cuda`, or `auto`: the GPU, if there is one, for datasets with large networks.
        controls: whether to add the rows that every table should have (the student alone and the controls).
        one_way: whether to run pairs only in the direction in which they are written.
        trials: number of trials to tune each method, on the first seed, selected on validation; None for no tuning.
        retry_failed: whether to rerun failed runs.
        force: whether to rerun all runs of the request, finished ones too.
        quiet: whether to hide progress.
        command: the command that repeats this request; empty for a Python program.
    """

    methods: Names = None
    datasets: Names = None
    pairs: Names = None
    seeds: int | Iterable[int] | None = None
    folds: int | Iterable[int] | str | None = None
    labels: float | str | Iterable[float | str] | None = None
    teacher_labels: str | None = None
    pairing: str | None = None
    pairs_share: float | None = None
    mispaired: float | None = None
    overrides: Sequence[str] = ()
    experiment: str | None = None
    results: Path | str = RESULTS
    plugins: Sequence[Path | str] = ()
    launcher: str | None = None
    jobs: int | None = None
    device: str | None = None
    controls: bool = True
    one_way: bool = False
    trials: int | None = None
    retry_failed: bool = False
    force: bool = False
    quiet: bool = False
    command: str = ""
    variants: Mapping[str, Mapping[str, Any]] | None = None
