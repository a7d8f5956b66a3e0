"""A trained network for use: raw samples in, logits or class names out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cmkd_bench.data.media.clips import BadClip, Clip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.tokenizers.base import Tokenizer
from cmkd_bench.dataset import Dataset, PairedData
from cmkd_bench.deployment.exporting import exported
from cmkd_bench.deployment.preprocessing import RawToLogits
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_bytes
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.training.evaluation import batch_size

EXPORT_CHECKED = 32  # test samples on which an exported program is compared with the module
Samples = np.ndarray | Tensor | str | Sequence[Any]


@dataclass(frozen=True, eq=False)
class Student:
    """What a finished run deploys, in evaluation mode and with its preprocessing.

    A raw sample is a string for a text, and otherwise an array of `sample_shape` in the dataset's own units: a row of
    what the dataset's `load` returns, or what `decode` makes of a media file.

    Attributes:
        spec: the run's settings; `spec.id` is its id.
        classes: the class names, in the order of the logits.
        module: maps a batch of raw samples, as `encode` returns it, to logits. It is an ordinary torch module.
        dataset: the dataset that it was trained on.
        sample_shape: shape of one raw sample without the batch axis; of its token ids, for a text.
        tokenizer: makes token ids of texts; None for other kinds.
        device: where the module is.
    """

    spec: RunSpec
    classes: tuple[str, ...]
    module: RawToLogits
    dataset: Dataset[Any]
    sample_shape: tuple[int, ...]
    tokenizer: Tokenizer | None
    device: torch.device

    def __call__(self, samples: Samples) -> Tensor:
        """Return logits on the CPU: (C,) of one sample, (B, C) of several; for segmentation (C, h, w) or (B, C, h, w).

        Raises:
            UserError: for samples of another shape or kind, or with values that are not finite.
        """
        batch = self.encode(samples)
        size = batch_size(self.module.preprocessing.view.shape(self.sample_shape))
        with torch.no_grad():
            logits = torch.cat([self.module(piece.to(self.device)).cpu() for piece in torch.split(batch, size)])
        return logits[0] if self._is_single(samples) else logits

    def predict(self, samples: Samples) -> str | list[str]:
        """Return the name of the most likely class of one sample, or a list of names.

        Raises:
            UserError: as for a call, and for segmentation.
        """
        logits = self(samples)
        if logits.ndim > 2:
            raise UserError(
                "predict() names one class per sample, and this student labels every position. Use "
                "student(samples).argmax(-3), whose numbers are indices of student.classes."
            )
        names = [self.classes[index] for index in logits.argmax(-1).flatten().tolist()]
        return names[0] if self._is_single(samples) else names

    def encode(self, samples: Samples) -> Tensor:
        """Return raw samples as a batch for `module`: (B, *sample_shape) float32, or int64 token ids.

        Raises:
            UserError: as for a call.
        """
        if self.tokenizer is not None:
            texts = [samples] if isinstance(samples, str) else list(samples)
            if not all(isinstance(text, str) for text in texts):
                raise UserError(f"{self._name}: expected a string or a list of strings.")
            return torch.from_numpy(self.tokenizer.encode(texts))
        batch = self._numbers(samples)
        if batch.shape[-len(self.sample_shape) :] != self.sample_shape or batch.ndim > 1 + len(self.sample_shape):
            several = ", ".join(["B", *map(str, self.sample_shape)])
            raise UserError(
                f"{self._name}: expected shape {self.sample_shape} or ({several}), got {tuple(batch.shape)}."
            )
        if not batch.isfinite().all():
            raise UserError(f"{self._name}: the samples contain values that are NaN, infinite or beyond float32.")
        return batch[None] if self._is_single(batch) else batch

    def decode(self, clip: Clip, root: Path | str = ".") -> np.ndarray:
        """Decode a media file as those of the dataset were decoded.

        Args:
            clip: e.g. `AudioClip("voice.wav")` or `VideoClip("scene.mp4", start=2.0, end=5.0)` of
                `cmkd_bench.data.media.clips`, or a clip of the dataset's own kind.
            root: the folder that the clip's path is relative to.

        Returns:
            one raw sample.

        Raises:
            UserError: if the file cannot be used, or the dataset has no media files.
        """
        if not isinstance(self.dataset, MediaDataset) or self.dataset.preparation is None:
            name = self.spec.dataset
            raise UserError(
                f"dataset '{name}' has no media files. Give rows of student.load_data().inputs, or your own."
            )
        try:
            return clip.decode(Path(root), self.dataset.preparation)
        except BadClip as error:
            raise UserError(f"{Path(root) / clip.path}: {error}") from error

    def load_data(self) -> PairedData:
        """Return the raw samples of the dataset by modality, with their labels and the rows of each part."""
        return self.dataset.load(self.spec.fold)

    def export(self, path: Path | str) -> None:
        """Save `module` as a program that `torch.export.load` reads without this package.

        The program takes a batch of any size, as `encode` returns it, and returns logits. Normalization, cuts and
        resizing are part of it; the tokenizer of a text is not. Its extra file `cmkd_bench.json` has the class names.
        The program is compared with the module on test samples before it is saved.

        Raises:
            UserError: if torch cannot export the network, or the program computes something else.
        """
        data, spec = self.load_data(), self.spec
        batch = self.encode(data.inputs[spec.student_modality][data.parts["test"][:EXPORT_CHECKED]])
        about = {
            "run_id": spec.id,
            "method": spec.method,
            "dataset": spec.dataset,
            "modality": spec.student_modality,
            "classes": self.classes,
            "sample_shape": self.sample_shape,
            "dtype": str(batch.dtype).removeprefix("torch."),
        }
        write_bytes(Path(path), exported(self.module, batch.to(self.device), about))

    @property
    def _name(self) -> str:
        return f"samples of '{self.spec.student_modality}'"

    def _numbers(self, samples: Samples) -> Tensor:
        try:
            return torch.as_tensor(samples if isinstance(samples, Tensor) else np.asarray(samples)).float()
        except (TypeError, ValueError) as error:
            raise UserError(f"{self._name}: expected an array of numbers, got {type(samples).__name__}.") from error

    def _is_single(self, samples: Samples) -> bool:
        return isinstance(samples, str) if self.tokenizer else np.ndim(samples) == len(self.sample_shape)
