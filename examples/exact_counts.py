"""Constraint types of one's own: exact numbers of sentences and words, which IFEval lacks and Instructors love.

seif compile instructions.parquet --types examples/exact_counts.py
constraint_types: ../examples/exact_counts.py        # in a config
"""

from seif.constraints.custom import hard_type
from seif.constraints.text import count_sentences, count_words

OPENING = r"(?:(?:the|your) (?:response|answer|reply) (?:should|must) (?:contain|include|have|be) |(?:use|write|give|in) )?exactly "
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
N = rf"(?P<n>\d{{1,4}}|{'|'.join(NUMBERS)})"


def count(match):
    """The number that a wording names."""
    return {"count": NUMBERS.get(match["n"].lower()) or int(match["n"])}


@hard_type(
    "count:exact_sentences",
    category="Structure",
    definition="an exact number of sentences",
    example="Use exactly 3 sentences.",
    wordings={rf"{OPENING}{N} sentences?": count},
)
def exact_sentences(response: str, count: int) -> bool:
    """Sentences as the built-in type counts them."""
    return count_sentences(response) == count


@hard_type(
    "count:exact_words",
    category="Structure",
    definition="an exact number of words",
    example="Use exactly 40 words.",
    wordings={rf"{OPENING}{N} words?": count},
)
def exact_words(response: str, count: int) -> bool:
    """Words as the built-in type counts them."""
    return count_words(response) == count
