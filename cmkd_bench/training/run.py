"""One run, from its spec to its result: what every launcher calls."""

from __future__ import annotations

import functools
import platform
import time
import traceback
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from cmkd_bench.code_version import code_version
from cmkd_bench.data.prepare import PreparedData, prepare
from cmkd_bench.files import write_atomically, write_json
from cmkd_bench.method import Method, Pair
from cmkd_bench.networks import Network, build_network, shape_of
from cmkd_bench.networks.base import InputShape
from cmkd_bench.parameters import build
from cmkd_bench.recipe import Recipe
from cmkd_bench.registry import datasets, methods
from cmkd_bench.seeding import random_stream
from cmkd_bench.spec import RunSpec, Settings
from cmkd_bench.store import Experiment, RunFolder
from cmkd_bench.training.checkpoint import load_checkpoint, save_checkpoint
from cmkd_bench.training.evaluation import accuracy, outputs_of
from cmkd_bench.training.loop import NonFiniteLoss, Progress, State, Stopped, Training, Watch, autocast
from cmkd_bench.training.memory import peak_mb, reset_peak
from cmkd_bench.training.teacher import Teacher, TrainedTeacher, frozen_teacher
from cmkd_bench.training.tensors import Part, input_shape, part_of


class TeacherMissing(Exception):
    """The teacher's artefact is not there."""


def execute(experiment: Experiment, run_id: str, device: torch.device, watch: Watch) -> None:
    """Run one run to its end, going on from its checkpoint; a failure is written to its folder.

    Nothing happens if the run is done already.

    Raises:
        Busy: if another process works on it.
        Stopped: if the watch asked for it; the checkpoint is written.
    """
    folder = experiment.run(run_id)
    with folder.locked():
        if folder.result.exists():
            return
        folder.discard_leftovers()
        reset_peak(device)
        try:
            _Run(experiment, experiment.read_spec(run_id), device).execute(watch)
        except Stopped:
            raise
        except Exception as error:
            write_json(folder.error, _describe(error))


class _Run:
    """The parts of one run, built from its spec."""

    def __init__(self, experiment: Experiment, spec: RunSpec, device: torch.device) -> None:
        self.experiment, self.spec, self.device = experiment, spec, device
        self.folder = experiment.run(spec.id)
        self.modalities = tuple(filter(None, (spec.teacher_modality, spec.student_modality)))
        self.data = _load_data(spec.dataset, spec.options, spec.fold, self.modalities, spec.manifest)
        self.recipe = build(Recipe, dict(spec.recipe))
        self.student = self._network(spec.student_modality, spec.student_network).to(device)
        self.teacher_network = self._teacher_network()
        self.method = self._method().to(device)

    def execute(self, watch: Watch) -> None:
        """Train, select, and read the test part once."""
        method = self.method
        training = Training(
            recipe=self.recipe,
            seed=self.spec.seed,
            method=method,
            student=self.student,
            teacher=self._teacher(),
            trained_teacher=self.teacher_network if method.updates_teacher else None,
            train=self._part("train"),
            validation=self._part("validation"),
            modality=self.spec.student_modality,
            device=self.device,
        )
        checkpoint = load_checkpoint(self.folder.checkpoint, self.device) if self.folder.checkpoint.exists() else None
        training.run(watch, checkpoint, functools.partial(save_checkpoint, self.folder.checkpoint))
        self._finish(training.progress)

    def _finish(self, progress: Progress) -> None:
        test = self._part("test")
        logits = outputs_of(self.student, test.inputs[self.spec.student_modality]).logits.cpu()
        labels = test.labels.cpu()
        _save_tensors(self.folder, self.student, {"logits": logits, "labels": labels})
        write_json(self.folder.history, progress.history)
        write_json(self.folder.cost, self._cost(progress))
        write_json(self.folder.result, self._result(progress, accuracy(logits, labels), test))
        self.folder.checkpoint.unlink(missing_ok=True)

    def _result(self, progress: Progress, value: float, test: Part) -> dict[str, Any]:
        after = None
        if self.method.updates_teacher and self.teacher_network is not None and self.spec.teacher_modality:
            logits = outputs_of(self.teacher_network, test.inputs[self.spec.teacher_modality]).logits
            after = accuracy(logits, test.labels)
        return {
            "run_id": self.spec.id,
            "metric": "accuracy",
            "value": value,
            "val_value": progress.best_value if progress.best_value >= 0 else None,
            "teacher_value": self._teacher_result().get("value"),
            "teacher_value_after": after,
            "epochs": len(progress.history),
            "best_epoch": progress.best_epoch,
            "observed": _observed(progress),
            "student_parameters": _count(self.student),
            "extra_parameters": _count(self.method),
            "samples": {name: len(rows) for name, rows in self.data.parts.items()},
            "departures": list(self.method.departures),
        }

    def _cost(self, progress: Progress) -> dict[str, Any]:
        return {
            "seconds": progress.seconds,
            "peak_mb": peak_mb(self.device),
            "device": torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else platform.machine(),
            "host": platform.node(),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "code": code_version(),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in ("torch", "numpy", "transformers", "timm")},
        }

    def _network(self, modality: str, name: str) -> Network:
        # The stream is the modality's, so a student starts alike under every method and unlike its teacher.
        with random_stream(self.spec.seed, "initialisation", modality):
            return build_network(name, self._input_shape(modality), len(self.data.classes))

    def _input_shape(self, modality: str) -> InputShape:
        return input_shape(self.data, datasets.get(self.spec.dataset).modality(modality))

    def _teacher_network(self) -> Network | None:
        spec = self.spec
        if spec.teacher is None or spec.teacher_modality is None or spec.teacher_network is None:
            return None
        self._teacher_result()
        network = self._network(spec.teacher_modality, spec.teacher_network)
        network.load_state_dict(load_file(self.experiment.run(spec.teacher).weights))
        return network.to(self.device)

    def _teacher_result(self) -> dict[str, Any]:
        if self.spec.teacher is None:
            return {}
        folder = self.experiment.run(self.spec.teacher)
        if not folder.result.exists() or not folder.weights.exists():
            raise TeacherMissing(f"teacher {self.spec.teacher} is not trained: {folder.path} holds no result")
        return self.experiment.read_result(self.spec.teacher)

    def _method(self) -> Method[Any]:
        cls = methods.get(self.spec.method)
        student = shape_of(self.student, self._input_shape(self.spec.student_modality))
        teacher = student
        if self.teacher_network is not None and self.spec.teacher_modality is not None:
            teacher = shape_of(self.teacher_network, self._input_shape(self.spec.teacher_modality))
        labels = torch.from_numpy(self.data.labels[self.data.parts["train"]])
        pair = Pair(student, teacher, len(self.data.classes), labels)
        with random_stream(self.spec.seed, "extras"):
            return cls(build(cls.HyperParameters, dict(self.spec.hyperparameters)), pair)

    def _teacher(self) -> Teacher | None:
        network, modality = self.teacher_network, self.spec.teacher_modality
        if network is None or modality is None:
            return None
        inputs = self._part("train").inputs[modality]
        stages = self.method.teacher_stages()
        if self.method.updates_teacher:
            return TrainedTeacher(network, inputs, stages)
        # In the precision of a training step, so that it makes no difference whether outputs are kept.
        with autocast(self.device, self.recipe):
            return frozen_teacher(network, inputs, stages, self.recipe.cache_mb)

    def _part(self, name: str) -> Part:
        return _load_part(
            self.spec.dataset,
            self.spec.options,
            self.spec.fold,
            self.modalities,
            self.spec.manifest,
            name,
            str(self.device),
        )


