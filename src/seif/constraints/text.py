"""What is counted and looked for in a response: words, sentences, capitals, parts, bullets, language."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

from seif.errors import Unverifiable

_WORD = re.compile(r"\w+")
_INSIDE = re.compile(r"(?<=[^\W\d_])\s(?=[^\W\d_])")
"""White space that no sentence ends at: letters on both sides."""
PIECE = 50_000
MOST_STOPS = 100_000
"""Stops of a text that is cut into sentences; each takes some 50 microseconds."""
_READ = 40_000
"""langdetect reads the first 10,000 characters that are left once links are gone; no more than this need be cleaned."""

_ABBREVIATIONS = """
mr mrs ms dr prof rev hon gen col maj capt cmdr lt sgt gov sen rep st jr sr messrs mt ft inc ltd corp co cos bros
assn dept univ jan feb aug sept sep oct nov dec mon tues wed thurs fri sat a.m p.m u.s u.k u.n d.c n.y calif conn
fla ga ill ind kan ky mass mich minn mo neb nev okla ore pa tenn tex va vt wash wis vs ph.d m.d b.a m.a j.d
"""
ABBREVIATIONS = frozenset(_ABBREVIATIONS.split())
"""Words whose full stop does not end a sentence. Punkt's English does end one after "e.g." and "etc."."""
_STARTERS = """
the this that these those a an it its he she we they you i his her our their my in on at as if when while after
before since for from with by to but and or so yet however although though because there here what who where why how
some many most all both each every no not also then thus once please make include use write ensure provide give add
put respond answer your first second next finally now well yes let one two three
"""
STARTERS = frozenset(_STARTERS.split())
"""Words that open a sentence when they stand with a capital letter after an abbreviation or dots: they are no names."""


def count_words(text: str) -> int:
    r"""Number of words: runs of `\w`, as IFEval counts them ("don't" is two)."""
    return len(_WORD.findall(text))


def count_sentences(text: str) -> int:
    """Number of sentences, as `split_sentences` finds them. Raises as that does."""
    return len(split_sentences(text))


def split_sentences(text: str) -> list[str]:
    """The sentences by the Punkt algorithm (Kiss and Strunk 2006), as IFEval counts them.

    IFEval uses NLTK's Punkt with its trained English parameters, which must be downloaded. This is the same code of
    NLTK with the short parameter lists above in their place, so nothing is fetched. A text of more than `PIECE`
    characters is split in pieces, cut between two words inside a sentence. Raises Unverifiable for a text with more
    than `MOST_STOPS` full stops, question and exclamation marks.
    """
    stops = sum(map(text.count, ".?!"))
    if stops > MOST_STOPS:
        raise Unverifiable(f"a text with {stops:,} stops is not cut into sentences; {MOST_STOPS:,} is the most")
    sentences: list[str] = []
    start, begun = 0, ""
    while len(text) - start > PIECE and (inside := _INSIDE.search(text, start + PIECE)):
        piece: list[str] = _punkt().tokenize(text[start : inside.start()])
        sentences += [begun + piece[0], *piece[1:]]
        start, begun = inside.end(), sentences.pop() + inside[0]
    piece = _punkt().tokenize(text[start:])
    return [*sentences, begun + piece[0], *piece[1:]] if begun else piece


def word_tokens(text: str) -> list[str]:
    """The tokens of the Penn Treebank, sentence by sentence, as NLTK's `word_tokenize` gives them. Raises as
    `split_sentences` does."""
    return [token for sentence in split_sentences(text) for token in _treebank().tokenize(sentence)]


def capital_words(text: str) -> int:
    """Number of tokens of the Penn Treebank without a lower-case letter and with at least one capital."""
    return sum(token.isupper() for token in _treebank().tokenize(text))


def count_bullets(text: str) -> int:
    r"""Number of Markdown bullets, `*` and `-`.

    IFEval's `^\s*` may run over blank lines, in quadratic time; the count is the same.
    """
    stars = re.findall(r"^[^\S\n]*\*[^\*].*$", text, flags=re.MULTILINE)
    dashes = re.findall(r"^[^\S\n]*-", text, flags=re.MULTILINE)
    return len(stars) + len(dashes)


