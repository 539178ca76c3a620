"""A training metric of one's own: how many words finished replies have on average.

plugins: [../examples/metric.py]        # in a config; then it is in metrics.jsonl and in the trackers
"""

from collections.abc import Sequence

from seif.metrics import ScoredRollout, metrics


@metrics.register("mean_words")
def mean_words(rollouts: Sequence[ScoredRollout]) -> float | None:
    """Words are what stands between spaces; None where no reply was finished."""
    lengths = [len(rollout.text.split()) for rollout in rollouts if rollout.finished]
    return sum(lengths) / len(lengths) if lengths else None
