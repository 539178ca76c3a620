"""Mode collapse, and what prevents it: a policy over constraints is trained by the real rewards.

The policy is a softmax over 27 constraints of 12 types, trained by policy gradient with group-relative advantages. The
Follower follows each type with a probability of its own; after every turn it has learned what the pool was full of, and
forgotten half of what it had learned before.
"""

import math
import random
import statistics
from collections import Counter
from dataclasses import dataclass, field

from seif.archive import Archive
from seif.config import Instructor
from seif.constraints.compiler import compile_text
from seif.constraints.signature import Signature, signature_of
from seif.rewards import INSTRUCTOR_REWARDS
from seif.scoring import Score, penalised

TEXTS = (
    "Write in all lowercase letters.",
    "Write in all capital letters.",
    "Do not use any commas.",
    "Wrap the whole answer in double quotes.",
    "Add a title in <<>>.",
    "End with the phrase 'The end.'",
    "Add a postscript that starts with P.S.",
    *(f"Use exactly {n} bullet points." for n in (2, 3, 4, 7)),
    *(f"Highlight at least {n} words like *this*." for n in (2, 3, 4, 7)),
    *(f"Write at least {n} sentences." for n in (4, 5, 7, 12)),
    *(f"Write exactly {n} paragraphs divided by ***." for n in (2, 3, 4, 5)),
    *(f"Use at least {n} placeholders like [name]." for n in (2, 3, 4, 7)),
)
CONSTRAINTS = {text: compile_text(text) for text in TEXTS}
SIGNATURES = {text: signature_of(constraint) for text, constraint in CONSTRAINTS.items()}
TYPES = tuple(dict.fromkeys(signature.kind for signature in SIGNATURES.values()))
LOWERCASE, CAPITAL = TYPES[:2]
ANSWERS, SAMPLES, GROUPS, STEPS, LEARNING_RATE = 4, 8, 16, 60, 1.5


@dataclass
class Loop:
    """Turns of Instructor, pool and Follower."""

    follows: dict[str, float]
    """How often the base Follower satisfies a constraint of each type."""
    settings: Instructor
    logits: dict[str, float] = field(default_factory=lambda: dict.fromkeys(TEXTS, 0.0))
    pools: list[list[Signature]] = field(default_factory=list)
    learned: dict[str, float] = field(default_factory=lambda: dict.fromkeys(TYPES, 0.0))

    def turn(self) -> None:
        rng, archive = random.Random(len(self.pools)), Archive(self.pools)
        for _ in range(STEPS):
            policy = self.policy()
            drawn = rng.choices(TEXTS, list(policy.values()), k=GROUPS * SAMPLES)
            scores = penalised([self._score(text, rng) for text in drawn], self.settings, archive)
            pushes = Counter[str]()
            for text, advantage in zip(drawn, advantages([score.reward for score in scores]), strict=True):
                pushes[text] += advantage
            for text, p in policy.items():
                self.logits[text] += LEARNING_RATE / len(drawn) * (pushes[text] - p * pushes.total())
        pool = rng.choices(TEXTS, list(self.policy().values()), k=400)
        self.pools.append([SIGNATURES[text] for text in pool])
        shares = Counter(signature.kind for signature in self.pools[-1])
        for kind in TYPES:
            self.learned[kind] = 1 - (1 - self.learned[kind] / 2) * math.exp(-3 * shares[kind] / len(pool))

    def policy(self) -> dict[str, float]:
        weights = {text: math.exp(logit) for text, logit in self.logits.items()}
        return {text: weight / sum(weights.values()) for text, weight in weights.items()}

    def top_types(self) -> list[tuple[str, float]]:
        """The most frequent type of each pool, with its share."""
        return [top(signature.kind for signature in pool) for pool in self.pools]

    def top_signatures(self) -> list[tuple[Signature, float]]:
        return [top(pool) for pool in self.pools]

    def _score(self, text: str, rng: random.Random) -> Score:
        kind = SIGNATURES[text].kind
        p = self.follows[kind] + (1 - self.follows[kind]) * self.learned[kind]
        verdicts = [float(rng.random() < p) for _ in range(ANSWERS)]
        reward = INSTRUCTOR_REWARDS.get(self.settings.reward)(verdicts)
        return Score(reward, "judged", constraints=(CONSTRAINTS[text],))


def advantages(rewards):
    groups = [rewards[start : start + SAMPLES] for start in range(0, len(rewards), SAMPLES)]
    return [
        (reward - statistics.mean(group)) / (statistics.stdev(group) + 1e-4) for group in groups for reward in group
    ]


def top(items):
    counts = Counter(items)
    ((item, count),) = counts.most_common(1)
    return item, count / counts.total()


def run(follows, turns, **settings):
    loop = Loop(follows, Instructor(reward="adversarial", **settings))
    for _ in range(turns):
        loop.turn()
    return loop


def uneven(hard):
    """A Follower that satisfies half of what it is asked, but less of two types."""
    return {kind: hard if kind in (LOWERCASE, CAPITAL) else 0.5 for kind in TYPES}


def share_of_hard_types(pool):
    return sum(signature.kind in (LOWERCASE, CAPITAL) for signature in pool) / len(pool)


def test_without_penalties_the_hardest_type_takes_the_pool_and_comes_back():
    tops = run(uneven(0.2), turns=3).top_types()
    assert [kind for kind, _ in tops] == [LOWERCASE, CAPITAL, LOWERCASE]
    assert all(share > 0.6 for _, share in tops)


def test_penalties_keep_every_pool_mixed_and_the_archive_what_is_past_away():
    within_turns = run(uneven(0.3), turns=3, share_penalty=1.0)
    assert all(share <= 0.3 for _, share in within_turns.top_types())
    assert all(share <= 0.3 for _, share in within_turns.top_signatures())
    across_turns = run(uneven(0.3), turns=3, share_penalty=1.0, archive_penalty=1.0)
    assert all(share <= 0.3 for _, share in across_turns.top_types())
    came_back, stayed_away = (share_of_hard_types(loop.pools[2]) for loop in (within_turns, across_turns))
    assert came_back > 0.25
    assert stayed_away < came_back / 2
