"""Execute one run, from its spec to its result; every launcher calls this."""

from __future__ import annotations

import contextlib
import functools
import platform
import time
import traceback
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from cmkd_bench.config.recipe import Recipe
from cmkd_bench.config.roots import Roots
from cmkd_bench.errors import fault_behind, fault_of
from cmkd_bench.experiment.code_identity import CodeChanged, check_code, codes_of
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import write_bytes, write_json, write_records
from cmkd_bench.experiment.heartbeat import Heartbeat
from cmkd_bench.experiment.provenance import code_version
from cmkd_bench.experiment.spec import FIRST, RunSpec
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.method import HIDDEN
from cmkd_bench.parameters import build
from cmkd_bench.training.assembly import Assembly, BadData
from cmkd_bench.training.checkpoint import load_checkpoint, save_checkpoint, weights_file
from cmkd_bench.training.device import compile_networks, computation, place, processor, use_device, use_kernels
from cmkd_bench.training.evaluation import NonFiniteOutput, Score, evaluate
from cmkd_bench.training.loop import NonFiniteLoss, Training, autocast
from cmkd_bench.training.memory import is_out_of_memory, peak_mb, reset_peak, what_did_not_fit
from cmkd_bench.training.pairing import Pairing
from cmkd_bench.training.rehearsal import MethodMistake, check_layers, rehearse_once
from cmkd_bench.training.teacher import Teacher, TrainedTeacher, frozen_teacher
from cmkd_bench.training.teacher_runs import DamagedTeacher, TeacherMissing, load_teachers, teacher_value
from cmkd_bench.training.tensors import Part
from cmkd_bench.training.training_progress import Checkpoint, Progress, Stopped, Watch

# The result of a run survives a power failure, and so do its other files if it took longer than this. For a shorter
# run, flushing them would take a few percent of its time; if they are lost, the digests in its result show it.
DURABLE_SECONDS = 5.0
MB_OF_REHEARSAL = -1.0  # the teacher need not see the whole training part for a few steps


def execute(experiment: Experiment, run_id: str, device: torch.device, watch: Watch, roots: Roots) -> list[str]:
    """Execute one run to its end, from its checkpoint if there is one; a failure is written to its folder.

    Nothing happens if the run is done already. If its teacher's weights are damaged, they are set aside, and the run
    stays pending until the teacher is trained again.

    Returns:
        one line for each damaged file that was set aside.

    Raises:
        Busy: if another process works on the run, or on its teacher's damaged files.
        Stopped: if the watch requested it; the checkpoint is written.
        EnvironmentFault: if the machine is at fault and not the run, e.g. if the disk is full.
    """
    folder = experiment.run(run_id)
    notes: list[str] = []
    with folder.locked():
        if folder.is_done():
            folder.heartbeat.unlink(missing_ok=True)
            folder.discard_leftovers()
            return notes
        # Not every shared file system propagates locks between nodes, so the heartbeat is a claim, too.
        with Heartbeat(folder.heartbeat) as heartbeat:
            folder.discard_leftovers()
            if (problem := folder.problem()) is not None:
                notes.append(folder.set_aside(problem))
            try:
                use_device(device)
                reset_peak(device)
                spec = experiment.read_spec(run_id)
                if not folder.checkpoint.exists():  # otherwise it was rehearsed before it began
                    rehearse_once(spec, device, lambda: Run(experiment, spec, device, roots).training(MB_OF_REHEARSAL))
                    reset_peak(device)
                notes += Run(experiment, spec, device, roots).execute(_Beating(watch, heartbeat))
            except Stopped:
                raise
            except DamagedTeacher as error:
                with error.folder.locked():
                    notes.append(error.folder.set_aside(error.damage))
            except Exception as error:
                if (cause := fault_behind(error)) is not None and (fault := fault_of(cause)) is not None:
                    raise fault from error
                write_json(folder.error, _describe(error, experiment, run_id, device))
            folder.discard_leftovers()
    return notes


