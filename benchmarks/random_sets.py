"""Random sets of compiled constraints that often clash, to measure and to prove what `conflicts` and `witness` say."""

from __future__ import annotations

import random
from collections.abc import Callable

from seif.constraints.parameters import AT_LEAST, LESS_THAN
from seif.types import Constraint, Kwargs

WORDS = (
    "cat",
    "cats",
    "river",
    "art",
    "heart",
    "yes",
    "answer",
    "section",
    "good",
    "red cat",
    "you",
    "all",
    "Peace",
    "hello",
)
PHRASES = (
    "That is all.",
    "you are all.",
    "Peace!",
    "Well, good luck.",
    "So what is next?",
    'she said "yes"',
    "the red cat",
    "Call me. Good luck.",
)
PROMPTS = (
    "Write about the red cat.",
    "Hello, tell me all. What is good about art?",
    '"Yes" is a good answer.',
    "Tell me more",
    "Is art good?",
    "Describe the river. Then describe art.",
)
MARKERS = ("Section", "SECTION", "Day", "part")
LANGUAGES = ("en", "de", "hi", "th", "ko", "ru", "sw", "vi", "it", "ar")
Rng = random.Random


def _relation(rng: Rng, counts: tuple[int, ...], names: tuple[str, str]) -> Kwargs:
    relation = rng.choice((AT_LEAST, LESS_THAN))
    return {names[0]: rng.choice(counts), names[1]: relation}


def _first_word(rng: Rng) -> Kwargs:
    count = rng.randint(1, 4)
    return {
        "num_paragraphs": count,
        "nth_paragraph": rng.randint(1, count),
        "first_word": rng.choice(("river", "Write", "cat", "tell", "good")),
    }


_KWARGS: dict[str, Callable[[Rng], Kwargs]] = {
    "keywords:existence": lambda rng: {"keywords": rng.sample(WORDS, rng.randint(1, 3))},
    "keywords:frequency": lambda rng: {
        "keyword": rng.choice(WORDS),
        **_relation(rng, (1, 2, 3, 4), ("frequency", "relation")),
    },
    "keywords:forbidden_words": lambda rng: {"forbidden_words": rng.sample(WORDS, rng.randint(1, 3))},
    "keywords:letter_frequency": lambda rng: {
        "letter": rng.choice("aeiorstnqz,!#"),
        **_relation(rng, (1, 2, 3, 6, 20), ("let_frequency", "let_relation")),
    },
    "language:response_language": lambda rng: {"language": rng.choice(LANGUAGES)},
    "change_case:english_capital": lambda rng: {},
    "change_case:english_lowercase": lambda rng: {},
    "change_case:capital_word_frequency": lambda rng: _relation(
        rng, (1, 2, 3, 5, 10), ("capital_frequency", "capital_relation")
    ),
    "length_constraints:number_sentences": lambda rng: _relation(rng, (1, 2, 3, 5, 10), ("num_sentences", "relation")),
    "length_constraints:number_words": lambda rng: _relation(rng, (1, 3, 5, 10, 20, 100), ("num_words", "relation")),
    "length_constraints:number_paragraphs": lambda rng: {"num_paragraphs": rng.randint(1, 4)},
    "length_constraints:nth_paragraph_first_word": _first_word,
    "detectable_content:number_placeholders": lambda rng: {"num_placeholders": rng.randint(1, 4)},
    "detectable_content:postscript": lambda rng: {"postscript_marker": rng.choice(("P.S.", "P.P.S"))},
    "detectable_format:number_bullet_lists": lambda rng: {"num_bullets": rng.randint(0, 4)},
    "detectable_format:constrained_response": lambda rng: {},
    "detectable_format:number_highlighted_sections": lambda rng: {"num_highlights": rng.randint(1, 4)},
    "detectable_format:multiple_sections": lambda rng: {
        "section_spliter": rng.choice(("Section", "SECTION", "Day", "part")),
        "num_sections": rng.randint(1, 4),
    },
    "detectable_format:json_format": lambda rng: {},
    "detectable_format:title": lambda rng: {},
    "combination:two_responses": lambda rng: {},
    "combination:repeat_prompt": lambda rng: {"prompt_to_repeat": rng.choice(PROMPTS)},
    "startend:end_checker": lambda rng: {"end_phrase": rng.choice(PHRASES)},
    "startend:quotation": lambda rng: {},
    "punctuation:no_comma": lambda rng: {},
}
IDS = tuple(_KWARGS)


def random_constraint(rng: Rng, instruction_id: str | None = None) -> Constraint:
    """A constraint of a random type, unless one is named; its text says what it is, not how a person would put it."""
    chosen = instruction_id or rng.choice(IDS)
    kwargs = _KWARGS[chosen](rng)
    return Constraint(f"{chosen} {kwargs}", chosen, kwargs)


def random_set(rng: Rng) -> tuple[Constraint, ...]:
    """2 to 5 constraints; types may repeat."""
    return tuple(random_constraint(rng) for _ in range(rng.randint(2, 5)))
