"""A modality gap that is known: two non-linear views of common and private factors, a knob for each cause of a gap.

Ours. The label is the largest of C random linear scores of a latent vector of common factors, which both modalities
see, and of each modality's own factors. A frozen random network maps a modality's factors, and noise factors besides,
to an image (1, 8, 8), another one to a sequence (4, 32). Every knob is one cause that the literature names:

- shared: share of the label's information that is common to both modalities (Modality Focusing Hypothesis).
- imbalance: above 0 the image, below 0 the sequence, is the clearer view: its label-bearing factors have less noise in
  them (C2KD's first cause).
- misalignment: share of the samples in whose image the scores of the classes beside the label are in the opposite order
  (C2KD's second cause: soft labels that disagree in rank). Classes are exchangeable, so the image's scores given the
  label are distributed as before: the image says as much about the label at any value.
- shift: distance by which the image's factors are moved away from the sequence's, in standard deviations along one
  fixed direction (the distance in the bound of cross-modality contrastive distillation). Inputs are standardised and a
  network can take a constant away, so what networks have learned need not be farther apart.
- noise: standard deviation that is added to both views; pairs: training samples; labels: classes.

A knob changes what it names and leaves the other draws as they are, so that a sweep compares like with like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmkd_bench.dataset import PARTS, Dataset, Modality, PairedData, Source
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

PRIVATE, WIDTH = 8, 64
IMAGE, SEQUENCE = (1, 8, 8), (4, 32)
VALIDATION, TEST = 300, 1000


@dataclass(frozen=True)
class Options:
    """The knobs."""

    shared: float = parameter(0.7, "common part of the label's information", source="ours", minimum=0, maximum=1)
    imbalance: float = parameter(
        0.0, "1: the image is far clearer, -1: the sequence", source="ours", minimum=-1, maximum=1
    )
    misalignment: float = parameter(
        0.0, "share of samples whose other classes are ranked differently", source="ours", minimum=0, maximum=1
    )
    shift: float = parameter(0.0, "between the modalities' factors, in deviations", source="ours", minimum=0)
    noise: float = parameter(0.3, "added to both views, in deviations", source="ours", minimum=0)
    pairs: int = parameter(600, "training samples", source="ours", minimum=20)
    labels: int = parameter(8, "classes", source="ours", minimum=2)


@register_dataset("gapped")
class Gapped(Dataset[Options]):
    """600 / 300 / 1000 samples of eight classes by default; the fold is the draw of samples and networks."""

    modalities = (
        Modality("image", "image", "8 x 8 pixels from a frozen random network"),
        Modality("sequence", "signal", "4 channels of 32 steps from another one"),
    )
    classes = tuple(map(str, range(8)))
    default_pairs = (("image", "sequence"),)
    folds = 100
    sources = (Source(file="none, drawn when loaded", origin="ours", license="ours", citation="none"),)
    task = "which of C random scores of hidden factors is the largest"

    def load(self, fold: int) -> PairedData:
        """Draw number `fold`."""
        given = self.options
        sizes = {"train": given.pairs, "validation": VALIDATION, "test": TEST}
        parts = [self._draw(fold, part, sizes[part]) for part in PARTS]
        image, sequence, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        ends = np.cumsum([0, *sizes.values()])
        return PairedData(
            inputs={"image": image, "sequence": sequence},
            labels=labels,
            parts={part: np.arange(ends[number], ends[number + 1]) for number, part in enumerate(PARTS)},
            sample_ids=np.array([f"g{fold}-{part}-{row:05d}" for part in PARTS for row in range(sizes[part])]),
            classes=tuple(map(str, range(given.labels))),
        )

    def _draw(self, fold: int, part: str, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both views and the labels of one part."""
        given, number = self.options, PARTS.index(part)
        # the classes' scores: common ones, and each modality's own
        common, own_image, own_sequence = _stream(fold, number, "scores").standard_normal((3, samples, given.labels))
        own_both = np.sqrt((1 - given.shared) / 2) * (own_image + own_sequence)
        label = (np.sqrt(given.shared) * common + own_both).argmax(1)
        views = []
        for name, own, sign in (("image", own_image, 1), ("sequence", own_sequence, -1)):
            rng = _stream(fold, number, name)
            scores = np.sqrt(given.shared) * common + np.sqrt(1 - given.shared) * own
            if name == "image":
                scores = self._misaligned(scores, label, _stream(fold, number, "misaligned"))
            blur = 4.0 ** (-sign * given.imbalance)
            scores = scores + 0.5 * blur * rng.standard_normal(scores.shape)
            private = rng.standard_normal((samples, PRIVATE))
            views.append(self._render(fold, name, scores, private, rng))
        return views[0], views[1], label.astype(np.int64)

    def _misaligned(self, scores: np.ndarray, label: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Some samples' scores with those of the other classes in the opposite order: the label's own stays."""
        chosen = rng.random(len(scores)) < self.options.misalignment
        others = np.where(np.arange(scores.shape[1]) == label[:, None], np.inf, scores).argsort(1)[:, :-1]
        turned = scores.copy()
        np.put_along_axis(turned, others, np.take_along_axis(scores, others[:, ::-1], 1), 1)
        return np.where(chosen[:, None], turned, scores)

    def _render(
        self, fold: int, name: str, scores: np.ndarray, private: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """A view: factors, moved for the image, through the modality's frozen network of two layers."""
        frozen = _stream(fold, 0, f"network {name}")
        factors = np.concatenate([scores, private], axis=1)
        if name == "image":
            factors = factors + self.options.shift / np.sqrt(factors.shape[1])
        first = frozen.standard_normal((factors.shape[1], WIDTH)) / np.sqrt(factors.shape[1])
        shape = IMAGE if name == "image" else SEQUENCE
        second = frozen.standard_normal((WIDTH, int(np.prod(shape)))) / np.sqrt(WIDTH)
        view = np.tanh(factors @ first) @ second
        view = view / np.sqrt(0.4) + self.options.noise * rng.standard_normal(view.shape)
        return np.asarray(view.reshape(-1, *shape), np.float32)


def _stream(fold: int, part: int, name: str) -> np.random.Generator:
    return np.random.default_rng([fold, part, *name.encode()])
