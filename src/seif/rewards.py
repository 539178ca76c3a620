"""Rewards as arithmetic over verdicts. A reward of None means: nothing could be judged, nobody is paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from seif.types import Verdict, adherence


def follower_reward(well_formed: bool, verdicts: Sequence[Verdict], worths: Sequence[float | None] = ()) -> float | None:
    """R_F = A(x, y); 0 for bad format (SEIF, arXiv 2605.07465).

    `worths`, one per verdict, take the place of 1 and 0 where they are known: the mean of what each is worth (arXiv 2510.14420).
    """
    if not well_formed:
        return 0.0
    return graded(verdicts, worths) if any(w is not None for w in worths) else adherence(list(verdicts))


def graded(verdicts: Sequence[Verdict], worths: Sequence[float | None]) -> float | None:
    """The mean worth over what was judged, 1 or 0 for a verdict without one; None when nothing was judged."""
    known = [float(v is Verdict.SATISFIED) if w is None else w for v, w in zip(verdicts, worths, strict=True) if v is not Verdict.UNJUDGED]
    return sum(known) / len(known) if known else None


def adversarial(adherences: Sequence[float | None]) -> float | None:
    """R_I = 1 - A(x, y), averaged over the answers that could be judged (the paper takes one answer)."""
    judged = [a for a in adherences if a is not None]
    return 1 - sum(judged) / len(judged) if judged else None


def frontier(adherences: Sequence[float | None]) -> float | None:
    """4p(1 - p) with p the mean adherence: highest for an instruction that the Follower follows half of the time."""
    judged = [a for a in adherences if a is not None]
    if not judged:
        return None
    p = sum(judged) / len(judged)
    return 4 * p * (1 - p)


INSTRUCTOR_REWARDS = {"adversarial": adversarial, "frontier": frontier}


def share_penalties(types: Sequence[Sequence[str]], weight: float) -> list[float]:
    """Per instruction: `weight` times the mean share that its constraint types have among all constraints of the batch.

    An instruction made of the batch's favourite type pays most; an empty one pays nothing.
    """
    counts = Counter(t for row in types for t in row)
    total = counts.total()
    return [weight * sum(counts[t] / total for t in row) / len(row) if row else 0.0 for row in types]