@functools.lru_cache(maxsize=8)
def _load_data(dataset: str, options: Settings, fold: int, modalities: tuple[str, ...], manifest: str) -> PreparedData:
    """The prepared data, kept for the worker's next runs.

    Raises:
        RuntimeError: if the data are not those that the run was planned for.
    """
    cls = datasets.get(dataset)
    data = prepare(cls(build(cls.Options, dict(options))), fold, modalities)
    if data.manifest != manifest:
        raise RuntimeError(f"the data of '{dataset}' fold {fold} have hash {data.manifest}, the plan's had {manifest}")
    return data


@functools.lru_cache(maxsize=24)
def _load_part(
    dataset: str, options: Settings, fold: int, modalities: tuple[str, ...], manifest: str, name: str, device: str
) -> Part:
    """One part on the device, kept for the worker's next runs."""
    return part_of(_load_data(dataset, options, fold, modalities, manifest), name, torch.device(device))


def _save_tensors(folder: RunFolder, student: Network, predictions: Mapping[str, Tensor]) -> None:
    weights = {name: value.detach().cpu().contiguous() for name, value in student.state_dict().items()}
    write_atomically(folder.weights, lambda file: file.write(save(weights)))
    write_atomically(folder.predictions, lambda file: file.write(save(dict(predictions))))


def _observed(progress: Progress) -> dict[str, float]:
    """What the method observed, as the mean over the epochs in which it was."""
    by_name: dict[str, list[float]] = {}
    for record in progress.history:
        for name, value in record["observed"].items():
            by_name.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in by_name.items()}


def _describe(error: Exception) -> State:
    causes = {NonFiniteLoss: "non-finite loss", TeacherMissing: "teacher missing", MemoryError: "out of memory"}
    cause = next((text for kind, text in causes.items() if isinstance(error, kind)), type(error).__name__)
    if isinstance(error, torch.cuda.OutOfMemoryError):
        cause = "out of memory"
    return {"cause": cause, "message": str(error), "traceback": traceback.format_exception(error)}


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
