"""What the card, the driver and the packages are, what `doctor` says, and how fast copies are."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version

import torch

from benchmarks.gpu._grids import command
from benchmarks.gpu._part import Part, run_part

PACKAGES = ("torch", "torchvision", "torchaudio", "timm", "transformers", "numpy", "hydra-core", "av", "triton")
MEGABYTES = 64


def main(part: Part) -> None:
    """Report everything that a figure depends on."""
    part.row("versions", name="python", version=platform.python_version())
    for name in PACKAGES:
        with part.attempt(f"version of {name}"):
            try:
                part.row("versions", name=name, version=version(name))
            except PackageNotFoundError:
                part.row("versions", name=name, version="not installed")
    part.row("versions", name="cores", version=len(os.sched_getaffinity(0)))
    command(part, "doctor", what="doctor")
    if part.device == "cuda":
        with part.attempt("nvidia-smi"):
            shown = subprocess.run(["nvidia-smi"], capture_output=True, text=True, check=True).stdout
            part.row("nvidia-smi", card=torch.cuda.get_device_name(), cuda=torch.version.cuda, details=shown)
        for pinned in (False, True):
            with part.attempt("copies"):
                _copies(part, pinned)


def _copies(part: Part, pinned: bool) -> None:
    """Gigabytes per second from the host to the card."""
    values = torch.empty(MEGABYTES * 2**20, dtype=torch.uint8, pin_memory=pinned)
    values.to("cuda")
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        values.to("cuda", non_blocking=pinned)
    torch.cuda.synchronize()
    took = time.perf_counter() - started
    part.row("copies to the card", memory="pinned" if pinned else "pageable", gb_per_s=10 * MEGABYTES / 1024 / took)


if __name__ == "__main__":
    run_part(main)
