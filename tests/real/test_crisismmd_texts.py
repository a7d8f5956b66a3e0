"""The official tweets of CrisisMMD: what was damaged on their way is repaired, and counted."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from cmkd_bench.datasets._tweet_repair import clean
from cmkd_bench.datasets.crisismmd import COLUMNS

LINKS = re.compile(r"https?://")
CUT_EMOJI = re.compile("[\u1f00-\u1faf][0-9A-Fa-f]")
MAC_ROMAN = re.compile("\u201aÄ|·Ω|·º|·æ")  # E2 80, E1 BD, E1 BC, E1 BE
WINDOWS = re.compile("â€|Â |á½|á¼|á¾|âš|ðŸ")
ENTITIES = re.compile(r"&(amp|lt|gt|quot|nbsp);")
DAMAGE = {"links": LINKS, "cut emoji": CUT_EMOJI, "Mac Roman": MAC_ROMAN, "Windows": WINDOWS, "entities": ENTITIES}


def tweets(folder: Path, pattern: str) -> dict[str, str]:
    """The texts as they are in the files, by image."""
    found = {}
    for file in sorted((folder / "crisismmd").glob(pattern)):
        header, *lines = gzip.decompress(file.read_bytes()).decode("utf-8-sig").split("\n")
        assert header.rstrip("\r").split("\t") == list(COLUMNS)
        rows = (dict(zip(COLUMNS, line.split("\t"), strict=False)) for line in lines if line.strip())
        found |= {row["image_id"]: row["tweet_text"] for row in rows}
    return found


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("task_humanitarian_text_img_agreed_lab_*.tsv.gz", 6126 + 998 + 955),
        ("task_*_text_img_*.tsv.gz", 13608 + 2237 + 2237),
    ],
)
def test_no_damage_is_left(real_files: Path, pattern: str, count: int) -> None:
    texts = tweets(real_files, pattern)
    assert len(texts) == count
    damaged = {name: sum(bool(one.search(text)) for text in texts.values()) for name, one in DAMAGE.items()}
    assert min(damaged.values()) > 0, damaged  # of each kind there is something to repair
    cleaned = [clean(text) for text in texts.values()]
    left = {name: sum(bool(one.search(text)) for text in cleaned) for name, one in DAMAGE.items()}
    assert left == dict.fromkeys(DAMAGE, 0)


def test_emoji_are_whole_again(real_files: Path) -> None:
    texts = tweets(real_files, "task_humanitarian_text_img_agreed_lab_*.tsv.gz").values()
    whole = re.compile("[\U0001f000-\U0001faff]")
    assert not any(whole.search(text) for text in texts)
    assert sum(bool(whole.search(clean(text))) for text in texts) > 498


def test_what_was_right_is_kept(real_files: Path) -> None:
    texts = tweets(real_files, "task_humanitarian_text_img_agreed_lab_*.tsv.gz").values()
    plain = [text for text in texts if text.isascii() and "&" not in text]
    assert len(plain) > 4000
    for text in plain:
        assert clean(text) == " ".join(re.sub(r"https?://\S*", " ", text).split())
