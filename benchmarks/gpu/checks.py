"""The tests that need a GPU; on a CPU their twins that run there."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.gpu._part import Part, run_part

WORKERS, SECONDS_PER_TEST = 5, 90


class _Recorder:
    """Reports each test as it ends, also where workers ran it."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self.counts: dict[str, int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        self.counts[report.outcome] = self.counts.get(report.outcome, 0) + 1
        if report.outcome == "failed":
            text = report.longreprtext
            self._part.fail(report.nodeid, text.strip().splitlines()[-1][:300] if text else "", text)
        else:
            self._part.row(report.outcome, test=report.nodeid, seconds=report.duration)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._part.fail(report.nodeid, "cannot be collected", report.longreprtext)


def main(part: Part) -> None:
    """Run them, each within a time of its own."""
    files = sorted(str(path) for path in Path("tests").rglob("test_*.py") if "from devices import" in path.read_text())
    if part.is_small:
        files = [path for path in files if "losses" in path]
    chosen = ["-m", "not slow", "-k", "cpu"] if part.is_small else ["-m", "gpu"]
    recorder = _Recorder(part)
    given = [*files, *chosen, "-q", "-p", "no:cacheprovider", "--basetemp", str(part.folder / "tests")]
    code = pytest.main([*given, *_plugins(part)], plugins=[recorder])
    part.row("tests", files=len(files), exit_code=int(code), **recorder.counts)


def _plugins(part: Part) -> list[str]:
    """Workers, and a limit for each test, where the plug-ins for them are installed."""
    limit = ["--timeout", str(SECONDS_PER_TEST)] if find_spec("pytest_timeout") else []
    many = find_spec("xdist") and not part.is_small and (os.cpu_count() or 1) >= 8
    return [*limit, *(["-n", str(WORKERS)] if many else [])]


if __name__ == "__main__":
    run_part(main)
