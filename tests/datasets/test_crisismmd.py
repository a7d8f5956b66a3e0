"""The tweets: lines as the research quotes them, both tasks' classes, the official split, and what must be refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.clips import ImageClip
from cmkd_bench.data.splits import check_parts
from cmkd_bench.datasets._tweet_repair import clean
from cmkd_bench.datasets.crisismmd import CrisisMMD, Options
from cmkd_bench.errors import UserError

HEADER = "event_name tweet_id image_id tweet_text image label label_text label_image label_text_image".replace(
    " ", "\t"
)
WILDFIRE = (
    "california_wildfires\t917793137925459968\t917793137925459968_0\tRT @KAKEnews: California wildfires destroy more "
    "than 50 structures: https://t.co/IkSrNpmT83\tdata_image/california_wildfires/10_10_2017/917793137925459968_0.jpg\t"
    "infrastructure_and_utility_damage\tinfrastructure_and_utility_damage\tinfrastructure_and_utility_damage\tPositive"
)
MARIA = (
    "hurricane_maria\t914509757070770176\t914509757070770176_0\tHurricane Maria Refugees Arrive in New Jersey: 33 Dogs "
    "&amp; 58 Cats\tdata_image/hurricane_maria/1_10_2017/914509757070770176_0.jpg\tnot_humanitarian\t"
    "affected_individuals\tnot_humanitarian\tNegative"
)
SRI_LANKA = (
    "srilanka_floods\t870425128731107328\t870425128731107328_0\tIFRC launches emergency appeal\tdata_image/"
    "srilanka_floods/1_6_2017/870425128731107328_0.jpg\trescue_volunteering_or_donation_effort\t"
    "rescue_volunteering_or_donation_effort\tnot_humanitarian\tNegative"
)
FIVE = (
    "affected_individuals",
    "infrastructure_and_utility_damage",
    "not_humanitarian",
    "other_relevant_information",
    "rescue_volunteering_or_donation_effort",
)
SPLIT = "crisismmd_datasplit_all/crisismmd_datasplit_all/task_humanitarian_text_img_{}.tsv"
Writer = Callable[..., Path]


def line(number: int, label: str, text: str = "some words", image: str | None = None) -> str:
    tweet = str(917793137925460000 + number)
    path = f"data_image/hurricane_irma/6_9_2017/{tweet}_0.png" if image is None else image
    return "\t".join(["hurricane_irma", tweet, f"{tweet}_0", text, path, label, label, label, "Positive"])


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write the three files of all humanitarian rows; each part takes lines without the header."""

    def files(train: list[str], dev: list[str], test: list[str], pattern: str = SPLIT, end: str = "\n") -> Path:
        for part, lines in (("train", train), ("dev", dev), ("test", test)):
            file = tmp_path / pattern.format(part)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes("".join(row + end for row in [HEADER, *lines]).encode())
        return tmp_path

    return files


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("crisismmd")
    CrisisMMD.write_fixture(root, 96, np.random.default_rng(0))
    return root


def catalogue(root: Path, **options: object) -> Catalogue:
    return CrisisMMD(Options(**options)).catalogue(root)  # type: ignore[arg-type]


def part_names(found: Catalogue) -> list[list[str]]:
    return [[found.sample_ids[row] for row in found.parts[0][part]] for part in ("train", "validation", "test")]


def test_quoted_lines_are_read_into_the_official_parts(write: Writer) -> None:
    found = catalogue(write([WILDFIRE], [MARIA], [SRI_LANKA]), rows="all")
    assert part_names(found) == [["917793137925459968_0"], ["914509757070770176_0"], ["870425128731107328_0"]]
    assert found.inputs["image"][0] == ImageClip("data_image/california_wildfires/10_10_2017/917793137925459968_0.jpg")
    assert list(found.inputs["text"]) == [
        "RT @KAKEnews: California wildfires destroy more than 50 structures:",
        "Hurricane Maria Refugees Arrive in New Jersey: 33 Dogs & 58 Cats",
        "IFRC launches emergency appeal",
    ]
    assert found.groups is not None
    assert found.groups.tolist() == [917793137925459968, 914509757070770176, 870425128731107328]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("label_text", ["infrastructure_and_utility_damage", "affected_individuals", FIVE[4]]),
        ("label_image", ["infrastructure_and_utility_damage", "not_humanitarian", "not_humanitarian"]),
        ("label", ["infrastructure_and_utility_damage", "not_humanitarian", FIVE[4]]),
    ],
)
def test_for_all_rows_an_option_says_whose_label_is_right(write: Writer, column: str, expected: list[str]) -> None:
    found = catalogue(write([WILDFIRE], [MARIA], [SRI_LANKA]), rows="all", label=column)
    assert [found.classes[label] for label in found.labels] == expected
    note, _ = found.notes  # the other: parts of one row lack most classes
    assert note.startswith("text and image have different labels in 2 of 3 samples")
    assert column in note


