"""Scripts written without spaces between words, where one character counts as one word."""

import re

# Character classes for regular expressions: TensorFlow's (RE2) support script names, Python's need the code
# points of kana, extension A and the unified ideographs of Han.
UNSPACED_RE2 = r"\p{Han}\p{Hiragana}\p{Katakana}"
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff"
_HAN = "\u4e00-\u9fff"

# A word, or a character of a script without spaces.
WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def mostly_unspaced(text: str) -> bool:
    """Whether most characters of a text, except spaces, are of a script without spaces."""
    return _fraction(_UNSPACED, text) > 0.5


def mostly_han(text: str) -> bool:
    """Whether most characters of a text, except spaces, are Chinese characters."""
    return _fraction(_HAN, text) > 0.5


def _fraction(characters: str, text: str) -> float:
    plain = "".join(text.split())
    return len(re.findall(f"[{characters}]", plain)) / max(1, len(plain))
