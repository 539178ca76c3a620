"""Static contradictions: sets of constraints that no response can satisfy, found by rules before any model is asked."""

from __future__ import annotations

from itertools import combinations

from seif.types import Constraint

LOWER, CAPITAL = "change_case:english_lowercase", "change_case:english_capital"
BULLETS, PARAGRAPHS = "detectable_format:number_bullet_lists", "length_constraints:number_paragraphs"
SENTENCES, END, NO_COMMA = "length_constraints:number_sentences", "startend:end_checker", "punctuation:no_comma"


def find_conflict(constraints: tuple[Constraint, ...]) -> str | None:
    """A sentence that names two constraints which exclude each other, or None when rules see none.

    Only what is certain is called a conflict: a satisfiable set is never refused here.
    """
    for first, second in combinations((c for c in constraints if c.checkable), 2):
        reason = _reason(first, second) or _reason(second, first)
        if reason:
            return f'"{first.text}" and "{second.text}" exclude each other: {reason}.'
    return None


def _reason(a: Constraint, b: Constraint) -> str | None:
    ids = (a.instruction_id, b.instruction_id)
    if ids == (LOWER, CAPITAL):
        return "letters can't be all lower case and all capital"
    if ids == (BULLETS, BULLETS) and a.kwargs["num_bullets"] != b.kwargs["num_bullets"]:
        return "the number of bullets is fixed twice"
    if ids == (PARAGRAPHS, PARAGRAPHS) and a.kwargs["num_paragraphs"] != b.kwargs["num_paragraphs"]:
        return "the number of paragraphs is fixed twice"
    if ids == (SENTENCES, SENTENCES):
        relations = (a.kwargs["relation"], b.kwargs["relation"])
        if relations == ("at least", "less than") and a.kwargs["num_sentences"] >= b.kwargs["num_sentences"]:
            return "no number of sentences is in both ranges"
    if ids == (END, END):
        ends = [c.kwargs["end_phrase"].strip().lower() for c in (a, b)]
        if not (ends[0].endswith(ends[1]) or ends[1].endswith(ends[0])):
            return "a text has one ending"
    if ids == (END, NO_COMMA) and "," in a.kwargs["end_phrase"]:
        return "the ending has a comma"
    return None
