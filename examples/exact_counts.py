"""Constraint types of one's own: exact numbers of sentences and words, which IFEval lacks and Instructors love.

seif compile instructions.parquet --types examples/exact_counts.py
plugins: [../examples/exact_counts.py]               # in a config
"""

from seif.constraints import ConstraintType, Wording, register
from seif.constraints.demands import SENTENCES, WORDS, Demands
from seif.constraints.numbers import NUMBER, counted
from seif.constraints.parameters import Positive
from seif.constraints.text import count_sentences, count_words


def has_sentences(response: str, count: Positive) -> bool:
    """Sentences as the built-in type counts them."""
    return count_sentences(response) == count


def has_words(response: str, count: Positive) -> bool:
    """Words as the built-in type counts them."""
    return count_words(response) == count


register(
    ConstraintType(
        id="count:exact_sentences",
        category="Structure",
        definition="an exact number of sentences",
        example="Use exactly 3 sentences.",
        check=has_sentences,
        wordings=(
            Wording(
                (rf"(?:(?:use|write|give|contain|include|have|be|in) )?exactly (?P<n>{NUMBER}) sentences?",),
                counted("count"),
            ),
        ),
        # Optional: with its demands, a type takes part in the search for conflicts.
        demands=lambda count: [Demands(bounds={(SENTENCES, ""): (count, count)})],
    )
)

register(
    ConstraintType(
        id="count:exact_words",
        category="Structure",
        definition="an exact number of words",
        example="Use exactly 40 words.",
        check=has_words,
        wordings=(
            Wording(
                (rf"(?:(?:use|write|give|contain|include|have|be|in) )?exactly (?P<n>{NUMBER}) words?",),
                counted("count"),
            ),
        ),
        demands=lambda count: [Demands(bounds={(WORDS, ""): (count, count)})],
    )
)
