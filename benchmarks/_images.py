"""A plug-in for the grid benchmark: two modalities of noisy 32x32 images, and a network of 97 thousand parameters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from cmkd_bench import Dataset, Modality, PairedData, register_dataset
from cmkd_bench.data.splits import stratified
from cmkd_bench.networks import Network, register_network
from cmkd_bench.networks.base import Features, InputShape

CLASSES, SAMPLES, SIDE = 28, 2000, 32


@register_dataset("benchmark_images")
class Images(Dataset):  # type: ignore[type-arg]
    """One prototype per class and modality, under noise; 1600 samples train, 200 each validate and test."""

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
class CNN97k(Network):
    """Three strided stages of 32, 64 and 128 channels."""

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        widths = (inputs.shape[0], 32, 64, 128)
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()
            )
            for before, after in pairwise(widths)
        )
        self.head = nn.Linear(widths[-1], classes)

    def features(self, inputs: Tensor) -> Features:
        maps = []
        for stage in self.stages:
            inputs = stage(inputs)
            maps.append(inputs)
        return Features(inputs.flatten(2).mean(2), maps)