def divided(parts: list[str]) -> int | None:
    """Number of parts that are not blank; None when a blank one stands between others."""
    if not all(part.strip() for part in parts[1:-1]):
        return None
    return sum(bool(part.strip()) for part in parts)


def opening_word(paragraph: str) -> str | None:
    """The first word in lower case, without leading quotes, up to its first punctuation mark; None in an empty text."""
    words = paragraph.split(maxsplit=1)
    if not words:
        return None
    return re.split(r"[.,?!'\"]", words[0].lstrip("'").lstrip('"'), maxsplit=1)[0].lower()


def loosened(response: str) -> list[str]:
    """IFEval's loose variants: without the first line, the last, both or neither, each with and without asterisks."""
    lines = response.split("\n")
    cut = [response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return list(dict.fromkeys([*cut, *(variant.replace("*", "") for variant in cut)]))


def occurrences(words: str, text: str) -> int:
    """How often `words` stands in `text`, in any case, also inside other words; overlaps are not counted."""
    return len(_literal(words).findall(text))


def has_word(word: str, text: str) -> bool:
    """Does `word` stand in `text` by itself, in any case?"""
    return _whole_word(word).search(text) is not None


@lru_cache(maxsize=4096)
def _literal(words: str) -> re.Pattern[str]:
    return re.compile(re.escape(words), re.IGNORECASE)


@lru_cache(maxsize=4096)
def _whole_word(word: str) -> re.Pattern[str]:
    r"""The word between word boundaries.

    IFEval writes `\bword\b`; that never finds "C++", whose end is no word character, nor a Chinese word in a Chinese
    sentence, where all characters are word characters. So an edge needs a boundary only if it could have one.
    """
    before = r"(?<!\w)" if _spaced(word[0]) else ""
    after = r"(?!\w)" if _spaced(word[-1]) else ""
    return re.compile(before + re.escape(word) + after, re.IGNORECASE)


def _spaced(character: str) -> bool:
    """Is this a word character of a script that puts spaces between words?"""
    return re.match(r"\w", character) is not None and not (
        "\u0e00" <= character <= "\u0eff" or "\u3040" <= character <= "\u9fff" or character >= "\uf900"
    )


def language_of(text: str) -> str | None:
    """ISO code of the language of a text, by langdetect with a fixed seed; None without a letter to tell it from.

    langdetect skips words in capitals, so a text in capitals that it does not call English is asked about in lower
    case.
    """
    if not any(map(str.isalpha, text)):
        return None
    found = _detected(text[:_READ])
    return _detected(text[:_READ].lower()) if text.isupper() and found != "en" else found


@lru_cache(maxsize=4096)
def _detected(text: str) -> str | None:
    from langdetect import DetectorFactory, LangDetectException, detect

    DetectorFactory.seed = 0
    try:
        return str(detect(text))
    except LangDetectException:
        return None


@lru_cache(maxsize=1)
def languages() -> frozenset[str]:
    """ISO codes that `language_of` can tell."""
    from langdetect import detector_factory

    detector_factory.init_factory()
    return frozenset(detector_factory._factory.get_lang_list())


@lru_cache(maxsize=1)
def _punkt():  # type: ignore[no-untyped-def]
    from nltk.tokenize.punkt import _ORTHO_MID_LC, PunktParameters, PunktSentenceTokenizer

    _stop_the_clock()
    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS)
    parameters.sent_starters = set(STARTERS)
    parameters.ortho_context = defaultdict(int, dict.fromkeys(STARTERS, _ORTHO_MID_LC))
    return PunktSentenceTokenizer(parameters)


@lru_cache(maxsize=1)
def _treebank():  # type: ignore[no-untyped-def]
    from nltk.tokenize import NLTKWordTokenizer

    _stop_the_clock()
    return NLTKWordTokenizer()


def _stop_the_clock() -> None:
    """NLTK gives each of its expressions five seconds, so that the machine's load would decide verdicts.

    What bounds them here is the length of the text.
    """
    try:
        from nltk import redos
    except ImportError:
        # NLTK 3.9 has no clock.
        return
    redos.DEFAULT_TIMEOUT = None
