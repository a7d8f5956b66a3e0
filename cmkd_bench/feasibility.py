"""Whether a method is defined for the networks and data of a run, before anything is trained."""

from __future__ import annotations

import functools
from typing import Any

import torch

from cmkd_bench.data.prepare import PreparedData, prepare
from cmkd_bench.errors import UserError
from cmkd_bench.method import Method, NetworkShape, Pair
from cmkd_bench.networks import build_network, shape_of
from cmkd_bench.parameters import build
from cmkd_bench.registry import datasets, methods
from cmkd_bench.seeding import random_stream
from cmkd_bench.spec import RunSpec, Settings
from cmkd_bench.training.tensors import input_shape


def unsupported(spec: RunSpec) -> str | None:
    """Why a run cannot be, or None where it can."""
    cls = methods.get(spec.method)
    return _unsupported(
        cls,
        spec.hyperparameters,
        spec.dataset,
        spec.options,
        spec.fold,
        (spec.student_modality, spec.student_network),
        (spec.teacher_modality or spec.student_modality, spec.teacher_network or spec.student_network),
    )


@functools.cache
def _unsupported(
    cls: type[Method[Any]],
    hyperparameters: Settings,
    dataset: str,
    options: Settings,
    fold: int,
    student: tuple[str, str],
    teacher: tuple[str, str],
) -> str | None:
    """The same for all seeds, so asked once."""
    data = _data(dataset, options, fold)
    try:
        pair = Pair(
            student=_shape(dataset, options, fold, *student),
            teacher=_shape(dataset, options, fold, *teacher),
            classes=len(data.classes),
            train_labels=torch.from_numpy(data.labels[data.parts["train"]]),
        )
    except UserError as error:
        return str(error)
    return cls.unsupported(build(cls.HyperParameters, dict(hyperparameters)), pair)


@functools.cache
def _shape(dataset: str, options: Settings, fold: int, modality: str, network: str) -> NetworkShape:
    data = _data(dataset, options, fold)
    inputs = input_shape(data, datasets.get(dataset).modality(modality))
    with random_stream(0):
        return shape_of(build_network(network, inputs, len(data.classes)), inputs)


@functools.cache
def _data(dataset: str, options: Settings, fold: int) -> PreparedData:
    cls = datasets.get(dataset)
    return prepare(cls(build(cls.Options, dict(options))), fold)
