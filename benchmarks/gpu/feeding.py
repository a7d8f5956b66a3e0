"""How long a step of a ResNet-18 pair waits for data from prepared arrays, in the engine's own batches.

Images of 256 x 256 (uint8) and spectrograms of 257 x 1004 (float16) in memory maps, as `prepare` writes them, against
the same arrays on the card. Two ways: with the card idle before each batch is asked for, so that waiting is what the
batch alone takes; and as the engine runs, where what counts is the whole epoch from disk over the one from memory.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.gpu._part import Part, run_part
from cmkd_bench.augmentation import Augmentation
from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.network import InputShape
from cmkd_bench.networks import Network, build_network
from cmkd_bench.training import batches, tensors, views
from cmkd_bench.training.batches import Batches
from cmkd_bench.training.pairing import Pairing
from cmkd_bench.training.teacher import TrainedTeacher
from cmkd_bench.training.tensors import Inputs, Mapped, Resident
from cmkd_bench.training.tensors import Part as Data
from cmkd_bench.training.views import View

CLASSES, WARM = 28, 4


def main(part: Part) -> None:
    """From disk and from memory, in TF32 and in bfloat16: the faster the step, the more a wait counts."""
    configuration, _ = compose(parse_overrides([]), "ave")
    assert configuration is not None
    augmentation = configuration.augmentation
    if part.is_small:
        augmentation = dataclasses.replace(augmentation, height=64, width=64)
    arrays = _write(part)
    device = torch.device(part.device)
    for half in (False, True):
        for source in ("disk", "memory"):
            with part.attempt(f"{source}, {'bfloat16' if half else 'float32'}"):
                _measure(part, _data(arrays, source, augmentation, device), source, half, device)
    with part.attempt("waiting copies"):
        # The same once more where small tensors go to the card by copies that wait for it.
        for module in (batches, tensors, views):
            module.to_device = torch.Tensor.to  # type: ignore[attr-defined]
        _measure(part, _data(arrays, "disk", augmentation, device), "disk, small copies that wait", True, device)


def _write(part: Part) -> Mapping[str, Path]:
    samples = 24 if part.is_small else 640
    rng = np.random.default_rng(0)
    shapes = {"video": (3, 80, 80), "audio": (1, 64, 96)} if part.is_small else {}
    shapes = shapes or {"video": (3, 256, 256), "audio": (1, 257, 1004)}
    types = {"video": np.uint8, "audio": np.float16}
    files = {}
    for name, shape in shapes.items():
        files[name] = part.folder / f"{name}.npy"
        rows = np.lib.format.open_memmap(files[name], "w+", types[name], (samples, *shape))
        one = rng.integers(256, size=(8, *shape)).astype(types[name])
        for start in range(0, samples, 8):
            rows[start : start + 8] = np.roll(one, start, axis=-1)
        rows.flush()
    return files


def _data(arrays: Mapping[str, Path], source: str, augmentation: Augmentation, device: torch.device) -> Data:
    inputs: dict[str, Inputs] = {}
    for name, file in arrays.items():
        rows = np.load(file, mmap_mode="r")
        on_disk = Mapped.of(rows, np.arange(len(rows)), device)
        inputs[name] = on_disk if source == "disk" else Resident(torch.from_numpy(np.array(rows)).to(device))
    labels = (torch.arange(len(rows)) % CLASSES).to(device)
    middle = torch.full((1, 1, 1), 128.0, device=device)
    kinds = {"video": "image", "audio": "spectrogram"}
    seen_as = {name: View(kind, augmentation, middle, 1 / middle) for name, kind in kinds.items()}
    return Data(inputs, labels, seen_as)


def _measure(part: Part, data: Data, source: str, half: bool, device: torch.device) -> None:
    networks = {
        name: build_network("timm/resnet18", InputShape(view.kind, view.shape(data.inputs[name].shape)), CLASSES)
        for name, view in data.views.items()
    }
    teacher, student = (networks[name].to(device).train() for name in ("audio", "video"))
    optimizer = torch.optim.SGD([*teacher.parameters(), *student.parameters()], 0.01, fused=True)
    fed = Batches(data, "video", TrainedTeacher(teacher, "audio", ()), Pairing(), 8 if part.is_small else 64, 0, device)
    epochs = 1 if part.is_small else 4

    def step(student_sees: Tensor, teacher_sees: Tensor | None, index: Tensor) -> None:
        assert teacher_sees is not None
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            loss = _loss(student, student_sees, data.labels[index]) + _loss(teacher, teacher_sees, data.labels[index])
        torch.autograd.backward(loss)
        optimizer.step()

    waits, steps = [], []
    for epoch in range(epochs):
        stream = fed.epoch("train", epoch + 1)
        while True:
            started = time.perf_counter()
            seen = next(stream, None)
            if seen is None:
                break
            _finish(device)
            got = time.perf_counter()
            step(seen.student, seen.teacher, seen.index)
            _finish(device)
            waits.append(got - started)
            steps.append(time.perf_counter() - started)
    started = time.perf_counter()
    for epoch in range(epochs):
        for seen in fed.epoch("train", epoch + 1):
            step(seen.student, seen.teacher, seen.index)
    _finish(device)
    whole = (time.perf_counter() - started) / epochs / len(fed)
    waits, steps = (values[WARM:] if len(values) > 2 * WARM else values for values in (waits, steps))
    part.row(
        "waiting for data",
        batches_from=source,
        precision="bfloat16" if half else "TF32 convolutions",
        step_ms=1e3 * statistics.median(steps),
        waiting_ms=1e3 * statistics.median(waits),
        longest_wait_ms=1e3 * max(waits),
        waiting_percent=100 * sum(waits) / sum(steps),
        step_as_the_engine_runs_ms=1e3 * whole,
    )


def _loss(network: Network, inputs: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(network(inputs).logits, labels)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    run_part(main)
