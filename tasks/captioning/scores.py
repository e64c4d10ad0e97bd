"""Scores of captions: against references, by pycocoevalcap, and their diversity."""

import re
import unicodedata
from collections import Counter

import regex
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from common.inputs.scripts import WORD

# Combining marks (M), such as vowel signs and accents, are parts of words.
_PUNCTUATION = regex.compile(r"[^\w\p{M}\s'-]|_")
_LOOSE_PUNCTUATION = re.compile(r"(^|(?<=\s))['-]+|['-]+($|(?=\s))")
_CONTRACTIONS = re.compile(r"(n't|'(?:s|re|ve|ll|d|m))\b")


def caption_words(caption: str) -> list[str]:
    """Split a caption into words for scoring: in lower case, without punctuation, contractions split.

    Follows the tokenizer of COCO's scores, which is a Java program.

    Source: Chen et al., "Microsoft COCO captions: data collection and evaluation server", 2015.
    """
    caption = unicodedata.normalize("NFC", caption)
    text = _PUNCTUATION.sub(" ", caption.lower().replace("\u2019", "'"))
    return WORD.findall(_CONTRACTIONS.sub(r" \1", _LOOSE_PUNCTUATION.sub(" ", text)))


def caption_metrics(captions: list[str], references: list[list[str]]) -> dict[str, float]:
    """Score captions against all references of their images.

    BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D of pycocoevalcap, times 100; `distinct_1` and `distinct_2`, the
    share of distinct words and bigrams.

    Source: Papineni et al., "BLEU", 2002; Lin, "ROUGE", 2004; Vedantam, Zitnick and Parikh, "CIDEr:
    consensus-based image description evaluation", 2015; Li et al., "A diversity-promoting objective function
    for neural conversation models", 2016 (distinct).
    """
    hypotheses = {number: [_joined(caption)] for number, caption in enumerate(captions)}
    truth = {number: [_joined(text) for text in texts] for number, texts in enumerate(references)}
    bleu, _ = Bleu(4).compute_score(truth, hypotheses, verbose=0)
    # pycocoevalcap fails if there are no words at all.
    has_words = any(text for texts in truth.values() for text in texts)
    cider = Cider().compute_score(truth, hypotheses)[0] if has_words else 0.0
    rouge, _ = Rouge().compute_score(truth, hypotheses)
    scores = {
        "bleu_4": bleu[3],
        "cider_d": cider,
        **{f"bleu_{n}": bleu[n - 1] for n in (1, 2, 3)},
        "rouge_l": rouge,
        **{f"distinct_{n}": distinct([caption_words(caption) for caption in captions], n) for n in (1, 2)},
    }
    return {name: 100 * float(score) for name, score in scores.items()}


def _joined(caption: str) -> str:
    return " ".join(caption_words(caption))


def distinct(captions: list[list[str]], n: int) -> float:
    """Compute the share of distinct n-grams of words; 0 if there are none."""
    ngrams = Counter(
        tuple(words[start : start + n]) for words in captions for start in range(len(words) - n + 1)
    )
    return len(ngrams) / max(1, sum(ngrams.values()))
