"""A plug-in for the grid benchmark: two modalities of noisy 32x32 images, and a network of 97 thousand parameters."""

from __future__ import annotations

import numpy as np

from cmkd_bench import Dataset, Modality, PairedData, register_dataset
from cmkd_bench.data.splits import stratified
from cmkd_bench.network import InputShape, Network
from cmkd_bench.networks.cnn2d import cnn2d
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import register_network

CLASSES, SAMPLES, SIDE = 28, 2000, 32


@register_dataset("benchmark_images")
class Images(Dataset[NoParameters]):
    """One noisy prototype per class and modality; 1600 samples for training, and 200 each for validation and test."""

    modalities = (Modality("first", "image", "noise"), Modality("second", "image", "noise"))
    classes = tuple(map(str, range(CLASSES)))
    default_pairs = (("first", "second"),)
    sources = ()
    task = "speed"

    def load(self, fold: int) -> PairedData:
        draw = np.random.default_rng(0)
        labels = np.arange(SAMPLES, dtype=np.int64) % CLASSES
        inputs = {}
        for modality in self.modalities:
            prototypes = draw.standard_normal((CLASSES, 3, SIDE, SIDE), np.float32)
            inputs[modality.name] = prototypes[labels] + 3 * draw.standard_normal((SAMPLES, 3, SIDE, SIDE), np.float32)
        ids = np.array([f"{number:05d}" for number in range(SAMPLES)])
        return PairedData(inputs, labels, stratified(labels, (0.8, 0.1, 0.1), seed=0), ids)


@register_network("cnn97k")
def cnn97k(inputs: InputShape, classes: int) -> Network:
    """Widths 32, 64, 128: 97 thousand parameters with 28 classes."""
    return cnn2d(inputs, classes, widths=(32, 64, 128))
