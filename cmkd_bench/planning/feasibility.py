"""Whether a method is defined for the networks and data of a run, before anything is trained."""

from __future__ import annotations

import functools
from typing import Any

import torch

from cmkd_bench.config.augmentation import Augmentation
from cmkd_bench.data.loading import PreparedData
from cmkd_bench.data.opening import DataSpec
from cmkd_bench.experiment.spec import RunSpec, Settings
from cmkd_bench.method import Method, NetworkShape, Pair
from cmkd_bench.networks import build_network, shape_of
from cmkd_bench.networks.base import CannotTake
from cmkd_bench.parameters import build
from cmkd_bench.registry import datasets, methods
from cmkd_bench.training.execution import data_of
from cmkd_bench.training.seeding import random_stream
from cmkd_bench.training.tensors import input_shape


def unsupported(spec: RunSpec) -> str | None:
    """Why a run cannot be, or None where it can.

    Raises:
        UserError: if pretrained weights cannot be had.
    """
    student = (spec.student_modality, spec.student_network, spec.pretrained)
    teacher = (spec.teacher_modality or "", spec.teacher_network or "", spec.teacher_pretrained)
    return _unsupported(
        methods.get(spec.method),
        spec.hyperparameters,
        data_of(spec),
        spec.augmentation,
        student,
        student if spec.teacher_modality is None else teacher,
    )


@functools.cache
def _unsupported(
    cls: type[Method[Any]],
    hyperparameters: Settings,
    source: DataSpec,
    augmentation: Settings,
    student: tuple[str, str, str],
    teacher: tuple[str, str, str],
) -> str | None:
    """The same for all seeds, so asked once."""
    data = _data(source)
    try:
        pair = Pair(
            student=_shape(source, augmentation, *student),
            teacher=_shape(source, augmentation, *teacher),
            classes=len(data.classes),
            train_labels=torch.from_numpy(data.labels[data.parts["train"]]),
        )
    except CannotTake as error:
        return str(error)
    if pair.student.positions != pair.teacher.positions:
        return f"student and teacher predict at {pair.student.positions} and {pair.teacher.positions} positions"
    return cls.unsupported(build(cls.HyperParameters, dict(hyperparameters)), pair)


@functools.cache
def _shape(source: DataSpec, augmentation: Settings, modality: str, network: str, pretrained: str) -> NetworkShape:
    data = _data(source)
    kind = datasets.get(source.dataset).modality(modality)
    inputs = input_shape(data, kind, build(Augmentation, dict(augmentation)))
    with random_stream(0):
        return shape_of(build_network(network, inputs, len(data.classes), pretrained), inputs)


@functools.cache
def _data(source: DataSpec) -> PreparedData:
    return source.open()
