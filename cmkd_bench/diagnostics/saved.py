"""Load the outputs of a finished run: its saved test predictions, and the embeddings of its saved student."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from cmkd_bench.config.roots import Roots
from cmkd_bench.deployment.saved_run import check_reproduced, open_run, read_predictions
from cmkd_bench.diagnostics.pair import Side
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.training.evaluation import outputs_of


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
        parts, network = open_run(self._experiment, run_id, self._device, self._roots)
        again = outputs_of(network, parts.part("test"), parts.spec.student_modality)
        check_reproduced(run_id, logits, again.logits.cpu())
        return Side(logits, again.embedding.cpu())

    def _labels(self, run_id: str) -> Tensor:
        """Return the labels, (M,) int64, in the order of the test set."""
        return self._predictions(run_id)["labels"]

    def _predictions(self, run_id: str) -> dict[str, Tensor]:
        found = read_predictions(self._experiment.run(run_id))
        if "logits" not in found:
            raise UserError(
                f"cannot diagnose run {run_id}: diagnostics need the logits of each sample, but segmentation runs "
                "save one confusion matrix per image. Only classification runs can be diagnosed."
            )
        return found