EIGHT = (*FIVE[:2], "injured_or_dead_people", "missing_or_found_people", *FIVE[2:], "vehicle_damage")
SIX = (*FIVE, "vehicle_damage")


@pytest.mark.parametrize(
    ("count", "names", "labels"),
    [
        (0, FIVE, [0, 1, 0, 0, 2, 3, 4, 1]),
        (5, FIVE, [0, 1, 0, 0, 2, 3, 4, 1]),
        (6, SIX, [0, 1, 0, 0, 2, 3, 4, 5]),
        (8, EIGHT, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_fine_classes_are_merged_as_in_the_literature(
    write: Writer, count: int, names: tuple[str, ...], labels: list[int]
) -> None:
    lines = [line(number, name) for number, name in enumerate(EIGHT)]
    found = catalogue(write(lines, [line(8, EIGHT[0])], [line(9, EIGHT[0])]), rows="all", classes=count)
    assert found.classes == names
    assert found.labels[:8].tolist() == labels


def test_classes_are_five_by_default() -> None:
    assert CrisisMMD.classes == FIVE


def test_fine_classes_are_refused_where_the_column_has_none(write: Writer) -> None:
    root = write([WILDFIRE], [MARIA], [SRI_LANKA])
    with pytest.raises(UserError, match=r"classes=8: label_text of the all rows has none of injured.*label=label"):
        catalogue(root, rows="all", classes=8)


@pytest.mark.parametrize(("task", "count"), [("humanitarian", 2), ("informative", 5), ("informative", 8)])
def test_a_task_has_only_its_own_numbers_of_classes(task: str, count: int) -> None:
    with pytest.raises(UserError, match=rf"classes={count}: the {task} task has .* classes\. Set dataset"):
        CrisisMMD(Options(task=task, classes=count))


@pytest.mark.parametrize(
    ("tweet", "text"),
    [
        ("Weâ€™re fine", "We\u2019re fine"),
        ("â€œgoâ€\x9d", "\u201cgo\u201d"),
        ("Ã©tÃ© in Paris", "\u00e9t\u00e9 in Paris"),
        ("\u00f0\u0178\u02dc\u20ac ok", "\U0001f600 ok"),
        ("caf\u00e9 \u2026 \u4e2d", "caf\u00e9 \u2026 \u4e2d"),
        ("Dogs &amp; &lt;3 &quot;cats&quot;", 'Dogs & <3 "cats"'),
        ("a https://t.co/IkSrNpmT83 b http://x.y/z", "a b"),
        ("cut https://t.co/ab\u2026 cut http\u2026 cut https:/\u2026", "cut cut cut"),
        ("https is a word", "https is a word"),
        ("RT @user: #Irma  two\u00a0spaces", "RT @user: #Irma two spaces"),
        # Mac Roman: E2 80 99 and E2 80 A6
        ("We\u201aÄôre fine\u201aÄ¶", "We\u2019re fine\u2026"),
        # cut emoji, as they are and in both encodings: E1 BD 84 is U+1F44, E1 BD A0 is U+1F60
        ("go \u1f449https://t.co/a now", "go \U0001f449 now"),
        ("\u1f1f5\u1f1f7 \u1f3fB", "\U0001f1f5\U0001f1f7 \U0001f3fb"),
        ("·ΩÑ9 here", "\U0001f449 here"),
        ("so á½ 2á½ 2 ·Ω 4", "so \U0001f602\U0001f602 \U0001f604"),
        ("Is ItÂ Real? 1.¬ Roundabout â€“Â live", "Is It Real? 1. Roundabout \u2013 live"),
        ("âš ️ via", "\u26a0\ufe0f via"),
        ("María está… 20 £ Ω 5", "María está… 20 £ Ω 5"),
        ("What\u221a\xa2\u201a\xc7\xa8\u201a\xd1\xa2s", "What\u2019s"),  # damaged twice
        ("AT&amp;amp;T &amp;lt;3", "AT&T <3"),
        ("the victimshttps://t.co/a_b by", "the victims by"),
    ],
)
def test_tweets_are_cleaned_and_what_is_right_is_left(tweet: str, text: str) -> None:
    assert clean(tweet) == text


def test_quotes_and_unicode_line_ends_in_a_tweet_part_nothing(write: Writer) -> None:
    tweet = 'He said "go\u2028now\x85 and'
    root = write([line(0, FIVE[0], tweet), line(1, FIVE[0])], [line(2, FIVE[0])], [line(3, FIVE[0])])
    found = catalogue(root, rows="all")
    assert len(found.sample_ids) == 4
    assert found.inputs["text"][0] == 'He said "go now and'


def test_a_tweet_of_links_alone_is_left_out_by_name(write: Writer) -> None:
    root = write([line(0, FIVE[0], "https://t.co/a"), line(1, FIVE[1])], [line(2, FIVE[0])], [line(3, FIVE[0])])
    found = catalogue(root, rows="all")
    assert part_names(found)[0] == ["917793137925460001_0"]
    assert [(line.sample_id, line.modality) for line in found.skipped] == [("917793137925460000_0", "text")]
    assert "no words" in found.skipped[0].reason


def test_texts_that_are_alike_without_their_links_are_noted(write: Writer) -> None:
    train, test = (line(number, FIVE[0], f"same words https://t.co/{number}") for number in (0, 3))
    found = catalogue(write([train, line(1, FIVE[1], "other")], [line(2, FIVE[0], "third")], [test]), rows="all")
    assert found.notes[:-1] == ("1 test texts, ignoring links, are also in the training part",)
    found = catalogue(write([train, line(1, FIVE[1], "other")], [test], [line(2, FIVE[0], "third")]), rows="all")
    assert found.notes[:-1] == ("1 validation texts, ignoring links, are also in the training part",)


def test_classes_that_a_part_lacks_are_noted(write: Writer) -> None:
    every = [[line(10 * part + number, name) for number, name in enumerate(FIVE)] for part in range(3)]
    assert not any("lacks" in note for note in catalogue(write(*every), rows="all").notes)
    every[1].pop(2)
    every[2].pop(2)
    every[0].append(line(9, FIVE[2]))
    (note,) = (note for note in catalogue(write(*every), rows="all").notes if "lacks" in note)
    assert note == f"classes that a part lacks: {FIVE[2]} has 2 in train, 0 in validation, 0 in test"


def test_windows_line_ends_and_files_beside_the_images_are_read(write: Writer) -> None:
    root = write([WILDFIRE], [MARIA], [SRI_LANKA], "task_humanitarian_text_img_{}.tsv", "\r\n")
    assert len(catalogue(root, rows="all").sample_ids) == 3


@pytest.mark.parametrize(
    "image", ["../secret.jpg", "data_image/../../secret.jpg", "/etc/secret.jpg", "C:\\secret.jpg", "..\\secret.jpg", ""]
)
def test_a_path_that_leaves_the_root_is_refused(write: Writer, image: str) -> None:
    root = write([WILDFIRE, line(0, FIVE[0], image=image)], [MARIA], [SRI_LANKA])
    with pytest.raises(UserError, match=r"img_train\.tsv, line 3: expected an image path"):
        catalogue(root, rows="all")


@pytest.mark.parametrize(
    "broken",
    [
        "just words",
        WILDFIRE.replace("\tPositive", ""),
        WILDFIRE.replace("917793137925459968\t", "9.17793E+17\t", 1),
        WILDFIRE.replace("917793137925459968_0\t", "917793137925460000_0\t", 1),
    ],
)
def test_a_line_of_another_form_is_named(write: Writer, broken: str) -> None:
    with pytest.raises(UserError, match=r"img_dev\.tsv, line 2: expected 9 fields"):
        catalogue(write([WILDFIRE], [broken], [SRI_LANKA]), rows="all")


def test_an_unknown_class_is_named_with_its_nearest(write: Writer) -> None:
    root = write([WILDFIRE], [MARIA], [line(0, "vehicle_damaged")])
    with pytest.raises(
        UserError, match=r"line 2: unknown label_text 'vehicle_damaged'\. Did you mean 'vehicle_damage'"
    ):
        catalogue(root, rows="all")


def test_other_columns_are_named(write: Writer) -> None:
    root = write([WILDFIRE], [MARIA], [SRI_LANKA])
    (root / SPLIT.format("test")).write_text("tweet_id\timage_id\n")
    with pytest.raises(UserError, match=r"img_test\.tsv: expected .*event_name.* got: tweet_id, image_id"):
        catalogue(root, rows="all")


def test_an_image_that_is_listed_twice_is_named(write: Writer) -> None:
    with pytest.raises(UserError, match=r"img_test\.tsv, line 2: the image 917793137925459968_0 is already .*train"):
        catalogue(write([WILDFIRE], [MARIA], [WILDFIRE]), rows="all")


def test_a_file_that_is_not_utf8_is_named(write: Writer) -> None:
    root = write([WILDFIRE], [MARIA], [SRI_LANKA])
    (root / SPLIT.format("dev")).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"img_dev\.tsv: not valid UTF-8"):
        catalogue(root, rows="all")


def test_a_packed_archive_is_pointed_out(tmp_path: Path) -> None:
    (tmp_path / "crisismmd_datasplit_agreed_label.zip").touch()
    with pytest.raises(UserError, match=r"not unpacked yet.*unzip crisismmd_datasplit_agreed_label\.zip"):
        catalogue(tmp_path)


def test_a_missing_file_is_named_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "data_image").mkdir()
    with pytest.raises(UserError, match=r"agreed_lab_train\.tsv: not found\. .* data_image\."):
        catalogue(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rows": "all"},
        {"task": "informative"},
        {"task": "informative", "rows": "all"},
        {"classes": 6, "label": "label"},
    ],
)
def test_the_miniature_has_all_tasks_without_a_leak(miniature: Path, options: dict[str, object]) -> None:
    found = catalogue(miniature, **options)
    assert found.groups is not None
    check_parts("crisismmd", found.parts[0], len(found.sample_ids), found.groups)
    used = set(found.labels.tolist())
    assert len(used) >= 2
    for rows in found.parts[0].values():
        assert set(found.labels[rows].tolist()) == used


