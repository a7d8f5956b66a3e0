"""Arguments KEY=VALUE: which keys exist, values as Hydra reads them, and one message for what Hydra refuses."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Command
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from cmkd_bench.config.compose import _compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.settings_files import SECTIONS, choices, known_settings

GRID = ["run", "--datasets", "mfeat", "--pairs", "pixels:fourier", "--seeds", "1", "--methods", "kd", "--dry-run"]


@pytest.mark.parametrize(
    ("protocol", "model", "launcher"),
    list(itertools.product(*map(choices, ("protocol", "model", "launcher")))),
)
def test_the_files_have_the_settings_that_hydra_composes(protocol: str, model: str, launcher: str) -> None:
    composed = _compose((f"protocol={protocol}", f"model={model}", f"launcher={launcher}"), None)
    names = {f"{section}.{name}" for section in SECTIONS for name in composed[section]} - {"launcher.kind"}
    assert set(known_settings({"protocol": protocol, "model": model, "launcher": launcher})) == names


_WRITTEN = st.one_of(
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["true", "false", "null", "True", "NULL", "nan", "inf", "-0", "1e-3", "01", "1_000", "", "[1, 2]"]),
    st.text("abcXYZ_019.-/", min_size=1, max_size=12),
)


@given(text=_WRITTEN)
def test_a_value_is_read_as_hydra_reads_it(text: str) -> None:
    read = parse_overrides([f"method.kd.temperature={text}"]).methods["kd"]["temperature"]
    expected = OverridesParser.create().parse_override(f"key={text}").value()
    assert (read, type(read)) == (expected, type(expected)) or (read != read and expected != expected)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("train.epochs=${foo}", "train.epochs=${foo}: Interpolation key 'foo' not found"),
        ("data.root=${oc.env:NOPE}", "data.root=${oc.env:NOPE}: \"Environment variable 'NOPE' not found\""),
        ("train.epochs=${train.epochs}", "train.epochs=${train.epochs}: Recursive interpolation"),
        ("launcher.extra.x=${y}", "launcher.extra.x=${y}: Interpolation key 'y'"),
        ("+train.epochs=3", "'+train.epochs=3': expected KEY=VALUE without"),
        ("++protocol=smoke", "'++protocol=smoke': expected KEY=VALUE without"),
        ("~train.epochs", "'~train.epochs': expected KEY=VALUE without"),
        ("protocol@x=fair", "'protocol@x=fair': expected KEY=VALUE without"),
        ("train.learning_rate=inf", "train.learning_rate=inf: expected a finite number"),
        ("method.kd.temperature=nan", "method.kd.temperature=nan: expected a finite number"),
        ("launcher.checkpoint_seconds=nan", "launcher.checkpoint_seconds=nan: expected a number of seconds"),
        ("launcher.jobs=99999999999999999999", "expected a number of workers up to 4096"),
        ("train.epochs=99999999999999999999", "too large; integers have 64 bits"),
        (f"train.learning_rate={'9' * 5000}", "the value cannot be read"),
        ("train.epochs=0", "train.epochs=0: must be at least 1"),
        ("data.root=5", "data.root=5: expected the path of a folder"),
        ("data.root={a:1}", "expected the path of a folder"),
        ("method.kd.preset={a:1}", "unknown preset of kd"),
        ('model.student="mlp', "the value cannot be read"),
        ("seeds=5", "Use --seeds 5."),
        ("launcher.kind=slurm", "launcher.kind=slurm: no such setting"),
    ],
)
def test_what_hydra_refuses_is_one_message(cmkd: Command, tmp_path: Path, argument: str, said: str) -> None:
    done = cmkd(*GRID, argument)
    assert done.returncode == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("99999999999999999999", "from 1 to 10000"),
        ("20000", "For seed 20000 alone: --seeds 20000,"),
        ("0,99999999999999999999", "99999999999999999999 is not a seed"),
        ("-1,2", "-1 is not a seed"),
    ],
)
def test_seeds_are_bounded(cmkd: Command, seeds: str, said: str) -> None:
    done = cmkd(*GRID, f"--seeds={seeds}")
    assert done.returncode == 2
    assert said in done.stderr


def test_one_large_seed_is_written_with_a_comma(cmkd: Command) -> None:
    done = cmkd(*GRID, "--no-controls", "--one-way", "--seeds", "20000,")
    assert done.returncode == 0
    assert "3 runs" in done.stdout  # the teacher, the student alone, and kd


@pytest.mark.parametrize("option", ["--methods", "--datasets", "--pairs", "--experiment", "--results", "--launcher"])
def test_an_empty_value_is_not_the_default(cmkd: Command, tmp_path: Path, option: str) -> None:
    for words in ([option, ""], [f"{option}="]):
        done = cmkd(*GRID, *words)
        assert done.returncode == 2
        assert f"{option} is empty" in done.stderr
    assert not list(tmp_path.iterdir())


def test_names_that_are_only_commas_are_not_all_names(cmkd: Command) -> None:
    assert "--methods is empty" in cmkd("run", "--methods", " , ", "--dry-run").stderr


def test_a_mistyped_key_is_found_without_hydra(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from cmkd_bench.cli.app import main\n"
        "codes = [main(['run', argument]) for argument in ('train.epoch=3', 'method.kd.temprature=2.5', 'seeds=3')]\n"
        "assert codes == [2, 2, 2]\n"
        "assert not {'hydra', 'omegaconf', 'torch'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
