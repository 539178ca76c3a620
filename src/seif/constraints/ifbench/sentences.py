"""Types of IFBench about one sentence after the other."""

from __future__ import annotations

import re
from itertools import groupby, pairwise

from seif.constraints.ifbench.family import PUNCTUATION, ifbench, unpunctuated
from seif.constraints.parameters import Count, Filled, Positive
from seif.constraints.text import split_sentences


@ifbench(
    "sentence:alliteration_increment",
    "more alliterating words in each sentence than in the one before",
    "Let every sentence alliterate more than the one before.",
)
def alliteration_increment(response: str) -> bool:
    """Counted are all words that stand beside one with the same first letter."""
    counts = [-1, *map(_alliterating, split_sentences(response))]
    return all(before < after for before, after in pairwise(counts))


def _alliterating(sentence: str) -> int:
    words = (word.lstrip(PUNCTUATION + " ") for word in sentence.lower().split())
    runs = (len(list(run)) for _, run in groupby(word[0] for word in words if word))
    return sum(length for length in runs if length > 1)


@ifbench("sentence:keyword", "a keyword in the n-th sentence", "The word garden must stand in sentence 3.")
def keyword(response: str, word: Filled, N: Positive) -> bool:
    """A whole word in any case; further occurrences make no difference."""
    sentences = split_sentences(response)
    found = re.compile(rf"\b{re.escape(word)}\b", re.IGNORECASE)
    return len(sentences) >= N and found.search(sentences[N - 1]) is not None


@ifbench(
    "sentence:increment",
    "so many more words in each sentence than in the last",
    "Let each sentence grow by 2 words.",
)
def increment(response: str, small_n: Count) -> bool:
    """Words stand between white space; a lone mark is none."""
    lengths = [len(unpunctuated(sentence).split()) for sentence in split_sentences(response)]
    return all(after == before + small_n for before, after in pairwise(lengths))
