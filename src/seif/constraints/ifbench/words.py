"""Types of IFBench about every word: its letters, length, place and neighbours."""

from __future__ import annotations

import re
import string
from collections import Counter
from importlib.util import find_spec
from itertools import pairwise

from seif.constraints.ifbench.family import PUNCTUATION, ifbench, plain_words, trimmed, unpunctuated
from seif.constraints.ifbench.verbs import starts_with_verb
from seif.constraints.parameters import Count, Filled, Positive
from seif.constraints.text import split_sentences, word_tokens

_CLUSTER = re.compile(r"[bcdfghj-np-tv-z]{2}")
_VOWELS = frozenset("aeiou")
_PRIMES = frozenset(n for n in range(2, 100) if all(n % divisor for divisor in range(2, n)))
"""No longer word counts as one of prime length."""


# --- letters ----------------------------------------------------------------------------------------------------------


@ifbench(
    "words:alphabet",
    "each word begins with the next letter of the alphabet, after z with a",
    "Let each word begin with the letter after that of the word before.",
)
def alphabet(response: str) -> bool:
    """The first word is free to begin with any letter from a to z."""
    words = unpunctuated(response).split()
    start = string.ascii_lowercase.find(words[0][0].lower()) if words else -1
    letters = string.ascii_lowercase[start:] + string.ascii_lowercase[:start]
    return start >= 0 and all(word.lower()[0] == letters[place % 26] for place, word in enumerate(words))


@ifbench(
    "words:vowel",
    "a paragraph with at most three different vowels",
    "Use 3 different vowels at most, in a paragraph.",
)
def vowel(response: str) -> bool:
    """The vowels are a, e, i, o and u; a line break ends a paragraph."""
    return "\n" not in response.strip() and len(_VOWELS & set(response.lower())) <= 3


@ifbench("words:consonants", "two consonants in a row in each word", "Every word needs two neighbouring consonants.")
def consonants(response: str) -> bool:
    """Y is a consonant."""
    return all(_CLUSTER.search(word) for word in response.lower().split())


@ifbench("words:palindrome", "ten palindromes of at least five characters", "Let 10 words read the same backwards.")
def palindrome(response: str) -> bool:
    """Each occurrence counts, numbers too."""
    return sum(len(word) >= 5 and word == word[::-1] for word in plain_words(response)) >= 10


@ifbench("words:prime_lengths", "only words whose length is a prime number", "The length of every word must be prime.")
def prime_lengths(response: str) -> bool:
    """Punctuation has no length."""
    return all(len(word) in _PRIMES for word in unpunctuated(response).split())


def _needs_syllapy() -> str | None:
    return None if find_spec("syllapy") else "syllables are counted by syllapy; pip install 'seif[ifbench]'"


@ifbench(
    "words:odd_even_syllables",
    "words with odd and even numbers of syllables in turn",
    "Alternate words of odd and even syllable counts.",
    problem=_needs_syllapy,
)
def odd_even_syllables(response: str) -> bool:
    """Syllables as syllapy counts them, which is what IFBench uses."""
    import syllapy

    parities = [syllapy.count(word) % 2 for word in plain_words(response)]
    return all(before != after for before, after in pairwise(parities))


@ifbench(
    "words:no_consecutive",
    "no two neighbouring words with the same first letter",
    "Neighbouring words must begin with different letters.",
)
def no_consecutive(response: str) -> bool:
    """In any case."""
    return all(before[0] != after[0] for before, after in pairwise(plain_words(response)))


# --- places and repetitions -------------------------------------------------------------------------------------------


@ifbench("words:start_verb", "the response begins with a verb", "The first word must be a verb.")
def start_verb(response: str) -> bool:
    """An approximation: IFBench asks NLTK's tagger, whose model must be downloaded."""
    return starts_with_verb(word_tokens(response))


@ifbench("words:repeats", "no word more than so many times", "No word may occur more than 3 times in total.")
def repeats(response: str, small_n: Count) -> bool:
    """In any case, without punctuation."""
    return max(Counter(plain_words(response)).values(), default=0) <= small_n


@ifbench(
    "words:last_first",
    "each sentence begins with the last word of the one before",
    "Begin each sentence with the word that ended the one before.",
)
def last_first(response: str) -> bool:
    """In any case, without the punctuation around."""
    marks = PUNCTUATION + " "
    for before, after in pairwise(split_sentences(response)):
        last, first = before.rstrip(marks).split()[-1:], after.lstrip(marks).split()[:1]
        if not last or not first or last[0].lower() != first[0].lower():
            return False
    return True


@ifbench(
    "words:paragraph_last_first",
    "each paragraph ends with the word with which it begins",
    "End each paragraph with its first word.",
)
def paragraph_last_first(response: str) -> bool:
    """A line is a paragraph; the punctuation at its ends makes no difference."""
    paragraphs = (trimmed(line.strip().lower()).split() for line in response.split("\n"))
    return all(words[0] == words[-1] for words in paragraphs if words)


@ifbench(
    "words:keywords_specific_position",
    "a keyword as the m-th word of the n-th sentence",
    "The word garden must be word 4 of sentence 2.",
)
def keywords_specific_position(response: str, keyword: Filled, n: Positive, m: Positive) -> bool:
    """Words are tokens with a letter or digit: "don't" is two."""
    sentences = split_sentences(response)
    words = _worded(sentences[n - 1]) if len(sentences) >= n else []
    return len(words) >= m and words[m - 1] == keyword.strip().lower()


@ifbench(
    "words:words_position",
    "a keyword as the second and as the last but one word",
    "The word garden must be the second word and the last but one.",
)
def words_position(response: str, keyword: Filled) -> bool:
    """Words are tokens with a letter or digit, in any case."""
    words = _worded(response)
    return len(words) >= 2 and words[1] == words[-2] == keyword.strip().lower()


def _worded(text: str) -> list[str]:
    """The tokens that hold a letter or digit, in lower case."""
    return [token.lower() for token in word_tokens(text) if any(map(str.isalnum, token))]
