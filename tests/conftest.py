"""What several tests share: the option --full, small grids on embedded data, and commands."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from command_line import Command, Done, without_plugins
from hypothesis import HealthCheck, settings

import cmkd_bench
from cmkd_bench.cli.app import main

QUICK = ("train.epochs=2", "launcher.checkpoint_seconds=0")
FULL_ONLY = ("slow", "kill", "slurm", "browser", "latex")  # marks of tests that take minutes, or need programs
_LEFT_OUT = pytest.StashKey[int]()
# Whether a test passes does not depend on the speed of the machine.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


def pytest_configure(config: pytest.Config) -> None:
    """Let commands hear Ctrl-C: they would inherit that a shell lets programs in the background ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help=f"run everything, also tests marked {', '.join(FULL_ONLY)}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of --full out, unless -m chooses for itself."""
    if config.option.full or config.option.markexpr:
        return
    full_only = [item for item in items if any(item.get_closest_marker(mark) for mark in FULL_ONLY)]
    config.hook.pytest_deselected(items=full_only)
    config.stash[_LEFT_OUT] = len(full_only)
    items[:] = [item for item in items if item not in set(full_only)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells the main process, which collects nothing."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(f"{count} slow tests left out; `pytest --full` runs everything.", yellow=True)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test names on a command line is not remembered for the user who runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


@pytest.fixture
def cmkd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """A command in this process and an empty folder, where no test has loaded a plug-in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments: str) -> Done:
        capsys.readouterr()
        code = main(arguments)
        return Done(code, *capsys.readouterr())

    with without_plugins():
        yield call


@pytest.fixture
def quick_run(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Run a grid of two epochs on mfeat, pixels to fourier, one seed, all labels; anything can be overridden."""

    def run(**changes: Any) -> pd.DataFrame:
        arguments: dict[str, Any] = {
            "methods": ["kd"],
            "datasets": ["mfeat"],
            "pairs": ["pixels:fourier"],
            "seeds": 1,
            "overrides": QUICK,
            "experiment": "quick",
            "results": tmp_path / "results",
            "jobs": 1,
            "controls": False,
            "one_way": True,
            "labels": 1,
            "quiet": True,
        }
        return cmkd_bench.run(**{**arguments, **changes})

    return run
