"""Scripts that are written without spaces between words: there one character stands for one word."""

import re

# As a class of characters, for Python's and TensorFlow's regular expressions: TensorFlow (RE2) knows the
# scripts by name, Python their code points: kana, extension A and the unified ideographs of Han.
UNSPACED_RE2 = r"\p{Han}\p{Hiragana}\p{Katakana}"
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff"
_HAN = "\u4e00-\u9fff"

# A word, or a character of a script without spaces.
WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def mostly_unspaced(text: str) -> bool:
    """Whether most characters of a text, spaces apart, are of a script without spaces."""
    return _share(_UNSPACED, text) > 0.5


def mostly_han(text: str) -> bool:
    """Whether most characters of a text, spaces apart, are Chinese characters."""
    return _share(_HAN, text) > 0.5


def _share(characters: str, text: str) -> float:
    plain = "".join(text.split())
    return len(re.findall(f"[{characters}]", plain)) / max(1, len(plain))