class _Beating:
    """A launcher's watch combined with the heartbeat, which every launcher has."""

    def __init__(self, watch: Watch, heartbeat: Heartbeat) -> None:
        self._watch, self._heartbeat = watch, heartbeat
        self.should_stop, self.should_save = watch.should_stop, watch.should_save

    def epoch(self, done: int, total: int) -> None:
        self._heartbeat.epoch(done, total)
        self._watch.epoch(done, total)


class Run:
    """The parts of one run, built from its spec."""

    def __init__(self, experiment: Experiment, spec: RunSpec, device: torch.device, roots: Roots) -> None:
        self.experiment, self.spec, self.device = experiment, spec, device
        self.folder = experiment.run(spec.id)
        check_code(spec)
        self.parts = Assembly(spec, device, roots)
        self.recipe = build(Recipe, dict(spec.recipe))
        use_kernels(device, self.recipe)
        self.student = place(self.parts.student(), device, self.recipe)
        self.teachers = load_teachers(experiment, self.parts)
        for network in self.teachers.values():
            place(network, device, self.recipe)
        self.method = self.parts.method(self.student, self.teachers).to(device)
        check_layers(self.method)
        self.deployed = self.method.deployed(self.student)
        self.selection = self.parts.selection(self.recipe.select_on)
        compile_networks((self.student, *self.teachers.values()), device, self.recipe)

    def execute(self, watch: Watch) -> list[str]:
        """Train the student, select the epoch, and read the test part once.

        Returns:
            one line if the checkpoint was damaged and set aside, so that training started anew.
        """
        training = self.training()
        checkpoint, notes = self._checkpoint()
        training.run(watch, checkpoint, functools.partial(save_checkpoint, self.folder.checkpoint, self.spec.id))
        self.finish(training.progress)
        return notes

    def training(self, cache_mb: float | None = None) -> Training:
        """Return the training of the run, not started yet.

        Args:
            cache_mb: largest size of a frozen teacher's outputs that are kept (default: the recipe's).
        """
        return Training(
            recipe=self.recipe,
            seed=self.spec.seed,
            method=self.method,
            student=self.student,
            deployed=self.deployed,
            teachers=self._teachers(self.recipe.cache_mb if cache_mb is None else cache_mb),
            trained_teachers=self.teachers if self.method.updates_teacher else {},
            train=self.parts.train,
            selection=self.selection,
            modality=self.spec.student_modality,
            classes=self.parts.classes,
            device=self.device,
            pairing=self._pairing(),
        )

    def finish(self, progress: Progress) -> None:
        """Read the test part and write the result of what is deployed in its current state."""
        test = self.parts.part("test")
        score = self._score(self.deployed, test, self.spec.student_modality)
        durable = progress.seconds >= DURABLE_SECONDS
        _save_tensors(self.folder, self.deployed, score.predictions, durable)
        write_records(self.folder.history, progress.history, durable=durable)
        self.folder.write_cost(self._cost(progress))
        self.folder.write_result(self._result(progress, score, test))
        self.folder.checkpoint.unlink(missing_ok=True)

    def _checkpoint(self) -> tuple[Checkpoint | None, list[str]]:
        """Return the checkpoint if there is one that is whole; a damaged one is set aside."""
        path = self.folder.checkpoint
        try:
            return load_checkpoint(path, self.spec.id, self.device) if path.exists() else None, []
        except Damaged as damage:
            return None, [self.folder.set_aside(damage)]

    def _score(self, network: nn.Module, part: Part, modality: str) -> Score:
        return evaluate(network, part, modality, self.parts.classes)

    def _result(self, progress: Progress, score: Score, test: Part) -> dict[str, Any]:
        updated = self.spec.teachers[:1] if self.method.updates_teacher else ()
        after = [self._score(self.teachers[one.role], test, one.modality).value for one in updated]
        return {
            "metric": score.metric,
            "value": score.value,
            "other_metrics": dict(score.others),
            "selected_on": self.recipe.select_on,
            "train_labels": int((self.parts.train.labels != HIDDEN).sum()),
            "selection_labels": None if self.selection is None else len(self.selection),
            "val_value": progress.best_value if progress.best_value >= 0 else None,
            "teacher_value": teacher_value(self.experiment, self.spec),
            "teacher_value_after": after[0] if after else None,
            "epochs": len(progress.history),
            "best_epoch": progress.best_epoch,
            "logged": _logged(progress),
            "student_parameters": _count(self.deployed),
            "extra_parameters": _count(self.method),
            "samples": {name: len(rows) for name, rows in self.parts.data.parts.items()},
            "fixture": self.parts.data.fixture,
            "tokenizers": {name: one.description for name, one in self.parts.data.vocabularies.items()},
            "deviations": list(self.method.deviations),
        }

    def _cost(self, progress: Progress) -> dict[str, Any]:
        return {
            "seconds": progress.seconds,
            "views": 1 + len(self.method.further_views(self.method.hyperparameters)),
            "peak_mb": peak_mb(self.device),
            **computation(self.device, self.recipe),
            **processor(),
            "host": platform.node(),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "code": code_version(),
            "sources": {role: one.origin for role, one in codes_of(self.spec).items()},
            "python": platform.python_version(),
            "packages": package_versions(),
        }

    def _pairing(self) -> Pairing:
        given: Any = dict(self.spec.supervision)
        return Pairing(
            given.get("pairing", "paired"), share=given.get("pairs_share", 1.0), mispaired=given.get("mispaired", 0.0)
        )

    def _teachers(self, cache_mb: float) -> dict[str, Teacher]:
        """Return what provides the outputs of each teacher; of the first one, also feature maps and further views."""
        first = self.method.teacher_layers(), bool(self.method.further_views(self.method.hyperparameters))
        provided: dict[str, Teacher] = {}
        for one in self.spec.teachers:
            network, (layers, several) = self.teachers[one.role], first if one.role == FIRST else ((), False)
            if self.method.updates_teacher:
                provided[one.role] = TrainedTeacher(network, one.modality, layers)
                continue
            # Use the precision of a training step, so that storing the outputs makes no difference.
            with autocast(self.device, self.recipe):
                train = self.parts.part("train")
                provided[one.role] = frozen_teacher(network, train, one.modality, layers, cache_mb, several)
        return provided


