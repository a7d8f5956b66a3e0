"""Conformance of what a dataset declares: name, options, modalities, classes, sources, and its recipes."""

from __future__ import annotations

import dataclasses
from typing import get_args

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import Overrides
from cmkd_bench.config.recipe_file import recipe_file
from cmkd_bench.config.settings_files import choices
from cmkd_bench.dataset import ModalityKind
from cmkd_bench.parameters import describe, problems_of
from cmkd_bench.planning.directions import problems_of_pairs
from cmkd_bench.registry import datasets
from cmkd_bench.testing._dataset_case import DatasetCase
from cmkd_bench.testing._declaration import SCALARS


class DatasetDeclarationTests(DatasetCase):
    """Tests that load nothing."""

    def test_is_registered_under_its_name(self) -> None:
        cls = self.dataset_class()
        name = getattr(cls, "registry_name", None)
        assert name is not None, f"{cls.__name__} is not registered: put @register_dataset('NAME') above the class"
        assert datasets.get(name) is cls, f"the registry knows another class as '{name}': {datasets.get(name)}"
        assert datasets.summary(name), f"'{name}' needs a docstring: `cmkd-bench list` shows its first line"

    def test_options_are_described(self) -> None:
        options = self.dataset_class().Options
        assert dataclasses.is_dataclass(options), f"{options} is not a dataclass"
        frozen = options.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert frozen, f"{options.__name__} must be @dataclass(frozen=True), because its values identify runs"
        for one in describe(options):
            assert one.type in SCALARS, f"'{one.name}' is {one.type}, expected one of {SCALARS}"
            assert one.meaning, f"'{one.name}' has no meaning: declare it with parameter(default, meaning)"
        problems = problems_of(options, self.options, "dataset")
        assert not problems, f"options of the test class: {problems}"

    def test_modalities_have_names_and_kinds(self) -> None:
        modalities = self.dataset_class().modalities
        names = [one.name for one in modalities]
        assert len(names) >= 2, f"a paired dataset has at least two modalities, not {names}"
        assert len(set(names)) == len(names), f"two modalities share a name: {names}"
        for one in modalities:
            assert one.name.isidentifier(), f"'{one.name}' is not a name for --pairs TEACHER:STUDENT"
            assert one.kind in get_args(ModalityKind), f"'{one.name}' is '{one.kind}': see {get_args(ModalityKind)}"
            assert one.meaning, f"'{one.name}' has no meaning: say what it is, its unit, and its shape"

    def test_pairs_are_of_two_of_its_modalities(self) -> None:
        cls = self.dataset_class()
        names = {one.name for one in cls.modalities}
        assert cls.default_pairs, "default_pairs is empty, so that a command without --pairs has nothing to run"
        for teacher, student in cls.default_pairs:
            assert {teacher, student} <= names, f"{teacher}:{student} is not a pair of {sorted(names)}"
            assert teacher != student, f"{teacher}:{student} is one modality"

    def test_task_classes_and_sources_are_given(self) -> None:
        cls = self.dataset_class()
        assert cls.task, "task is empty: say what is predicted"
        if cls.classes:  # otherwise they depend on the files
            assert len(set(cls.classes)) == len(cls.classes) >= 2, f"expected two distinct classes: {cls.classes}"
        assert cls.folds >= 1, f"folds={cls.folds}: expected the number of splits"
        assert cls.sources, "sources is empty: name each file's origin, license and citation"
        for source in cls.sources:
            missing = [name for name, value in dataclasses.asdict(source).items() if not value]
            assert not missing, f"the source '{source.file}' does not state: {', '.join(missing)}"

    def test_its_recipes_fit(self) -> None:
        name = self.dataset_class().registry_name
        for protocol in choices("protocol"):
            if recipe_file(name, protocol, self.options.values()) is None:
                continue
            configuration, problems = compose(Overrides((f"protocol={protocol}",)), name)
            assert configuration is not None, f"protocol={protocol}: {problems}"
            wrong = problems_of_pairs(configuration.pairs or (), {name: self.dataset_class()})
            assert not (configuration.pairs and wrong), f"protocol={protocol}: {wrong}"
