"""Which files an item's identity covers, and where its code is said to come from."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import without_plugins
from one_spec import SPEC

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.code_files import CodeFiles
from cmkd_bench.experiment.code_identity import (
    CodeChanged,
    CodeIdentity,
    check_code,
    code_of,
    code_of_network,
    run_code,
)
from cmkd_bench.experiment.plugins import load_plugins
from cmkd_bench.registry import BUILT_IN, Registry, methods

KD_FILES = {
    "methods/kd.py",
    "losses/distillation.py",
    "losses/_checks.py",
    "losses/standardization.py",
    "losses/_precision.py",
    "losses/_targets.py",
}
METHOD = '''\
"""Mine."""
from cmkd_bench import Method, register_method
{imports}

@register_method("mine")
class Mine(Method):
    {body}
'''


@pytest.fixture(autouse=True)
def _without_plugins() -> Iterator[None]:
    with without_plugins():
        yield


@pytest.fixture
def mine(tmp_path: Path) -> Callable[..., CodeIdentity]:
    """Write a plug-in, with files beside it, and return its identity."""

    def write(imports: str = "", body: str = "weight = 1", name: str = "plugin.py", **helpers: str) -> CodeIdentity:
        for helper, text in helpers.items():
            (tmp_path / f"{helper}.py").write_text(text)
        (tmp_path / name).write_text(METHOD.format(imports=imports, body=body))
        load_plugins([tmp_path / name])
        return code_of(methods, "mine")

    return write


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("cmkd_bench.methods.kd", KD_FILES),
        ("cmkd_bench.methods.kd_random", KD_FILES | {"methods/kd_random.py"}),
        ("cmkd_bench.methods.none", {"methods/none.py"}),
        ("cmkd_bench.networks.cnn1d", {"networks/cnn1d.py", "networks/_convolutional.py"}),
        ("cmkd_bench.datasets.mfeat", {"datasets/mfeat.py"}),
    ],
)
def test_a_built_in_item_depends_on_its_file_its_losses_and_its_bases(module: str, expected: set[str]) -> None:
    found = CodeFiles([module])
    assert found.built_in == expected
    assert found.own == {}


def test_built_in_code_says_so_and_a_family_s_models_share_its_code() -> None:
    assert code_of(methods, "kd").origin.startswith(f"{BUILT_IN}, cmkd-bench ")
    assert code_of_network("timm/resnet18") == code_of_network("timm/resnet50") != code_of_network("mlp")


def test_a_plugin_s_identity_changes_with_its_code_alone(mine: Callable[..., CodeIdentity]) -> None:
    first = mine()
    assert first.origin == f"plugin.py, {first.id}"
    assert mine(body="weight = 1  # as before") == first
    assert mine(body="weight = 2").id != first.id
    assert methods.get("mine").weight == 2, "an edited plug-in is loaded anew"
    assert mine() == first


@pytest.mark.parametrize(
    "imports",
    [
        "import helper",
        "from helper import weight",
        "from helper import *",
        "import further",
        "def later():\n    import helper",
        "from folder import part",
        "from folder.part import weight",
        "import folder.part as part",
    ],
)
def test_it_covers_the_modules_beside_it(tmp_path: Path, mine: Callable[..., CodeIdentity], imports: str) -> None:
    def identity(weight: int) -> CodeIdentity:
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "folder" / "__init__.py").write_text("")
        (tmp_path / "folder" / "part.py").write_text(f"weight = {weight}\n")
        return mine(imports, helper=f"weight = {weight}\n", further="import helper\n", unused=f"weight = {weight}\n")

    first = identity(1)
    assert identity(2).id != first.id
    assert identity(1) == first
    module = methods.get("mine").__module__
    for name in ("helper", "part"):
        if loaded := getattr(sys.modules[module], name, None):
            assert loaded.weight == 1, "what is in memory is what was hashed"


def test_it_covers_nothing_else_beside_it(mine: Callable[..., CodeIdentity]) -> None:
    assert mine(unused="weight = 1\n") == mine(unused="weight = 2\n")


def test_it_covers_its_built_in_base_and_losses(mine: Callable[..., CodeIdentity]) -> None:
    mine("from cmkd_bench.methods.crd import CRD")
    found = CodeFiles([methods.get("mine").__module__])
    assert found.built_in >= {"methods/crd.py", "losses/contrastive_memory.py", "losses/negative_sampling.py"}
    assert "losses/rank_correlation.py" not in found.built_in
    mine("from cmkd_bench.losses import kendall_tau")
    assert {"losses/rank_correlation.py", "losses/_sorted_pairs.py"} <= CodeFiles(
        [methods.get("mine").__module__]
    ).built_in
    mine("from cmkd_bench import losses")
    assert (
        len([file for file in CodeFiles([methods.get("mine").__module__]).built_in if file.startswith("losses/")]) > 9
    )


def test_two_files_of_one_name_do_not_shadow_each_other(tmp_path: Path) -> None:
    for folder, weight in (("a", 1), ("b", 2)):
        (tmp_path / folder).mkdir()
        text = METHOD.format(imports="", body=f"weight = {weight}").replace("mine", f"mine_{folder}")
        (tmp_path / folder / "my.py").write_text(text)
    load_plugins([tmp_path / "a" / "my.py", tmp_path / "b" / "my.py"])
    assert [methods.get(f"mine_{folder}").weight for folder in "ab"] == [1, 2]
    assert code_of(methods, "mine_a").id != code_of(methods, "mine_b").id


def test_helpers_of_one_name_in_two_folders_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "helps_both.py").write_text("weight = 1\n")
        text = METHOD.format(imports="import helps_both", body="pass").replace("mine", f"mine_{folder}")
        (tmp_path / folder / f"of_{folder}.py").write_text(text)
    load_plugins([tmp_path / folder / f"of_{folder}.py" for folder in "ab"])
    code_of(methods, "mine_a")
    with pytest.raises(UserError, match=r"b/of_b\.py imports 'helps_both', which is .*a/helps_both\.py"):
        code_of(methods, "mine_b")
    del sys.modules["helps_both"]


def test_an_interactive_definition_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    registry: Registry[type] = Registry("method", "cmkd_bench.methods", "no.such.group")
    exec("@registry.register('sketched')\nclass Sketched: ...", {"registry": registry, "__name__": "session"})
    with pytest.raises(UserError, match=r"'sketched' is defined in session, which is not a Python file.*--plugin FILE"):
        code_of(registry, "sketched")


def test_a_third_party_s_code_counts_with_all_of_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def install(weight: int) -> CodeIdentity:
        site = tmp_path / str(weight) / "site-packages"
        information = site / "their_package-1.0.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text("Name: their-package\nVersion: 1.0\n")
        (information / "entry_points.txt").write_text("[some.group]\nmine = their_counted_method\n")
        (information / "RECORD").write_text("their_counted_method.py,,\ntheir_counted_helper.py,,\n")
        (site / "their_counted_method.py").write_text(
            "import their_counted_helper, numpy\nimport registry_of_the_test\n\n"
            "@registry_of_the_test.registry.register('mine')\nclass Mine: ...\n"
        )
        (site / "their_counted_helper.py").write_text(f"weight = {weight}\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(site)
            registry: Registry[type] = Registry("method", "cmkd_bench.methods", "some.group")
            patch.setitem(sys.modules, "registry_of_the_test", type(sys)("registry_of_the_test"))
            patch.setattr(sys.modules["registry_of_the_test"], "registry", registry, raising=False)
            importlib.invalidate_caches()
            found = code_of(registry, "mine")
        for name in ("their_counted_method", "their_counted_helper"):
            del sys.modules[name]
        return found

    first, second = install(1), install(2)
    assert first.origin == f"their-package 1.0, {first.id}"
    assert first.id != second.id


def test_a_run_is_refused_by_other_code() -> None:
    planned = replace(SPEC, code=run_code(SPEC))
    check_code(planned)
    other = {**dict(planned.code), "dataset": "another", "method": "another"}
    with pytest.raises(CodeChanged, match="the code of the dataset and the method is not the one"):
        check_code(replace(SPEC, code=tuple(other.items())))
