"""Repair the texts of tweets in CrisisMMD, which were damaged in several ways before they were published."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import partial

LINK = re.compile(r"https?://\S*|\bhttps?:?/?…")  # also glued to a word
NOT_ASCII = re.compile(r"[^\x00-\x7f]+ ?")
CUT_EMOJI = re.compile(r"([\u1f00-\u1faf])([0-9A-F])")  # the block of Greek with accents, which these tweets lack
# five bytes are undefined in Windows-1252; decoders map them to the control characters with the same number
BYTES = tuple(
    {bytes([code]).decode(encoding, "ignore") or chr(code): code for code in range(128, 256)}
    for encoding in ("cp1252", "mac_roman")
)
# Some spaces were the byte A0 before. These characters end in it: a space, three parts of cut emoji, a warning sign.
ENDING_IN_A0 = ("\xa0", "\u1f20", "\u1f60", "\u1fa0", "\u26a0")


def clean(text: str) -> str:
    """Remove HTML entities, wrongly decoded characters, links, and extra white space from a tweet."""
    for repair in (html.unescape, partial(NOT_ASCII.sub, _decode_again)):
        text = repair(repair(text))  # some texts were damaged twice
    whole = CUT_EMOJI.sub(lambda cut: chr(int(f"{ord(cut[1]):x}{cut[2]}", 16)), text)
    return " ".join(LINK.sub(" ", whole).split())


def _decode_again(run: re.Match[str]) -> str:
    """Decode characters again if they are UTF-8 that was decoded as another encoding; otherwise return them as is."""
    characters = run[0].removesuffix(" ")
    space = run[0][len(characters) :]
    for codes in BYTES:
        found = [codes.get(character, 0) for character in characters]
        if (text := _utf8(found)) is not None:
            return text + space
        if space and (text := _utf8([*found, 0xA0])) is not None and text.endswith(ENDING_IN_A0):
            return text
    return run[0]


def _utf8(codes: Sequence[int]) -> str | None:
    """Decode bytes; None if they are not UTF-8, or if one is 0, which stands for a character of another encoding."""
    try:
        return bytes(codes).decode("utf-8") if all(codes) else None
    except UnicodeDecodeError:
        return None
