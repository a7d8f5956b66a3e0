"""No video, speaker, or tweet of the official files is in two of our parts; what published splits share is counted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from official_layout import content, table

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.datasets import nyudv2, sketchy, sunrgbd
from cmkd_bench.datasets.cremad import DEFECTS

Read = Callable[..., Catalogue]
SPLITS = ("train", "dev", "test")


def parts_of(catalogue: Catalogue, key: Callable[[str], str]) -> dict[str, set[str]]:
    """What the samples of each part are named after."""
    return {part: {key(catalogue.sample_ids[row]) for row in rows} for part, rows in catalogue.parts[0].items()}


def shared(parts: dict[str, set[str]]) -> dict[tuple[str, str], int]:
    return {(one, other): len(parts[one] & parts[other]) for one, other in combinations(parts, 2)}


def sizes(catalogue: Catalogue) -> list[int]:
    return [len(catalogue.parts[0][part]) for part in ("train", "validation", "test")]


def ave_lines(folder: Path, name: str) -> list[tuple[str, str]]:
    """The label and the video of each line."""
    return re.findall(r"^([^&\n]+)&([^&\n]+)&good&\d+&\d+$", content(folder / "ave" / name).decode(), re.MULTILINE)


def test_videos_of_ave(real_files: Path, read: Read) -> None:
    lists = [ave_lines(real_files, f"{part}Set.txt") for part in ("train", "val", "test")]
    train, validation, test = ({video for _, video in lines} for lines in lists)
    assert (len(train & validation), len(train & test), len(validation & test)) == (10, 8, 0)
    lines_of = Counter(video for lines in lists for _, video in lines)
    assert (len(lines_of), sum(count > 1 for count in lines_of.values()), max(lines_of.values())) == (4097, 45, 3)
    everything = ave_lines(real_files, "Annotations.txt")
    assert Counter(everything) == Counter(line for lines in lists for line in lines)
    clean, published = read("ave"), read("ave", split="official")
    assert list(dict.fromkeys(label for label, _ in everything)) == list(clean.classes)
    assert set(shared(parts_of(clean, lambda name: name[:11])).values()) == {0}
    assert sorted(shared(parts_of(published, lambda name: name[:11])).values()) == [0, 8, 10]
    assert (sizes(clean), sizes(published)) == ([3319, 402, 402], [3338, 402, 402])
    assert [skipped.sample_id for skipped in published.skipped] == ["VWi2ENBuTbw"]


@pytest.mark.slow
def test_videos_of_vggsound(real_files: Path, read: Read) -> None:
    folder = real_files / "vggsound"
    train, test = (set(re.findall(r"^([^,\n]{11}),", content(folder / f"{part}.csv.gz").decode(), re.MULTILINE))
                   for part in ("train", "test"))  # fmt: skip
    assert (len(train), len(train & test)) == (146_764, 6)
    catalogue = read("vggsound")
    assert set(shared(parts_of(catalogue, lambda name: name[:11])).values()) == {0}
    assert len(catalogue.skipped) == 7  # clips of the six videos
    learned, validated, tested = sizes(catalogue)
    assert (learned + validated, tested) == (183_723, 15_446)
    assert 0.09 < validated / 183_723 < 0.11
    official = re.findall(r"^(.{11}_\d{6})\.mp4,", content(folder / "official_test.csv.gz").decode(), re.MULTILINE)
    assert parts_of(catalogue, str)["test"] == set(official)


@pytest.mark.slow
def test_c2kd_s_subset_has_all_rows_of_its_classes(real_files: Path, read: Read) -> None:
    full, small = read("vggsound"), read("vggsound", subset="c2kd50")
    text = content(real_files / "vggsound" / "train_tiny.csv.gz").decode()
    listed = {f"{video}_{int(start):06d}" for video, start in re.findall(r"^([^,\n]{11}),(\d+),", text, re.MULTILINE)}
    parts = parts_of(small, str)
    assert listed == parts["train"] | parts["validation"] | {skipped.sample_id for skipped in small.skipped}
    assert len(listed) == 25_835
    assert all(parts[part] <= own for part, own in parts_of(full, str).items())


def test_actors_of_crema_d(real_files: Path, read: Read) -> None:
    catalogue = read("cremad")
    actors = parts_of(catalogue, lambda name: name[:4])
    assert set(shared(actors).values()) == {0}
    sex = {row["ActorID"]: row["Sex"] for row in table(real_files / "cremad" / "VideoDemographics.csv")}
    balance = {part: Counter(sex[actor] for actor in own) for part, own in actors.items()}
    assert balance == {
        "train": {"Female": 29, "Male": 33},
        "validation": {"Female": 5, "Male": 5},
        "test": {"Female": 9, "Male": 10},
    }
    published = parts_of(read("cremad", split="c2kd"), lambda name: name[:4])
    assert len(published["train"] & published["test"]) == 91
    media = Counter(content(real_files / "cremad" / "media_files.txt.gz").decode().split())
    named = {clip.path for clips in catalogue.inputs.values() for clip in clips if not isinstance(clip, str)}
    assert named <= set(media)
    assert len(media) - len(named) == 2 * len(DEFECTS)


def test_raters_of_crema_d_agree_as_the_docstring_says(real_files: Path) -> None:
    rows = table(real_files / "cremad" / "summaryTable.csv.gz")
    for column, share, ties in (("VoiceVote", 41.6, 644), ("FaceVote", 66.3, 470), ("MultiModalVote", 72.2, 420)):
        right = sum(row[column] == row["FileName"][9] for row in rows)
        assert 100 * right / len(rows) == pytest.approx(share, abs=0.05)
        assert sum(":" in row[column] for row in rows) == ties


def test_actors_of_ravdess(read: Read) -> None:
    catalogue = read("ravdess")
    actors = parts_of(catalogue, lambda name: name[-2:])
    assert set(shared(actors).values()) == {0}
    assert {part: len(own) for part, own in actors.items()} == {"train": 16, "validation": 4, "test": 4}
    assert set(Counter(name[-2:] for name in catalogue.sample_ids).values()) == {60}
    assert all(sum(int(actor) % 2 for actor in own) == len(own) / 2 for own in actors.values())


def tweets(folder: Path, task: str, agreed: str, parts: Sequence[str] = SPLITS) -> dict[str, list[list[str]]]:
    """The fields of each line by part."""
    texts = {
        part: content(folder / "crisismmd" / f"task_{task}_text_img{agreed}_{part}.tsv.gz").decode() for part in parts
    }
    return {part: [line.split("\t") for line in text.split("\n")[1:] if line.strip()] for part, text in texts.items()}


def texts_in_both(rows: dict[str, list[list[str]]], part: str) -> int:
    def words(text: str) -> str:
        return " ".join(re.sub(r"https?://\S*", " ", text).split())

    training = {words(row[3]) for row in rows["train"]}
    return sum(words(row[3]) in training for row in rows[part])


def test_tweets_of_crisismmd(real_files: Path, read: Read) -> None:
    agreed, every = tweets(real_files, "humanitarian", "_agreed_lab"), tweets(real_files, "informative", "")
    assert {part: len({row[1] for row in rows}) for part, rows in agreed.items()} == {
        "train": 5263,
        "dev": 998,
        "test": 955,
    }
    assert {part: len({row[1] for row in rows}) for part, rows in every.items()} == {
        "train": 11584,
        "dev": 2237,
        "test": 2237,
    }
    for catalogue, rows in ((read("crisismmd"), agreed), (read("crisismmd", task="informative", rows="all"), every)):
        assert set(shared(parts_of(catalogue, lambda name: name.partition("_")[0])).values()) == {0}
        assert texts_in_both(rows, "test") == 0
        assert f"{texts_in_both(rows, 'dev')} validation texts" in " ".join(catalogue.notes)
    differing = sum(row[6] != row[7] for rows in every.values() for row in rows)
    assert f"{differing} of 18082" in " ".join(read("crisismmd", task="informative", rows="all").notes)
    images = set(content(real_files / "crisismmd" / "all_images_path.txt.gz").decode().split())
    assert {row[4] for rows in every.values() for row in rows} == images
    assert len(images) == 18_082


def test_the_fine_classes_of_crisismmd(real_files: Path, read: Read) -> None:
    rows = tweets(real_files, "humanitarian", "_agreed_lab")
    fine = {"injured_or_dead_people", "missing_or_found_people", "vehicle_damage"}
    assert {part: sum(row[5] in fine for row in own) for part, own in rows.items()} == {
        "train": 41,
        "dev": 3,
        "test": 5,
    }
    assert not any({row[6], row[7]} & fine for own in rows.values() for row in own)
    notes = " ".join(read("crisismmd", classes=8, label="label").notes)
    assert "missing_or_found_people has 2 in train, 0 in validation, 0 in test" in notes
    for own in tweets(real_files, "humanitarian", "", ("dev", "test")).values():  # all rows: in every column
        assert all(fine < {row[column] for row in own} for column in (5, 6, 7))


def test_lists_of_sketchy(laid_out: Callable[[str], Path], real_files: Path) -> None:
    root = laid_out("sketchy")
    invalid = sketchy._invalid(root)
    lists: defaultdict[str, int] = defaultdict(int)
    for names in invalid.values():
        for name in names.split(", "):
            lists[name] += 1
    assert lists == {
        "invalid-ambiguous.txt": 6251,
        "invalid-context.txt": 1062,
        "invalid-error.txt": 923,
        "invalid-pose.txt": 2686,
    }
    assert len(invalid) == 10_921
    photos = {line.split()[0] for line in content(real_files / "sketchy" / "urls.txt.gz").decode().splitlines()}
    test = [photo for photo, _ in sketchy._read_list(root, "testset.txt", "photo", "")]
    assert (len(photos), len(test), len(set(test) - photos)) == (12_500, 1250, 0)
    folders = Counter(line.partition("/")[0] for line in (root / "info" / "testset.txt").read_text().splitlines())
    assert (len(folders), set(folders.values())) == (125, {10})
    assert len({stem.rpartition("-")[0] for stem in invalid} - photos) == 4


def test_sun_rgbd_has_nyu_s_own_split(real_files: Path) -> None:
    official = nyudv2._official(real_files / "nyudv2" / "splits.mat", 1449)
    assert {part: len(rows) for part, rows in official.items()} == {"train": 795, "test": 654}
    listed = sunrgbd.read_split(real_files / "sunrgbd" / "allsplit.mat")
    for part, rows in official.items():
        numbers = [int(name[-4:]) for name in listed[part] if name.startswith("kv1/NYUdata/")]
        assert sorted(numbers) == (rows + 1).tolist()
    lines = content(real_files / "nyudv2" / "nyudepthv2_test_files_with_gt.txt").decode().splitlines()
    assert sorted(int(line.partition(".jpg")[0][-5:]) for line in lines) == official["test"].tolist()
