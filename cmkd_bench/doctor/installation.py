"""Python, packages, devices, and the hub of pretrained weights."""

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
    """Python and the packages, against the ranges that this version of cmkd-bench asks for."""
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
    return Finding("Python", found, "missing", f"Make an environment with Python {wanted}.")


def check_devices() -> Iterator[Finding]:
    """What torch can compute on."""
    try:
        import torch
    except Exception as error:  # a broken installation fails in many ways
        yield Finding("torch", f"cannot be imported: {error}", "missing", "pip install --force-reinstall torch")
        return
    yield Finding("CPU", f"{len(os.sched_getaffinity(0))} cores to use, {torch.get_num_threads()} threads in torch")
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(number)
            free, _ = torch.cuda.mem_get_info(number)
            memory = f"{device.total_memory / GIB:.0f} GiB, {free / GIB:.0f} free"
            yield Finding(f"GPU {number}", f"{device.name}, {memory}, CUDA {torch.version.cuda}")
    else:
        yield Finding("GPU", f"none: {_why_no_gpu()}", "note", "None is needed for --device cpu, nor on a login node.")


def _why_no_gpu() -> str:
    import torch

    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides them"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return str(error).strip().splitlines()[0].split(". ")[0].rstrip(".")
    return "torch sees none"


def check_hub() -> Iterator[Finding]:
    """Whether pretrained weights may be fetched; nothing is fetched here."""
    offline = [name for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") if os.environ.get(name, "").upper() in _YES]
    home = Path(os.environ.get("HF_HOME") or "~/.cache/huggingface").expanduser()
    cache = f"{home}{'' if home.is_dir() else ' (not there yet)'}"
    if offline:
        yield Finding("hub", f"{offline[0]} is set: pretrained weights are taken from {cache} alone")
    else:
        advice = "Compute nodes without a network: fetch weights once where there is one, then export HF_HUB_OFFLINE=1."
        yield Finding("hub", f"pretrained weights are fetched when they are asked for, into {cache}", "ok", advice)


def _asked() -> tuple[str, list[str]]:
    """The range of Python and the requirements: of the checkout where there is one, else of the installed package."""
    if PYPROJECT.is_file():
        project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8")).get("project", {})
        if project.get("name") == PACKAGE:
            return project["requires-python"], project["dependencies"]
    try:
        return metadata(PACKAGE)["Requires-Python"], requires(PACKAGE) or []
    except PackageNotFoundError:
        raise UserError("cmkd-bench is not installed here, so its requirements are unknown. pip install it.") from None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
