"""Decide whether a method is defined for the networks and data of a run, before anything is trained.

The answer needs networks and thus torch, so it is cached in the results folder. It is valid for the code and the
packages that gave it; with others, it is computed again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cmkd_bench.composite import each, is_composite, members_of, parts_of, split_weights
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.loading import LoadedFold
from cmkd_bench.declaration import Declaration
from cmkd_bench.errors import CannotTake
from cmkd_bench.experiment.code_identity import codes_of
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.label_budget import ALL
from cmkd_bench.experiment.spec import FIRST, RunSpec, Settings
from cmkd_bench.registry import methods

if TYPE_CHECKING:
    from cmkd_bench.method import NetworkShape

FILE = ".feasibility.json"
PACKAGES = ("torch", "timm", "transformers")
_ASKED = (
    *("method", "hyperparameters", "dataset", "options", "manifest", "augmentation"),
    *("student_modality", "student_network", "pretrained"),
    *("teacher_modality", "teacher_network", "teacher_pretrained"),
    *("labels", "supervision"),
)


class Feasibility:
    """Answers for the runs of a grid, with a cache.

    Args:
        results: the folder of the experiments, where answers are kept.
        roots: folders of the pretrained weights.
    """

    def __init__(self, results: Path, roots: Roots) -> None:
        self._file, self._roots, self._code = results / FILE, roots, " ".join(map(version, PACKAGES))
        self._known = _read(self._file, self._code)
        self._folds: dict[tuple[str, int], LoadedFold] = {}
        self._shapes: dict[tuple[object, ...], NetworkShape] = {}
        self._changed = False

    def add(self, data: LoadedFold) -> None:
        """Allow answers for the runs on a fold."""
        self._folds[data.dataset.registry_name, data.fold] = data

    def reason(self, spec: RunSpec) -> str | None:
        """Return why a run is not possible, or None if it is.

        Raises:
            UserError: if pretrained weights are not available.
        """
        key = _key(spec)
        if key not in self._known:
            self._known[key] = self._answer(spec) or ""
            self._changed = True
        return self._known[key] or None

    def save(self) -> None:
        """Save the answers if the results folder can be written."""
        if self._changed:
            with suppress(OSError):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_json(self._file, {"code": self._code, "reasons": self._known}, durable=False)

    def _answer(self, spec: RunSpec) -> str | None:
        import torch

        from cmkd_bench.method import Pair
        from cmkd_bench.parameters import build

        data = self._folds[spec.dataset, spec.fold]
        if reason := self._unlike_texts(spec, data):
            return reason
        try:
            student = self._shape(spec, spec.student_modality, spec.student_network, spec.pretrained)
            shapes = {one.role: self._shape(spec, one.modality, one.network, one.pretrained) for one in spec.teachers}
        except CannotTake as error:
            return str(error)
        for shape in shapes.values():
            if student.positions != shape.positions:
                return f"student and teacher predict at {student.positions} and {shape.positions} positions"
        teacher = shapes.pop(FIRST, student)
        cls = methods.get(spec.method)
        if reason := _undeclared(cls, spec):
            return reason
        labels = torch.from_numpy(_visible_labels(data, spec))
        pair = Pair(student, teacher, len(data.classes), labels, further_teachers=shapes)
        refusal: str | None = cls.unsupported(build(cls.HyperParameters, dict(spec.hyperparameters)), pair)
        return refusal

    def _unlike_texts(self, spec: RunSpec, data: LoadedFold) -> str | None:
        """Return the text that the networks of student and teacher would read with different tokenizers."""
        readers = [(spec.student_modality, spec.student_network, spec.pretrained)]
        readers += [(one.modality, one.network, one.pretrained) for one in spec.teachers]
        known: dict[str, str] = {}
        for reader in readers:
            found = _tokenizers(data, *reader, self._roots.weights)
            if unlike := [name for name in found if known.get(name, found[name]) != found[name]]:
                return f"student and teacher read '{unlike[0]}' with different tokenizers"
            known |= found
        return None

    def _shape(self, spec: RunSpec, modality: str, network: str, pretrained: str) -> NetworkShape:
        asked = (spec.dataset, spec.fold, spec.augmentation, modality, network, pretrained)
        if asked not in self._shapes:
            data, weights = self._folds[spec.dataset, spec.fold], self._roots.weights
            self._shapes[asked] = _shape_of(data, spec.augmentation, modality, network, pretrained, weights)
        return self._shapes[asked]


def _shape_of(
    data: LoadedFold, augmentation: Settings, modality: str, network: str, pretrained: str, weights: Path | None
) -> NetworkShape:
    from cmkd_bench.config.augmentation import read_views
    from cmkd_bench.networks import network_shape
    from cmkd_bench.training.tensors import input_shape

    prepared = data.prepare(parts_of(modality), _tokenizers(data, modality, network, pretrained, weights))
    views = read_views(augmentation)[0]
    inputs = each(modality, lambda one: input_shape(prepared, data.dataset.modality(one), views))
    return network_shape(network, inputs, len(data.classes), pretrained, weights)


def _tokenizers(data: LoadedFold, modality: str, network: str, pretrained: str, weights: Path | None) -> dict[str, str]:
    """Return the tokenizer of each text that a network reads."""
    from cmkd_bench.networks import tokenizer_of

    _, members = members_of(network)
    starts = split_weights(pretrained, len(members))
    readers = zip(data.dataset.modalities_of(modality), members, starts, strict=True)
    return {one.name: tokenizer_of(member, start, weights) for one, member, start in readers if one.kind == "text"}


def _undeclared(cls: type[Declaration[Any]], spec: RunSpec) -> str | None:
    """Return what a method does not say that it can do, but would have to."""
    if spec.labels != ALL and cls.unlabelled is None:
        return f"{spec.method} cannot be run with hidden labels: it declares unlabelled = None"
    if len({*spec.teacher_ids}) < len(spec.teacher_ids):
        return f"{spec.method} needs different teachers, and {spec.teacher_modality} is what two of them would see"
    scarce = {"pairs_share", "mispaired"} & dict(spec.supervision).keys()
    if scarce and any(map(is_composite, (one.modality for one in spec.further_teachers))):
        return f"{spec.method} has a teacher of several modalities, which needs all pairs, and they are not all known"
    pairing = dict(spec.supervision).get("pairing", cls.pairing)
    if pairing != cls.pairing and cls.needs_pairs:
        return f"{spec.method} needs pairs, and supervision.pairing={pairing} shows the teacher other samples"
    if pairing == "same_class" and spec.labels != ALL and cls.unpaired is None:
        return f"{spec.method} does not declare `unpaired`, and unlabeled samples have no partner of the same class"
    if "pairs_share" in dict(spec.supervision) and cls.unpaired is None and cls.teacher != "none":
        return f"{spec.method} cannot be run with unpaired samples: it does not declare `unpaired`"
    return None


def _visible_labels(data: LoadedFold, spec: RunSpec) -> np.ndarray:
    """Return the labels of the training part as a method sees them."""
    from cmkd_bench.method import HIDDEN
    from cmkd_bench.training.labelled import rows_for

    rows, groups = data.paired.parts["train"], data.paired.groups
    labels: np.ndarray = data.paired.labels[rows]
    if spec.labels == ALL:
        return labels
    visible = rows_for(spec, "train", labels, None if groups is None else groups[rows])
    masked = np.full_like(labels, HIDDEN)
    masked[visible] = labels[visible]
    return masked


def _key(spec: RunSpec) -> str:
    # Which labels are hidden depends on the seed.
    further = [dataclasses.astuple(one) for one in spec.further_teachers]
    asked = [*(getattr(spec, name) for name in _ASKED), further, None if spec.labels == ALL else spec.seed]
    code = [one.digest for _, one in sorted(codes_of(spec).items())]
    return hashlib.blake2b(json.dumps([asked, code]).encode(), digest_size=12).hexdigest()


def _read(file: Path, code: str) -> dict[str, str]:
    """Return the cached answers of the same code; empty if the file is missing or damaged."""
    with suppress(OSError, Damaged):
        stored = read_json(file)
        if isinstance(stored, Mapping) and stored.get("code") == code and isinstance(stored.get("reasons"), dict):
            return {str(key): str(reason) for key, reason in stored["reasons"].items()}
    return {}
