"""A training step over its floor for every method: ResNet-18 on sound teaches ResNet-18 on images, B = 64.

As benchmarks/training_step.py measures it, in each precision and form of the networks.
"""

from __future__ import annotations

import functools
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import training_step
from benchmarks._timing import Functions, interleaved
from benchmarks.gpu._part import Part, run_part
from benchmarks.training_step import Bench, build, measure
from cmkd_bench.network import InputShape
from cmkd_bench.registry import methods
from cmkd_bench.training.memory import peak_mb, reset_peak

IMAGE, SOUND = InputShape("image", (3, 224, 224)), InputShape("spectrogram", (1, 257, 1004))
SMALL_IMAGE, SMALL_SOUND = InputShape("image", (3, 64, 64)), InputShape("spectrogram", (1, 64, 96))
ROUNDS = 5


@dataclass(frozen=True)
class Form:
    """How both networks compute."""

    name: str
    tf32: bool = False
    half: bool = False
    channels_last: bool = False
    compiled: bool = False
    benchmark: bool = False


FORMS = (
    Form("TF32", tf32=True),
    Form("bfloat16", tf32=True, half=True),
    Form("float32"),
    Form("TF32, channels_last", tf32=True, channels_last=True),
    Form("bfloat16, channels_last", tf32=True, half=True, channels_last=True),
    Form("bfloat16, channels_last, cudnn.benchmark", tf32=True, half=True, channels_last=True, benchmark=True),
)
COMPILED = (
    Form("bfloat16, channels_last, compiled", tf32=True, half=True, channels_last=True, compiled=True),
    Form("TF32, compiled", tf32=True, compiled=True),
)
# Of the forms that add least, the methods that differ most in what they ask of the networks.
FEW = ("none", "kd", "c2kd", "crd", "fitnet")


def main(part: Part) -> None:
    """The floors of all forms first, then all methods in each form."""
    training_step.ROUNDS = 3 if part.is_small else ROUNDS
    training_step.BATCH = 4 if part.is_small else 64
    forms = COMPILED if part.what == "compiled" else FORMS[:2] if part.is_small else FORMS
    for form in forms:
        with part.attempt(f"floors, {form.name}"), _as(form):
            _floors(part, form)
    for form in forms if part.what != "compiled" else forms[:1]:
        with _as(form):
            _methods(part, form, FEW if part.is_small or form in (*FORMS[3:], *COMPILED) else methods.names())


@contextmanager
def _as(form: Form) -> Iterator[None]:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("high" if form.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = form.tf32
    torch.backends.cudnn.benchmark = form.benchmark
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark = before[1:]


def _bench(part: Part, form: Form) -> Bench:
    image, sound = (SMALL_IMAGE, SMALL_SOUND) if part.is_small else (IMAGE, SOUND)
    with torch.device(part.device):
        bench = build("timm/resnet18", image, sound)
    if form.channels_last:
        for network in (bench.teacher, bench.student, bench.composite):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        bench.teacher_inputs = bench.teacher_inputs.contiguous(memory_format=torch.channels_last)
        bench.student_inputs = bench.student_inputs.contiguous(memory_format=torch.channels_last)
    if form.compiled:
        for network in (bench.teacher, bench.student, bench.composite):
            network.features = torch.compile(network.features)  # type: ignore[method-assign]
    return bench


def _in(form: Form, device: str, function: Callable[[], object]) -> Callable[[], object]:
    """A call in the form's precision; a context for each, or weights that were cast for one would serve the next."""

    @functools.wraps(function)
    def call() -> object:
        with torch.autocast(device, torch.bfloat16, enabled=form.half):
            return function()

    return call


def _floors(part: Part, form: Form) -> None:
    started = time.monotonic()
    bench, device = _bench(part, form), torch.device(part.device)
    for what, trains in (("teacher frozen", False), ("teacher trained", True)):
        reset_peak(device)
        function = _in(form, part.device, functools.partial(bench.floor, trains))
        seconds = interleaved({"floor": function}, training_step.ROUNDS)["floor"]
        asked = host_seconds(function)
        numbers = {"ms": 1e3 * seconds, "host_ms": 1e3 * asked, "peak_mb": peak_mb(device)}
        part.row("floors: both networks and cross-entropy", form=form.name, what=what, **numbers)
    part.row("preparing a form", form=form.name, seconds=time.monotonic() - started)


def host_seconds(function: Callable[[], object], times: int = 5) -> float:
    """Seconds until a call returns: what the processor needs to ask for the work, where nothing waits for the card."""
    samples = []
    for _ in range(times):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        started = time.perf_counter()
        function()
        samples.append(time.perf_counter() - started)
    return statistics.median(samples)


def _methods(part: Part, form: Form, names: list[str] | tuple[str, ...]) -> None:
    device = torch.device(part.device)

    def timing(functions: Functions, rounds: int) -> dict[str, float]:
        return interleaved({name: _in(form, part.device, one) for name, one in functions.items()}, rounds)

    for name in names:
        if part.left < 5:
            part.row("skipped: out of time", form=form.name, method=name)
            continue
        with part.attempt(f"{name}, {form.name}"):
            bench = _bench(part, form)
            if form is FORMS[0]:
                _waits(part, bench, name)
            reset_peak(device)
            for phase, floor, ratio, stored in measure(bench, name, timing):
                columns = {"floor_ms": 1e3 * floor, "step_over_floor": ratio, "stored_over_floor": stored}
                part.row("steps", form=form.name, method=name, phase=phase, **columns, peak_mb=peak_mb(device))


def _waits(part: Part, bench: Bench, name: str) -> None:
    """How often the processor waits for the card within one step: each time, the card runs dry."""
    if part.device != "cuda":
        return
    cls = methods.get(name)
    method = cls(cls.HyperParameters(), bench.pair).to(part.device)
    with torch.no_grad():
        stored = bench.teacher(bench.teacher_inputs, method.teacher_layers())
    for phase in method.phases():
        bench.step(method, phase, None if method.updates_teacher else stored)  # the first one sets things up
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                bench.step(method, phase, None if method.updates_teacher else stored)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        places = sorted(
            {f"{Path(one.filename).name}:{one.lineno}" for one in caught if "synchroniz" in str(one.message)}
        )
        part.row("waiting for the card within a step", method=name, phase=phase.name, places=", ".join(places))


if __name__ == "__main__":
    run_part(main)
