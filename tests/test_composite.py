"""The names of composite modalities and of their networks."""

from __future__ import annotations

import pytest

from cmkd_bench.composite import each, fused, join_weights, members_of, networks_in, part, parts_of, split_weights
from cmkd_bench.dataset import Modality


def test_a_single_modality_stays_as_it_is() -> None:
    assert parts_of("video") == ("video",)
    assert each("video", len) == 5
    assert part(5, "video") == 5
    assert fused("concat", ["mlp"]) == "mlp"
    assert members_of("timm/resnet18") == ("", ("timm/resnet18",))
    assert networks_in("timm/resnet18") == ("timm/resnet18",)


def test_a_composite_one_has_a_value_for_each_part() -> None:
    values = each("audio+video+text", len)
    assert values == {"audio": 5, "video": 5, "text": 4}
    assert part(values, "text") == 4


@pytest.mark.parametrize("members", [("mlp", "cnn1d"), ("timm/resnet18", "transformers/google-bert/bert-base", "mlp")])
def test_the_name_of_a_fusion_names_its_members(members: tuple[str, ...]) -> None:
    name = fused("late", members)
    assert members_of(name) == ("late", members)
    assert networks_in(name) == ("late", *members)
    assert networks_in(fused("late", ("mlp", "mlp"))) == ("late", "mlp")


@pytest.mark.parametrize("weights", [("", "hub"), ("hub", "sha256:0123456789ab"), ("hub", "")])
def test_each_member_keeps_its_initial_weights(weights: tuple[str, ...]) -> None:
    assert split_weights(join_weights(weights), 2) == weights


def test_random_weights_are_the_same_text_for_any_number_of_members() -> None:
    assert join_weights(["", "", ""]) == ""
    assert split_weights("", 3) == ("", "", "")


@pytest.mark.parametrize("name", ["audio+video", "audio:video", "a,b", "a.b", "f(x)"])
def test_a_modality_cannot_have_a_name_that_would_be_read_otherwise(name: str) -> None:
    with pytest.raises(ValueError, match="must not contain"):
        Modality(name, "vector", "")
