"""How good the embedded model is: what `floors.json` beside its weights holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Floors:
    """Each role on questions that training never saw; shares and accuracies from 0 to 1, by constraint type where it
    says so. None where there was nothing to measure."""

    judger_balanced_accuracy: float
    """On replies of the world's writer."""
    judger_worst_type: float
    judger_on_own_answers: float | None
    """On the model's own replies."""
    judger_on_own_answers_worst_type: float
    filter_balanced_accuracy: float
    instructor_parsable: float
    instructor_known_types: float
    """Replies whose every constraint compiles."""
    instructor_conflict_share: float
    instructor_writes_asked: float
    """Types that it was asked for and wrote, as a share of those that it was asked for."""
    follower_held_out_types: float | None
    """Constraint accuracy at temperature 1 on the types that no Instructor writes."""
    follower_greedy_constraint_accuracy: float | None
    follower_sampled_constraint_accuracy: float | None
    follower_well_formed: float | None
    sums_right: float
    sums_right_sampled: float
    judger_talked_round: float
    """Violated rules that the Judger calls satisfied once the reply pleads for it."""
    instructor_shares: Mapping[str, float]
    """By type, what the Instructor writes unasked, of all that it writes."""
    judger_per_type: Mapping[str, float]
    judger_on_own_answers_per_type: Mapping[str, float | None]
    follower_greedy_per_type: Mapping[str, float | None]
    follower_greedy_by_count: Mapping[str, float | None]
    """By the number of constraints: the share of tasks with every one satisfied."""
