"""A known modality gap: two nonlinear views of common and private factors, with a knob for each cause of a gap.

This dataset is ours. The label is the class with the largest of C random scores, which combine common factors that both
modalities see with each modality's own factors. A frozen random network maps one modality's factors, along with noise
factors, to an image (1, 8, 8); another one maps the other modality's to a sequence (4, 32). Each knob is one cause of a
gap named in the literature:

- shared: common share of the label's information to both modalities (Modality Focusing Hypothesis).
- imbalance: above 0, the image is the clearer view; below 0, the sequence is. The label-bearing factors of the clearer
  view have less noise (C2KD's first cause).
- misalignment: share of the samples whose image has the scores of the non-label classes in reverse order (C2KD's second
  cause: soft labels that disagree in rank). Classes are exchangeable, so the distribution of the image's scores given
  the label stays the same, and the image is equally informative about the label at any value.
- shift: distance by which the image's factors are moved away from the sequence's, in standard deviations along one
  fixed direction (the distance in the bound of cross-modality contrastive distillation). Inputs are standardized, and a
  network can remove a constant, so the learned representations need not be farther apart.
- noise: standard deviation of the noise added to both views; pairs: number of training samples; classes:
  number of classes.

A knob changes only what it names and leaves all other random draws unchanged, so that a sweep compares like with like.
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

    shared: float = parameter(0.7, "common share of the label's information", source="ours", minimum=0, maximum=1)
    imbalance: float = parameter(
        0.0, "1: the image is far clearer, -1: the sequence is", source="ours", minimum=-1, maximum=1
    )
    misalignment: float = parameter(
        0.0, "share of samples whose other classes are in reverse order", source="ours", minimum=0, maximum=1
    )
    shift: float = parameter(
        0.0, "distance between the modalities' factors, in standard deviations", source="ours", minimum=0
    )
    noise: float = parameter(0.3, "noise added to both views, in standard deviations", source="ours", minimum=0)
    pairs: int = parameter(600, "number of training samples", source="ours", minimum=20)
    classes: int = parameter(8, "number of classes", source="ours", minimum=2)


@register_dataset("gapped")
class Gapped(Dataset[Options]):
    """600 / 300 / 1000 samples of eight classes by default; each fold is a new draw of samples and networks."""

    modalities = (
        Modality("image", "image", "8 x 8 pixels from a frozen random network"),
        Modality("sequence", "signal", "4 channels of 32 steps from another frozen random network"),
    )
    classes = tuple(map(str, range(8)))
    default_pairs = (("image", "sequence"),)
    folds = 100
    sources = (Source(file="none, drawn when loaded", origin="ours", license="ours", citation="none"),)
    task = "recognize which of C random scores of hidden factors is the largest"

    def load(self, fold: int) -> PairedData:
        """Generate draw number `fold`."""
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
            classes=tuple(map(str, range(given.classes))),
        )

    def _draw(self, fold: int, part: str, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw both views and the labels of one part."""
        given, number = self.options, PARTS.index(part)
        # scores of the classes: common ones, and each modality's own
        common, own_image, own_sequence = _stream(fold, number, "scores").standard_normal((3, samples, given.classes))
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
        """Reverse the order of the non-label classes' scores in some samples; the label's score stays."""
        chosen = rng.random(len(scores)) < self.options.misalignment
        others = np.where(np.arange(scores.shape[1]) == label[:, None], np.inf, scores).argsort(1)[:, :-1]
        turned = scores.copy()
        np.put_along_axis(turned, others, np.take_along_axis(scores, others[:, ::-1], 1), 1)
        return np.where(chosen[:, None], turned, scores)

    def _render(
        self, fold: int, name: str, scores: np.ndarray, private: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Map factors, shifted for the image, through the modality's frozen two-layer network."""
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
