"""Shoulder exercises on a smart watch: wrist accelerometer and gyroscope, split by subject.

140 recordings at 50 Hz: 10 subjects, 7 exercises, left and right wrist, one each (the released data hold 10 of the
paper's 20 subjects). Windows of 2 s overlap by half and never cross two recordings; the rest of a recording is dropped.
Neighbouring windows are nearly alike, so parts are made of whole subjects: a split by window scores 9 to 17 points more
(measured with linear models and small networks on statistics of the windows).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cmkd_bench.data.splits import by_group
from cmkd_bench.dataset import Dataset, Modality, PairedData, Source
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import register_dataset

FILE = Path(__file__).parent / "embedded" / "watch.npz"
WINDOW, STEP = 100, 50
TEST_SUBJECTS = ((3, 9), (5, 10), (2, 7), (8, 4), (1, 6))


@register_dataset("watch")
class Watch(Dataset[NoParameters]):
    """4677 windows of 10 subjects; a fold tests two subjects and validates on the first of the next fold's."""

    modalities = (
        Modality("accelerometer", "signal", "acceleration along x, y, z in g, (3, 100)"),
        Modality("gyroscope", "signal", "angular velocity about x, y, z in rad/s, (3, 100)"),
    )
    classes = ("PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW")
    default_pairs = (("accelerometer", "gyroscope"),)
    folds = len(TEST_SUBJECTS)
    sources = (
        Source(
            file="datasets/embedded/watch.npz",
            origin="seglearn 1.2.5 (PyPI), seglearn/data/watch_dataset.npy",
            license="BSD-3-Clause (the package's); upstream SPAR-dataset reported as GPL-3.0 (not verified)",
            citation="Burns, Leung, Hardisty, Whyne, Henry, McLachlin: Shoulder physiotherapy exercise recognition: "
            "machine learning the inertial signals from a smartwatch. Physiol. Meas. 39(7) 075007, 2018",
        ),
    )
    task = "which of seven shoulder exercises is done"

    def load(self, fold: int) -> PairedData:
        """All windows, (4677, 3, 100) for each sensor, with the subjects of the fold held out."""
        with np.load(FILE, allow_pickle=False) as file:
            signals = file["signals"] * file["unit"][:, None]
            lengths = file["lengths"].astype(np.int64)
            exercise, subject, right = (file[name].astype(np.int64) for name in ("exercise", "subject", "right"))
        counts = (lengths - WINDOW) // STEP + 1
        recording = np.repeat(np.arange(len(lengths)), counts)
        number = np.arange(len(recording)) - np.repeat(np.cumsum(counts) - counts, counts)
        start = (np.cumsum(lengths) - lengths)[recording] + STEP * number
        windows = np.lib.stride_tricks.sliding_window_view(signals, WINDOW, axis=1)[:, start].swapaxes(0, 1)
        held_out = TEST_SUBJECTS[fold]
        subjects = subject[recording]
        names = [
            f"s{subject[row]:02d}-{'right' if right[row] else 'left'}-{self.classes[exercise[row]]}"
            for row in range(len(lengths))
        ]
        return PairedData(
            inputs={"accelerometer": windows[:, :3], "gyroscope": windows[:, 3:]},
            labels=exercise[recording],
            parts=by_group(subjects, validation=TEST_SUBJECTS[(fold + 1) % self.folds][:1], test=held_out),
            sample_ids=np.array([f"{names[row]}-w{index:03d}" for row, index in zip(recording, number, strict=True)]),
            groups=subjects,
        )
