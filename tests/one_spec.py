"""A run's specification, for tests that need one and train nothing."""

from __future__ import annotations

from cmkd_bench.experiment.spec import RunSpec

SPEC = RunSpec(
    method="kd",
    hyperparameters=(),
    dataset="mfeat",
    options=(),
    manifest="hash",
    fold=0,
    labels=1.0,
    supervision=(),
    student_modality="fourier",
    student_network="mlp",
    teacher_modality="pixels",
    teacher_network="mlp",
    teacher="abc",
    pretrained="",
    teacher_pretrained="",
    preparation=(),
    augmentation=(("flip", False),),
    recipe=(("epochs", 1),),
    seed=0,
    code=(),
)
