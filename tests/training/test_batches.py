"""Batches: the same from memory and from disk, with views that depend on the seed and the place alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from devices import needs_gpu
from torch import Tensor

from cmkd_bench.config.augmentation import NO_AUGMENTATION
from cmkd_bench.declaration import PairingForm
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.batches import Batches, BatchInputs
from cmkd_bench.training.pairing import Pairing
from cmkd_bench.training.teacher import StoredTeacher, Teacher, TrainedTeacher
from cmkd_bench.training.tensors import Inputs, Mapped, Part, Resident
from cmkd_bench.training.views import View

CPU = torch.device("cpu")
AUGMENTED = dataclasses.replace(NO_AUGMENTATION, crop_scale=0.4, flip=True, columns=5)
ROWS = np.array([1, 4, 5, 6, 9, 10, 11])


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "image": rng.integers(256, size=(12, 3, 8, 8), dtype=np.uint8),
        "audio": rng.standard_normal((12, 1, 4, 9)).astype(np.float16),
        "targets": rng.integers(5, size=(12, 8, 8), dtype=np.uint8),
    }


def mapped(folder: Path, name: str, values: np.ndarray) -> Inputs:
    np.save(folder / f"{name}.npy", values)
    return Mapped.of(np.load(folder / f"{name}.npy", mmap_mode="r"), ROWS, CPU)


def part(inputs: dict[str, Inputs], targets: Inputs | None = None) -> Part:
    views = {"image": View("image", AUGMENTED), "audio": View("spectrogram", AUGMENTED)}
    return Part(inputs, torch.zeros(len(ROWS), dtype=torch.int64), views, targets)


def resident() -> dict[str, Inputs]:
    return {name: Resident(torch.from_numpy(values[ROWS])) for name, values in arrays().items()}


class Shown(Teacher):
    """Wants to be shown the sound."""

    modality = "audio"
    is_augmented = True

    def outputs(self, index: Tensor, inputs: Tensor | None) -> Outputs:
        raise AssertionError("batches never ask the teacher")


def epoch(
    train: Part, teacher: Teacher | None = None, form: PairingForm = "paired", seed: int = 0, number: int = 1
) -> list[BatchInputs]:
    return list(Batches(train, "image", teacher, Pairing(form), 3, seed, CPU).epoch("train", number))


def test_memory_and_disk_give_the_same_batches(tmp_path: Path) -> None:
    from_disk = {name: mapped(tmp_path, name, values) for name, values in arrays().items()}
    one, other = epoch(part(resident()), Shown()), epoch(part(from_disk), Shown())
    assert len(one) == len(other) == 2  # 7 samples in batches of 3, the last one left out
    for ours, theirs in zip(one, other, strict=True):
        assert torch.equal(ours.index, theirs.index)
        assert torch.equal(ours.student, theirs.student)
        assert ours.teacher is not None
        assert theirs.teacher is not None
        assert torch.equal(ours.teacher, theirs.teacher)


def test_rows_of_a_map_are_the_parts_rows(tmp_path: Path) -> None:
    values = arrays()["image"]
    read = mapped(tmp_path, "image", values).stored(torch.tensor([6, 0, 2]))
    assert np.array_equal(read.numpy(), values[[11, 1, 5]])


def test_only_the_frames_that_are_seen_are_read(tmp_path: Path) -> None:
    videos = np.random.default_rng(1).integers(256, size=(12, 4, 3, 2, 2), dtype=np.uint8)
    index, frames = torch.tensor([6, 0]), torch.tensor([[0, 3], [1, 2]])
    for inputs in (mapped(tmp_path, "video", videos), Resident(torch.from_numpy(videos[ROWS]))):
        read = inputs.stored(index, frames)
        assert read.shape == (2, 2, 3, 2, 2)
        assert np.array_equal(read[0].numpy(), videos[11][[0, 3]])
        assert np.array_equal(read[1].numpy(), videos[1][[1, 2]])


def test_a_student_sees_the_same_whatever_the_teacher_wants() -> None:
    alone, taught = epoch(part(resident())), epoch(part(resident()), Shown(), form="shuffled")
    assert all(torch.equal(one.student, other.student) for one, other in zip(alone, taught, strict=True))
    assert all(one.teacher is None for one in alone)


@pytest.mark.parametrize("changed", [{"seed": 1}, {"number": 2}])
def test_order_and_views_change_with_seed_and_epoch(changed: dict[str, int]) -> None:
    one, other = epoch(part(resident())), epoch(part(resident()), **changed)
    assert not torch.equal(one[0].student, other[0].student)


def test_shuffled_pairs_show_the_teacher_another_sample() -> None:
    inputs = {"image": Resident(torch.arange(7.0).view(7, 1)), "audio": Resident(torch.arange(7.0).view(7, 1))}
    views = {name: View("vector", NO_AUGMENTATION) for name in inputs}
    train = Part(inputs, torch.zeros(7, dtype=torch.int64), views)
    for seen in epoch(train, Shown(), form="shuffled"):
        assert seen.teacher is not None
        assert torch.equal(seen.student[:, 0], seen.index.float())
        assert torch.equal(seen.teacher[:, 0], seen.teacher_index.float())
        assert (seen.teacher_index != seen.index).all()
    for seen in epoch(train, Shown()):
        assert torch.equal(seen.teacher_index, seen.index)


def test_a_teacher_that_was_run_before_is_shown_nothing() -> None:
    stored = StoredTeacher(Outputs(torch.zeros(7, 2), torch.zeros(7, 3)))
    assert all(seen.teacher is None for seen in epoch(part(resident()), stored))


def test_label_maps_and_both_modalities_share_one_crop() -> None:
    values = torch.from_numpy(arrays()["targets"][ROWS])
    inputs: dict[str, Inputs] = {name: Resident(values[:, None].float()) for name in ("image", "depth")}
    views = {name: View("image", AUGMENTED) for name in inputs}
    train = Part(inputs, torch.zeros(len(ROWS), dtype=torch.int64), views, Resident(values))
    teacher = TrainedTeacher(torch.nn.Linear(1, 1), "depth", ())  # type: ignore[arg-type]
    for seen in epoch(train, teacher):
        assert seen.teacher is not None
        assert torch.equal(seen.student, seen.teacher)
        assert seen.targets is not None
        assert torch.equal(seen.targets, values[seen.index])
        assert seen.box is not None
        assert seen.box.size.shape == (3, 2)


@needs_gpu
def test_a_gpu_sees_what_a_cpu_sees(tmp_path: Path) -> None:
    device = torch.device("cuda")
    np.save(tmp_path / "image.npy", arrays()["image"])
    read = Mapped.of(np.load(tmp_path / "image.npy", mmap_mode="r"), ROWS, device)
    train = part({"image": read})
    seen = list(Batches(train, "image", None, Pairing(), 3, 0, device).epoch("train", 1))
    for there, here in zip(seen, epoch(part({"image": resident()["image"]})), strict=True):
        assert there.student.device.type == "cuda"
        torch.testing.assert_close(there.student.cpu(), here.student, atol=1e-3, rtol=1e-4)


@needs_gpu
def test_a_batch_is_made_without_waiting_for_the_gpu(tmp_path: Path) -> None:
    device = torch.device("cuda")
    inputs: dict[str, Inputs] = {}
    for name, values in arrays().items():
        np.save(tmp_path / f"{name}.npy", values)
        inputs[name] = Mapped.of(np.load(tmp_path / f"{name}.npy", mmap_mode="r"), ROWS, device)
    resident = {name: Resident(torch.from_numpy(values[ROWS]).to(device)) for name, values in arrays().items()}
    for source in (inputs, resident):
        batches = Batches(part(source), "image", Shown(), Pairing("shuffled"), 3, 0, device)
        list(batches.epoch("train", 1))
        torch.cuda.set_sync_debug_mode("error")
        try:
            list(batches.epoch("train", 2))
        finally:
            torch.cuda.set_sync_debug_mode("default")
