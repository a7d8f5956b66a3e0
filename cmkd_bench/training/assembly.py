"""Assemble what a spec names: data, networks, method."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cmkd_bench.composite import each, members_of, parts_of, split_weights
from cmkd_bench.config.augmentation import read_views
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.loading import PreparedData
from cmkd_bench.data.opening import DataSpec
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.label_budget import ALL
from cmkd_bench.experiment.spec import FIRST, RunSpec, Settings
from cmkd_bench.method import Head, Method, NetworkShape, Pair
from cmkd_bench.network import InputShapes, Network, shape_of
from cmkd_bench.networks import build_network, tokenizer_of
from cmkd_bench.parameters import build
from cmkd_bench.registry import datasets, methods
from cmkd_bench.training.labelled import rows_for
from cmkd_bench.training.seeding import random_stream
from cmkd_bench.training.tensors import Part, input_shape, part_of, view_of


class BadData(Exception):
    """Raised if data are missing, or differ from those for which the run was planned."""


class Assembly:
    """The data of a run and its networks.

    Args:
        spec: spec of the run.
        device: device of the networks and inputs.
        roots: folders of the data and weights.

    Raises:
        BadData: if data are missing, or differ from those for which the run was planned.
    """

    def __init__(self, spec: RunSpec, device: torch.device, roots: Roots) -> None:
        self.spec, self.device = spec, device
        self._weights = roots.weights
        self.data = load_data(data_of(spec, roots.weights), spec.manifest, roots)

    @property
    def classes(self) -> int:
        """C."""
        return len(self.data.classes)

    def network(self, modality: str, name: str, pretrained: str) -> Network:
        """Return a network in its initial state, on the CPU."""
        # The random stream depends on the modality: a student starts equal under every method, and unlike its teacher.
        with random_stream(self.spec.seed, "initialisation", modality):
            return build_network(name, self._input_shape(modality), self.classes, pretrained, self._weights)

    def shape(self, network: Network, modality: str) -> NetworkShape:
        """Return the sizes of a network's outputs."""
        return shape_of(network, self._input_shape(modality))

    def student(self) -> Network:
        """Return the student in its initial state, on the CPU."""
        return self.network(self.spec.student_modality, self.spec.student_network, self.spec.pretrained)

    def teachers(self) -> dict[str, Network]:
        """Return the networks of the teachers by role, `teacher` first, whose weights are still to be loaded."""
        return {one.role: self.network(one.modality, one.network, one.pretrained) for one in self.spec.teachers}

    def method(self, student: Network, teachers: Mapping[str, Network]) -> Method[Any]:
        """Return the method between a student and its teachers by role; there are none if it has no teacher."""
        own = self.shape(student, self.spec.student_modality)
        shapes = {one.role: self.shape(teachers[one.role], one.modality) for one in self.spec.teachers}
        heads = {role: Head(network.head) for role, network in teachers.items()}
        other, head = shapes.pop(FIRST, own), heads.pop(FIRST, None)
        pair = Pair(own, other, self.classes, self.train.labels.cpu(), head, student, shapes, heads)
        return build_method(methods.get(self.spec.method), dict(self.spec.hyperparameters), pair, self.spec.seed)

    def deployed(self) -> nn.Module:
        """Return what the run tests and saves, with the names of its weights file and without its values."""
        student = self.student()
        if methods.get(self.spec.method).deployed is Method.deployed:
            return student  # so that a teacher need not be built
        return self.method(student, self.teachers()).deployed(student)

    @functools.cached_property
    def train(self) -> Part:
        """The training part with the labels that the run may see."""
        part = self.part("train")
        return part if self.spec.labels == ALL else part.hide(self._labelled("train"))

    def selection(self, name: str) -> Part | None:
        """Return the samples that select the epoch; None if the last one is kept.

        Args:
            name: a part, or `last`. Of the training part, only labels are read that training may read.
        """
        if name == "last":
            return None
        part, of_all = self.part(name), dict(self.spec.supervision).get("select_labels", "all") == "all"
        if self.spec.labels == ALL or (of_all and name != "train"):
            return part
        return part.only(self._labelled(name))

    def part(self, name: str) -> Part:
        """Return one of the parts train, validation and test on the device."""
        return _load_part(self.data, self.spec.dataset, self.spec.augmentation, name, str(self.device))

    def _labelled(self, part: str) -> torch.Tensor:
        rows, groups = self.data.parts[part], self.data.groups
        chosen = rows_for(self.spec, part, self.data.labels[rows], None if groups is None else groups[rows])
        return torch.from_numpy(chosen)

    def _input_shape(self, modality: str) -> InputShapes:
        cls, views = datasets.get(self.spec.dataset), read_views(self.spec.augmentation)[0]
        return each(modality, lambda one: input_shape(self.data, cls.modality(one), views))


def build_method(cls: type[Method[Any]], given: Mapping[str, Any], pair: Pair, seed: int) -> Method[Any]:
    """Return a method with its extras, which are initialized from their own random stream."""
    with random_stream(seed, "extras"):
        return cls(build(cls.HyperParameters, given), pair)


def data_of(spec: RunSpec, weights: Path | None = None) -> DataSpec:
    """Return the data that a run reads, tokenized as its networks need them.

    Args:
        spec: spec of the run.
        weights: path of pretrained weights and their tokenizers.
    """
    networks = _readers(spec.student_modality, spec.student_network, spec.pretrained)
    for one in spec.teachers:
        networks = _readers(one.modality, one.network, one.pretrained) | networks
    kinds = {modality: datasets.get(spec.dataset).modality(modality).kind for modality in networks}
    texts = [modality for modality in networks if kinds[modality] == "text"]
    return DataSpec(
        dataset=spec.dataset,
        options=spec.options,
        preparation=spec.preparation,
        fold=spec.fold,
        modalities=tuple(sorted(networks)),
        tokenizers=tuple((modality, tokenizer_of(*networks[modality], weights)) for modality in sorted(texts)),
    )


def _readers(modality: str, network: str, pretrained: str) -> dict[str, tuple[str, str]]:
    """Return by modality the network that reads it, and its initial weights."""
    _, members = members_of(network)
    return dict(
        zip(parts_of(modality), zip(members, split_weights(pretrained, len(members)), strict=True), strict=True)
    )


@functools.lru_cache(maxsize=8)
def load_data(source: DataSpec, manifest: str, roots: Roots) -> PreparedData:
    """Return the prepared data, which are cached for the worker's next runs.

    Raises:
        BadData: if data are missing, or differ from those for which the run was planned.
    """
    try:
        data = source.open(roots)
    except (UserError, OSError) as error:
        raise BadData(str(error)) from error
    if data.manifest != manifest:
        name = f"'{source.dataset}' fold {source.fold}"
        raise BadData(f"the data of {name} have hash {data.manifest}, but the run was planned with {manifest}")
    return data


@functools.lru_cache(maxsize=24)
def _load_part(data: PreparedData, dataset: str, augmentation: Settings, name: str, device: str) -> Part:
    """Return one part on the device, cached for the worker's next runs."""
    place = torch.device(device)
    cls, (views, strong) = datasets.get(dataset), read_views(augmentation)
    seen = {modality: view_of(data, cls.modality(modality), views, place, strong) for modality in data.inputs}
    return part_of(data, name, seen, place)
