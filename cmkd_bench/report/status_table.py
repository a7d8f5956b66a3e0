"""The state of an experiment's runs: a table, what is running, and what failed with the command that retries it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cmkd_bench.experiment.label_budget import block_name
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.states import OUT_OF_MEMORY, TIME_OUT, TRANSIENT, RunKind, RunStatus, by_cause, counts
from cmkd_bench.launch.slurm.survey import Survey
from cmkd_bench.report.fitted_table import FittedTable

BY_RUN = "rerun the `cmkd-bench run` command that started it, with --retry-failed"
MOST_RUNNING, MOST_REASONS = 12, 5
_COLUMNS: tuple[RunKind, ...] = ("done", "running", "queued", "waiting", "failed", "blocked", "unknown")
_STYLES = {"done": "green", "running": "cyan", "failed": "red", "blocked": "yellow", "unknown": "magenta"}


def summary(experiment: Experiment, survey: Survey) -> str:
    """Count the runs by state in one line."""
    parts = [f"{count} {kind}" for kind, count in counts(survey.statuses.values()).items()]
    return f"{experiment.name}: {len(survey.statuses)} runs: {', '.join(parts)}"


def as_rich(experiment: Experiment, survey: Survey, *, place: str = "") -> RenderableType:
    """Show the state of all runs.

    Args:
        place: options that the printed commands need to find the experiment, e.g. ` --results DIR`.
    """
    running = [run_id for run_id, status in survey.statuses.items() if status.kind == "running"]
    parts: list[RenderableType] = [_table(survey), Text(summary(experiment, survey), style="bold")]
    parts += [_running(survey, run_id) for run_id in running[:MOST_RUNNING]]
    if len(running) > MOST_RUNNING:
        parts.append(Text(f"  and {len(running) - MOST_RUNNING} more running", style="dim"))
    parts += _queued(survey)
    parts += [line for cause in by_cause(survey.statuses) for line in _failures(experiment, survey, cause, place)]
    blocked = Counter(status.message for status in survey.statuses.values() if status.kind == "blocked")
    parts += [Text(f"{count} blocked: {reason}", style="yellow") for reason, count in blocked.items()]
    parts += [Text(f"note: {note}", style="yellow") for note in survey.notes]
    return Group(*parts)


def as_values(experiment: Experiment, survey: Survey, place: str = "") -> dict[str, Any]:
    """Return the state of all runs as values that JSON can hold."""
    return {
        "experiment": experiment.name,
        "counts": counts(survey.statuses.values()),
        "runs": [_run_values(run_id, survey) for run_id in survey.statuses],
        "notes": list(survey.notes),
        "next": next_command(experiment, survey, place),
    }


def _run_values(run_id: str, survey: Survey) -> dict[str, Any]:
    spec, status = survey.specs[run_id], survey.statuses[run_id]
    names = ("method", "dataset", "fold", "labels", "teacher_modality", "student_modality", "seed")
    log = survey.logs.get(run_id)
    return {
        "run_id": run_id,
        **{name: getattr(spec, name) for name in names},
        "state": status.kind,
        "cause": status.cause or None,
        "message": status.message or None,
        "epoch": status.epoch[0] if status.kind == "running" else None,
        "job": status.job or None,
        "log": None if log is None else str(log),
    }


def next_command(experiment: Experiment, survey: Survey, place: str = "") -> str:
    """Return what to do next."""
    kinds = {status.kind for status in survey.statuses.values()}
    if kinds & {"running", "queued", "unknown"}:
        return f"cmkd-bench watch {experiment.name}{place}"
    if "failed" in kinds:
        by_retry = any(status.kind == "failed" and run_id in survey.logs for run_id, status in survey.statuses.items())
        return f"cmkd-bench retry {experiment.name}{place}" if by_retry else BY_RUN
    if kinds <= {"done"}:
        return f"cmkd-bench collect {experiment.name}{place}"
    return "rerun the same `cmkd-bench run` for the runs that no job has"


def _table(survey: Survey) -> FittedTable:
    rows: dict[tuple[str, str], list[RunStatus]] = {}
    for run_id, status in survey.statuses.items():
        spec = survey.specs[run_id]
        rows.setdefault((block_name(spec.dataset, spec.labels), survey.row_of(spec)), []).append(status)
    shown = [kind for kind in _COLUMNS if any(status.kind == kind for status in survey.statuses.values())]
    lines = []
    for (dataset, method), statuses in rows.items():
        by_kind = counts(statuses)
        numbers = (Text(str(by_kind.get(kind) or ""), style=_STYLES.get(kind, "")) for kind in shown)
        lines.append([Text(dataset), Text(method, no_wrap=True), *numbers])
    return FittedTable("", ["dataset", "method", *shown], lines, texts=2, repeated=2)


def _running(survey: Survey, run_id: str) -> Text:
    status = survey.statuses[run_id]
    epoch = f"epoch {status.epoch[0]}/{status.epoch[1] or '?'}"
    return Text(f"  {_name(survey, run_id)}: {epoch} {status.message}".rstrip(), style="dim", no_wrap=True)


def _queued(survey: Survey) -> list[Text]:
    """List why jobs wait, the most frequent reasons first."""
    waiting = (one for one in survey.statuses.values() if one.kind in ("queued", "waiting") and one.message)
    reasons = Counter(_reason(one) for one in waiting)
    frequent = reasons.most_common(MOST_REASONS)
    return [Text(f"  {count} queued or waiting: {reason}", style="dim") for reason, count in frequent]


def _reason(status: RunStatus) -> str:
    """Return why a run waits, without the number of its job, so that equal reasons are counted together."""
    if not status.job:
        return status.message
    return status.message.partition(": ")[2] or "in a job that is running or has ended"


def _failures(experiment: Experiment, survey: Survey, cause: str, place: str) -> Iterator[Text]:
    run_ids = by_cause(survey.statuses)[cause]
    first = run_ids[0]
    resubmitted = "; `run` resubmits them automatically" if cause in TRANSIENT else ""
    yield Text(f"{len(run_ids)} failed: {cause}{resubmitted}", style="red")
    yield Text(f"  {_name(survey, first)} ({first}): {survey.statuses[first].message}")
    if first in survey.logs:
        yield Text(f"  log:   {survey.logs[first]}", no_wrap=True, overflow="ignore")
        command = f"cmkd-bench retry {experiment.name} --cause {shlex.quote(cause)}{_change(survey, first)}{place}"
    else:
        yield Text(f"  error: {experiment.run(first).error}", no_wrap=True, overflow="ignore")
        command = BY_RUN
    yield Text(f"  retry: {command}", no_wrap=True, overflow="ignore")


def _change(survey: Survey, run_id: str) -> str:
    """Return the setting that doubles what there was too little of."""
    status, profile = survey.statuses[run_id], survey.profiles[run_id]
    if status.cause == TIME_OUT:
        return f" launcher.timeout_min={2 * profile.timeout_min}"
    if status.cause == OUT_OF_MEMORY and profile.mem_gb and "CUDA" not in status.message:
        return f" launcher.mem_gb={2 * profile.mem_gb:g}"
    return ""


def _name(survey: Survey, run_id: str) -> str:
    spec = survey.specs[run_id]
    direction = f"{spec.teacher_modality} → {spec.student_modality}" if spec.teacher_modality else spec.student_modality
    return f"{survey.row_of(spec)} {block_name(spec.dataset, spec.labels)} {direction}, seed {spec.seed}"