@pytest.mark.parametrize(("clips", "sizes"), [(96, (48, 12, 16)), (16, (5, 4, 4))])
def test_enough_good_samples_are_left(tmp_path: Path, clips: int, sizes: tuple[int, int, int]) -> None:
    CrisisMMD.write_fixture(tmp_path, clips, np.random.default_rng(1))
    found = catalogue(tmp_path)
    assert len(found.sample_ids) < 1.3 * clips
    good = [_opens(tmp_path / clip.path) for clip in found.inputs["image"] if isinstance(clip, ImageClip)]
    assert good.count(False) == 3
    for part, size in zip(("train", "validation", "test"), sizes, strict=True):
        rows = [row for row in found.parts[0][part] if good[row]]
        assert len(rows) >= size
        assert {found.classes[found.labels[row]] for row in rows} == set(FIVE[1:])


def test_the_defects_are_in_the_training_part_and_stay_in_the_catalogue(miniature: Path) -> None:
    found = catalogue(miniature)
    paths = [clip.path for clip in found.inputs["image"] if isinstance(clip, ImageClip)]
    bad = [row for row, path in enumerate(paths) if not _opens(miniature / path)]
    assert [found.sample_ids[row] for row in found.parts[0]["train"][4:7]] == [found.sample_ids[row] for row in bad]
    assert not (miniature / paths[bad[1]]).exists()
    assert (miniature / paths[bad[2]]).read_text().startswith("version https://git-lfs")
    assert found.groups is not None
    assert found.groups[0] == found.groups[1]
    assert found.sample_ids[1] == f"{found.groups[0]}_1"


def test_the_miniature_is_in_the_official_layout(miniature: Path) -> None:
    agreed = miniature / "crisismmd_datasplit_agreed_label" / "task_humanitarian_text_img_agreed_lab_train.tsv"
    assert agreed.read_bytes().startswith(b"event_name\t")
    assert (miniature / SPLIT.format("train")).read_text(encoding="utf-8").splitlines()[0] == HEADER
    text = agreed.read_text(encoding="utf-8")
    assert "&amp;" in text
    assert "Weâ€™re" in text
    assert {path.suffix for path in (miniature / "data_image").rglob("*.*")} == {".jpg", ".png"}


def test_the_same_seed_writes_the_same_bytes(miniature: Path, tmp_path: Path) -> None:
    CrisisMMD.write_fixture(tmp_path, 96, np.random.default_rng(0))
    files = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(files) > 100
    assert files == {path.relative_to(miniature): path.read_bytes() for path in miniature.rglob("*") if path.is_file()}


def _opens(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return False
    return True