@functools.cache
def package_versions() -> dict[str, str]:
    """Return the versions that a result depends on; looked up once, because this reads files."""
    return {name: version(name) for name in ("torch", "numpy", "transformers", "timm")}


def _save_tensors(folder: RunFolder, student: nn.Module, predictions: Mapping[str, Tensor], durable: bool) -> None:
    write_bytes(folder.weights, weights_file(student), durable=durable)
    write_bytes(folder.predictions, save(dict(predictions)), durable=durable)


def _logged(progress: Progress) -> dict[str, float]:
    """Return the method's logged values, as the mean over the epochs in which they were logged."""
    by_name: dict[str, list[float]] = {}
    for record in progress.history:
        for name, value in record["logged"].items():
            by_name.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in by_name.items()}


def _describe(error: Exception, experiment: Experiment, run_id: str, device: torch.device) -> Checkpoint:
    causes = {
        NonFiniteLoss: "non-finite loss",
        NonFiniteOutput: "non-finite output",
        TeacherMissing: "teacher missing",
        BadData: "bad data",
        MethodMistake: "mistake in a method",
        CodeChanged: "code changed",
    }
    cause = next((text for kind, text in causes.items() if isinstance(error, kind)), type(error).__name__)
    message = str(error)
    if is_out_of_memory(error):
        cause = "out of memory"
        with contextlib.suppress(RuntimeError):  # of a GPU that is too full even to be asked
            message = what_did_not_fit(experiment.read_spec(run_id), device) if device.type == "cuda" else message
    return {"cause": cause, "message": message, "traceback": traceback.format_exception(error)}


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
