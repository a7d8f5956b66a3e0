"""Load the outputs of a finished run: its saved test predictions, and the embeddings of its saved student."""

from __future__ import annotations

import functools

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from cmkd_bench.config.roots import Roots
from cmkd_bench.diagnostics.pair import Side
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.training.assembly import Assembly, BadData
from cmkd_bench.training.evaluation import outputs_of

# Other devices and builds of torch round differently; other networks or data differ by much more.
CLOSE = 1e-2


class SavedRuns:
    """The finished runs of an experiment; each network runs at most once."""

    def __init__(self, experiment: Experiment, device: torch.device, roots: Roots) -> None:
        self._experiment, self._device, self._roots = experiment, device, roots
        self.side = functools.cache(self._side)
        self.labels = functools.cache(self._labels)

    def _side(self, run_id: str) -> Side:
        """Return the saved logits of a run, and the embeddings of its student.

        Raises:
            UserError: if files are missing or damaged, the data have changed, or the task is segmentation.
        """
        logits = self._predictions(run_id)["logits"]
        spec = self._experiment.read_spec(run_id)
        try:
            parts = Assembly(spec, self._device, self._roots)
        except BadData as error:
            raise UserError(f"cannot diagnose run {run_id}: {error}. Rerun the grid.") from error
        part = parts.part("test")
        network = parts.deployed()
        self._load(network, spec)
        again = outputs_of(network.to(self._device), part, spec.student_modality)
        _check(run_id, logits, again.logits.cpu())
        return Side(logits, again.embedding.cpu())

    def _labels(self, run_id: str) -> Tensor:
        """Return the labels, (M,) int64, in the order of the test set."""
        return self._predictions(run_id)["labels"]

    def _predictions(self, run_id: str) -> dict[str, Tensor]:
        folder = self._experiment.run(run_id)
        try:
            folder.check(folder.predictions)
            found: dict[str, Tensor] = load_file(folder.predictions)
        except (OSError, SafetensorError) as error:
            raise Damaged(folder.predictions, f"cannot be read: {error}") from error
        if "logits" not in found:
            raise UserError(
                f"cannot diagnose run {run_id}: diagnostics need the logits of each sample, but segmentation runs "
                "save one confusion matrix per image. Only classification runs can be diagnosed."
            )
        return found

    def _load(self, network: nn.Module, spec: RunSpec) -> None:
        folder = self._experiment.run(spec.id)
        try:
            folder.check(folder.weights)
            network.load_state_dict(load_file(folder.weights))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise Damaged(folder.weights, f"cannot be read: {error}") from error


def _check(run_id: str, saved: Tensor, again: Tensor) -> None:
    """Check that the saved student reproduces its saved predictions."""
    scale = saved.abs().max().item()
    if saved.shape != again.shape or not torch.allclose(saved, again, rtol=CLOSE, atol=CLOSE * scale):
        raise UserError(
            f"run {run_id}: the saved student does not reproduce the saved predictions, so its embeddings would "
            "belong to another network. Run the grid with this version under another --experiment."
        )
