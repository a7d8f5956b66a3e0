"""Check Python, packages, devices, and the hub of pretrained weights."""

from __future__ import annotations

import os
import platform
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

from cmkd_bench.doctor import Finding
from cmkd_bench.errors import UserError

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
PACKAGE = "cmkd-bench"
GIB = 2**30
_YES = ("1", "ON", "YES", "TRUE")


def check_python() -> Iterator[Finding]:
    """Yield Python and the packages, compared with the versions that this version of cmkd-bench requires."""
    from packaging.requirements import Requirement

    python, requirements = _asked()
    yield _python(python)
    good = []
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = _version(requirement.name)
        if found is not None and requirement.specifier.contains(found, prereleases=True):
            good.append(f"{requirement.name} {found}")
        else:
            advice = f"pip install '{requirement}'"
            yield Finding(requirement.name, f"{found or 'not installed'} ({requirement.specifier})", "missing", advice)
    yield Finding("packages", ", ".join(good))


def _python(wanted: str) -> Finding:
    from packaging.specifiers import SpecifierSet

    here = platform.python_version()
    found = f"{here} ({wanted}), {sys.executable}"
    if SpecifierSet(wanted).contains(here, prereleases=True):
        return Finding("Python", found)
    return Finding("Python", found, "missing", f"Create an environment with Python {wanted}.")


def check_devices() -> Iterator[Finding]:
    """Yield the devices that torch can use."""
    try:
        import torch
    except Exception as error:  # broken installations fail in many ways
        yield Finding("torch", f"cannot be imported: {error}", "missing", "pip install --force-reinstall torch")
        return
    yield Finding("CPU", f"{len(os.sched_getaffinity(0))} usable cores, {torch.get_num_threads()} torch threads")
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(number)
            free, _ = torch.cuda.mem_get_info(number)
            memory = f"{device.total_memory / GIB:.0f} GiB, {free / GIB:.0f} GiB free"
            yield Finding(f"GPU {number}", f"{device.name}, {memory}, CUDA {torch.version.cuda}")
    else:
        yield Finding("GPU", f"none: {_why_no_gpu()}", "note", "Not needed for --device cpu or on a login node.")


def _why_no_gpu() -> str:
    import torch

    if torch.version.cuda is None:
        return f"torch {torch.__version__} was built without CUDA"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides all GPUs"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().splitlines()[0].split(". ")[0].rstrip(".")
    return "torch finds none"


def check_hub() -> Iterator[Finding]:
    """Yield whether pretrained weights may be downloaded; this downloads nothing."""
    offline = [name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.environ.get(name, "").upper() in _YES]
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    cache = f"{home}{'' if home.is_dir() else ' (does not exist yet)'}"
    if offline:
        yield Finding("hub", f"{offline[0]} is set: pretrained weights are only read from {cache}")
    else:
        advice = "If compute nodes have no network: download weights on another node, then export HF_HUB_OFFLINE=1."
        yield Finding("hub", f"pretrained weights are downloaded to {cache} when needed", "ok", advice)


def _asked() -> tuple[str, list[str]]:
    """Return the range of Python and the requirements, from the checkout if there is one, else from the package."""
    if PYPROJECT.is_file():
        project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == PACKAGE:
            return project["requires-python"], project["dependencies"]
    try:
        return metadata(PACKAGE)["Requires-Python"], requires(PACKAGE) or []
    except PackageNotFoundError:
        raise UserError("cmkd-bench is not installed, so its requirements are unknown. Install it with pip.") from None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
