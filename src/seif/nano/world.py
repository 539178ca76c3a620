"""A small English world: questions about everyday things, rules about the form of an answer, in two wordings each.

The rules are IFEval's; the project's own verifiers decide what holds of a text, never this module.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import find_conflict
from seif.types import Constraint

Rng = random.Random

THINGS = [
    "river",
    "garden",
    "bridge",
    "forest",
    "market",
    "window",
    "kitchen",
    "library",
    "train",
    "boat",
    "castle",
    "island",
    "village",
    "museum",
    "school",
    "station",
    "farm",
    "harbor",
    "mountain",
    "beach",
    "cat",
    "dog",
    "horse",
    "rabbit",
    "owl",
    "fox",
    "turtle",
    "bird",
    "fish",
    "bee",
    "bread",
    "soup",
    "cake",
    "apple",
    "lemon",
    "pear",
    "cheese",
    "honey",
    "tea",
    "rice",
    "clock",
    "lamp",
    "chair",
    "table",
    "violin",
    "drum",
    "kite",
    "bicycle",
    "coat",
    "hat",
    "book",
    "letter",
    "map",
    "basket",
    "ladder",
    "candle",
    "mirror",
]
ADJECTIVES = [
    "old",
    "new",
    "small",
    "big",
    "quiet",
    "bright",
    "warm",
    "cold",
    "soft",
    "green",
    "red",
    "blue",
    "yellow",
    "clean",
    "dark",
    "happy",
    "calm",
    "kind",
    "simple",
    "round",
    "sweet",
    "fresh",
    "strong",
    "lovely",
    "busy",
    "slow",
]
NAMES = ["Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Irene", "Jack"]
TIMES = ["morning", "evening", "summer", "winter", "spring", "afternoon"]
PLACES = ["door", "road", "lake", "hill", "tree", "wall", "gate", "square", "shore", "field"]
VERBS = ["waits", "rests", "shines", "sleeps", "grows", "changes", "stays", "moves"]
BLANKS = ["name", "place", "date", "time", "color"]
END_PHRASES = ("That is all.", "Have a nice day.", "Thank you, friend.", "Well, good luck.")

QUESTIONS = (
    "Write about the {}.",
    "Tell me about the {}.",
    "Describe a {}.",
    "What is good about a {}?",
    "Explain the {} to a child.",
    "Write a short story about the {}.",
    "Write a note about the {}.",
    "Why do people like the {}?",
    "Give me news of the {}.",
    "What do you know about the {}?",
    "Write a letter about a {}.",
    "How would you paint the {}?",
)
PLAIN = (
    "The {t} is {a}.",
    "{n} likes the {t}.",
    "{n} saw a {a} {t}.",
    "It is {a} and {b}.",
    "The {t} {v} by the {p}.",
    "We found it by the {p}.",
    "{n} and {m} know the {t}.",
    "People visit the {t} every {w}.",
    "The {a} {t} {v}.",
    "It {v} near the {a} {p}.",
)
WITH_COMMA = (
    "The {t} is {a}, {b} and {c}.",
    "In the {w}, the {t} {v}.",
    "The {t} is {a}, but {n} is {b}.",
    "{n}, {m} and the {t} are {a}.",
    "Every {w}, {n} visits the {t}.",
    "If it is {a}, the {t} {v}.",
)


def all_seeds() -> list[str]:
    """Every question of the world, in a fixed order."""
    return [question.format(thing) for thing in THINGS for question in QUESTIONS]


def topic_of(seed: str) -> str:
    """The thing a question asks about."""
    return next(word for word in seed.rstrip(".?").split() if word in THINGS)


def draw_sum(rng: Rng) -> tuple[str, int]:
    """A question with one right answer, and that answer: the sum or the difference of two numbers up to 9."""
    high, low = sorted((rng.randint(1, 9), rng.randint(1, 9)), reverse=True)
    if rng.random() < 0.5:
        return f"What is {high} - {low}? Put the result in \\boxed{{}}.", high - low
    a, b = rng.sample((high, low), 2)
    return f"What is {a} + {b}? Put the result in \\boxed{{}}.", a + b


# --- rules ------------------------------------------------------------------------------------------------------------

WORDINGS: dict[str, tuple[str, ...]] = {
    "punctuation:no_comma": ("Do not use any commas.", "Avoid commas."),
    "change_case:english_lowercase": ("Write in all lowercase letters.", "Use only lowercase."),
    "change_case:english_capital": ("Write in all capital letters.", "Use only uppercase."),
    "startend:quotation": ("Wrap the whole answer in double quotes.", "Put the reply in double quotation marks."),
    "startend:end_checker": ("End with the phrase '{}'", "Finish with the exact words '{}'"),
    "detectable_format:title": ("Add a title in <<>>.", "Start with a title in double angular brackets."),
    "detectable_format:number_bullet_lists": ("Use exactly {} bullet points.", "Give exactly {} bullets."),
    "detectable_format:number_highlighted_sections": (
        "Highlight at least {} words like *this*.",
        "Mark at least {} words with *stars*.",
    ),
    "length_constraints:number_sentences": ("Write at least {} sentences.", "Write fewer than {} sentences."),
    "length_constraints:number_paragraphs": (
        "Write exactly {} paragraphs divided by ***.",
        "Use exactly {} paragraphs separated by ***.",
    ),
    "detectable_content:postscript": ("Add a postscript that starts with P.S.", "End with a P.S. note."),
    "detectable_content:number_placeholders": (
        "Use at least {} placeholders like [name].",
        "Include at least {} placeholders such as [name].",
    ),
}
COUNTS = {
    "detectable_format:number_bullet_lists": (2, 3),
    "detectable_format:number_highlighted_sections": (1, 2, 3),
    "length_constraints:number_paragraphs": (2, 3),
    "detectable_content:number_placeholders": (1, 2, 3),
}
MINIMUM, MAXIMUM = (3, 4, 5), (2, 3, 4)
"""Thresholds of "at least n" and "fewer than n" sentences."""
HELD_OUT_WORDINGS: dict[str, tuple[str, ...]] = {
    "keywords:existence": ("Use the word '{}'.", "Mention the word '{}'."),
    "length_constraints:number_words": ("Write at least {} words.", "Write fewer than {} words."),
}
"""Types that the base follows as carelessly as others, and that no Instructor writes: what is gained there was learnt
on other types."""
MINIMUM_WORDS, MAXIMUM_WORDS = (20, 25), (14, 18)


def draw_constraint(rng: Rng, instruction_id: str | None = None) -> Constraint:
    """A random rule, of a random type unless one is named. Its text is what the compiler understands."""
    chosen = instruction_id or rng.choice(list(WORDINGS))
    wording = rng.choice(WORDINGS[chosen])
    if chosen == "startend:end_checker":
        value: object = rng.choice(END_PHRASES)
    elif chosen == "length_constraints:number_sentences":
        value = rng.choice(MINIMUM if "at least" in wording else MAXIMUM)
    else:
        value = rng.choice(COUNTS.get(chosen, (0,)))
    return _compiled(chosen, wording.format(value))


def draw_held_out_constraint(rng: Rng, instruction_id: str) -> Constraint:
    """A random rule of one of the types that no Instructor writes."""
    wording = rng.choice(HELD_OUT_WORDINGS[instruction_id])
    if instruction_id == "keywords:existence":
        return _compiled(instruction_id, wording.format(rng.choice(PLACES)))
    value = rng.choice(MINIMUM_WORDS if "at least" in wording else MAXIMUM_WORDS)
    return _compiled(instruction_id, wording.format(value))


def _compiled(instruction_id: str, text: str) -> Constraint:
    constraint = compile_text(text)
    assert constraint.instruction_id == instruction_id, f"the compiler does not know {text!r}"
    return constraint


def draw_constraints(
    rng: Rng, count: int, contradictory: bool = False, inclusion: Mapping[str, float] | None = None
) -> tuple[Constraint, ...]:
    """`count` different rules that hold together, or, when asked, that can't.

    Types are even, or each as likely as `inclusion` says, which adds up to `count`.
    """
    while True:
        chosen = [draw_constraint(rng, i) for i in _types(rng, count, inclusion)]
        if contradictory:
            chosen = _contradictory_pair(rng) + chosen[2:]
            rng.shuffle(chosen)
        if (find_conflict(tuple(chosen)) is not None) == contradictory and len({c.text for c in chosen}) == count:
            return tuple(chosen)


def _types(rng: Rng, count: int, inclusion: Mapping[str, float] | None) -> list[str]:
    """Different types, each with the probability that `inclusion` gives it (systematic sampling in random order)."""
    if inclusion is None:
        return rng.sample(list(WORDINGS), count)
    chosen: list[str] = []
    passed, start = 0.0, rng.random()
    for name in rng.sample(list(inclusion), len(inclusion)):
        passed += inclusion[name]
        if passed > start + len(chosen) and len(chosen) < count:
            chosen.append(name)
    return rng.sample(chosen, len(chosen))


def _contradictory_pair(rng: Rng) -> list[Constraint]:
    lower, capital = "change_case:english_lowercase", "change_case:english_capital"
    end, comma = "startend:end_checker", "punctuation:no_comma"
    twice = (
        "detectable_format:number_bullet_lists",
        "length_constraints:number_paragraphs",
        "length_constraints:number_sentences",
        end,
    )
    pair = rng.choice([(lower, capital), (end, comma), *((i, i) for i in twice)])
    while True:
        drawn = [draw_constraint(rng, i) for i in pair]
        if find_conflict(tuple(drawn)):
            return drawn
