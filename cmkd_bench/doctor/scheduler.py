"""Check SLURM: commands, partitions, limits, accounting."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cmkd_bench.doctor import Finding, FindingLevel

NEEDED = ("sbatch", "squeue", "scancel", "scontrol")
ANSWER_SECONDS = 20.0
_PARTITION = "%P|%a|%l|%D|%c|%m|%G"  # name, availability, time limit, nodes, CPUs, MB, generic resources


@dataclass(frozen=True)
class Answer:
    """The answer of a command; `text` is its output, or its error message if it failed."""

    worked: bool
    text: str


def check_slurm(needed: bool) -> Iterator[Finding]:
    """Yield the commands and the cluster's own information.

    Args:
        needed: whether the absence of SLURM is an error.
    """
    found = {name: shutil.which(name) for name in (*NEEDED, "sinfo", "sacct")}
    absent: FindingLevel = "missing" if needed else "note"
    if not any(found.values()):
        yield Finding("SLURM", "not found", absent, "Grids run locally without it.")
        return
    lacking = [name for name in NEEDED if found[name] is None]
    if lacking:
        said = f"no {', '.join(lacking)} on PATH"
        yield Finding("commands", said, absent, "Load your cluster's SLURM module, if there is one.")
        return
    yield Finding("commands", f"{', '.join(name for name, path in found.items() if path)} in {_folder(found)}")
    answer = ask("scontrol", "show", "config")
    if not answer.worked:
        yield Finding("controller", answer.text, absent, "Is this a login node? Is SLURM up?")
        return
    settings = dict(re.findall(r"^(\S+)\s+= (.*?)\s*$", answer.text, re.MULTILINE))
    yield _limits(settings)
    yield from _partitions()
    yield _accounting(settings)
    yield _preemption(settings)


def ask(*command: str) -> Answer:
    """Run a read-only command with a time limit."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        return Answer(False, f"{command[0]} did not answer within {ANSWER_SECONDS:.0f} s")
    except OSError as error:
        return Answer(False, f"{command[0]}: {error.strerror}")
    if done.returncode == 0:
        return Answer(True, done.stdout)
    complaint = " ".join((done.stderr or done.stdout).split())
    return Answer(False, complaint or f"{command[0]} exited with code {done.returncode}")


def _folder(found: Mapping[str, str | None]) -> str:
    return str(found["sbatch"]).rpartition("/")[0]


def _limits(settings: Mapping[str, str]) -> Finding:
    names = ("SLURM_VERSION", "ClusterName", "MaxArraySize", "MaxJobCount", "MinJobAge", "KillWait")
    said = ", ".join(f"{name} {settings[name]}" for name in names if name in settings)
    if settings.get("MaxArraySize") == "0":
        return Finding("controller", said, "missing", "Job arrays are disabled, but the launcher needs them.")
    return Finding("controller", said)


def _partitions() -> Iterator[Finding]:
    answer = ask("sinfo", "--noheader", f"--format={_PARTITION}")
    lines = [line.split("|") for line in answer.text.splitlines()] if answer.worked else []
    if not lines:
        said = "sinfo shows none" if answer.worked else answer.text
        yield Finding("partitions", said, "missing", "Ask your administrator which partition you may use.")
    for name, available, limit, nodes, cpus, memory, resources in lines:
        default = " (default)" if name.endswith("*") else ""
        gpus = "" if resources == "(null)" else f", {resources}"
        found = f"{nodes} nodes of {cpus} CPUs, {memory} MB{gpus}; time limit {limit}; {available}"
        subject = f"partition {name.rstrip('*')}{default}"
        yield (
            Finding(subject, found)
            if available == "up"
            else Finding(subject, found, "note", "Jobs wait until the partition is up.")
        )


def _accounting(settings: Mapping[str, str]) -> Finding:
    kind = settings.get("AccountingStorageType", "unknown")
    without = "No action needed: states are read from run folders, squeue and scontrol."
    if shutil.which("sacct") is None:
        return Finding("accounting", f"no sacct on PATH ({kind})", "note", without)
    answer = ask("sacct", "--noheader", "--allocations", "--format=JobID")
    if answer.worked:
        return Finding("accounting", f"sacct answers ({kind})")
    return Finding("accounting", f"sacct does not answer ({kind}): {answer.text}", "note", without)


def _preemption(settings: Mapping[str, str]) -> Finding:
    signalled = "preempt_send_user_signal" in settings.get("SlurmctldParameters", "")
    if settings.get("PreemptType", "preempt/none").endswith("none"):
        return Finding("preemption", "this cluster does not preempt jobs")
    if signalled:
        return Finding("preemption", "preempted jobs get a signal before they end")
    found = "preempted jobs end without a signal and resume from their last checkpoint"
    return Finding("preemption", found, "note", "Lower launcher.checkpoint_seconds if epochs are expensive.")
