"""Types of IFBench about shares and proportions: stop words, kinds of sentence, overlap with a text."""

from __future__ import annotations

import re
from collections import Counter

from seif.constraints.ifbench.english import STOP_WORDS
from seif.constraints.ifbench.family import ifbench, plain_words
from seif.constraints.parameters import Count, Filled
from seif.constraints.text import split_sentences, word_tokens

_TOLERANCE = 2
"""Percentage points by which the overlap may differ from what is asked."""
_SENTENCES = 3


@ifbench("ratio:stop_words", "at most so many percent stop words", "At most 40 percent of the words may be stop words.")
def stop_words(response: str, percentage: Count) -> bool:
    r"""Words are runs of `\w`, so that "don't" is two stop words."""
    words = re.findall(r"\w+", response)
    if not words:
        return False
    stops = sum(word.lower() in STOP_WORDS for word in words)
    return stops / len(words) * 100 <= percentage


@ifbench(
    "ratio:sentence_type", "two declarative sentences for each question", "Write two statements for each question."
)
def sentence_type(response: str) -> bool:
    """Without any of both the proportion is kept."""
    ends = _ends(response)
    return ends["."] == 2 * ends["?"]


@ifbench(
    "ratio:sentence_balance",
    "as many declarative as interrogative and exclamatory sentences",
    "Write equally many statements, questions and exclamations.",
)
def sentence_balance(response: str) -> bool:
    """What ends with another mark is none of the three."""
    ends = _ends(response)
    return ends["."] == ends["?"] == ends["!"]


def _ends(response: str) -> Counter[str]:
    """How many sentences end with each character."""
    return Counter(sentence[-1:] for sentence in split_sentences(response))


@ifbench(
    "ratio:overlap",
    "a share of trigrams, in percent, that are the reference text's",
    "Let 30 percent of the trigrams be those of the reference.",
)
def overlap(response: str, reference_text: Filled, percentage: Count) -> bool:
    """Over the response's different trigrams of tokens."""
    own = _trigrams(response)
    if not own:
        return False
    shared = len(own & _trigrams(reference_text)) / len(own) * 100
    return percentage - _TOLERANCE <= shared <= percentage + _TOLERANCE


def _trigrams(text: str) -> set[tuple[str, ...]]:
    tokens = word_tokens(text)
    return set(zip(tokens, tokens[1:], tokens[2:], strict=False))


@ifbench(
    "ratio:sentence_words",
    "three sentences of equal length in characters, no word twice",
    "Write three equally long sentences that share no word.",
)
def sentence_words(response: str) -> bool:
    """A word may not come back within its own sentence either."""
    sentences = split_sentences(response)
    words = plain_words(" ".join(sentences))
    alike = len({len(sentence.strip()) for sentence in sentences}) == 1
    return len(sentences) == _SENTENCES and alike and len(words) == len(set(words))
