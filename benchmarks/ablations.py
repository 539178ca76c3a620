"""What the paper's loop loses without each of its parts (docs/protocol.md).

    .venv/bin/python -m benchmarks.ablations --jobs 2 > docs/ablations.json
    .venv/bin/python -m benchmarks.results_table docs/ablations.json

Runs `seif run` for every arm and seed under --runs, like `benchmarks.evolution`, and prints the same JSON.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.arms import COMMON, PAPER
from benchmarks.evolution import compare
from benchmarks.runs import ROOT, Arm, Study

FULL = {**PAPER, "judger.kind": "hybrid", "judger.model": "logprob"}
STUDY = Study(
    Path("nano-paper.yaml"),
    {
        "full": Arm(FULL),
        "no_filter": Arm({**FULL, "filter.rules": "false", "filter.model": "false"}),
        "static": Arm({**FULL, "instructor.train": "false"}),
        "all_or_nothing": Arm({**FULL, "follower.reward": "all_or_nothing"}),
        "no_judge_rules": Arm({**FULL, "judger.kind": "logprob"}),
    },
    "full",
    COMMON,
)

if __name__ == "__main__":
    compare(__doc__, {"ablations": STUDY}, ROOT / "runs" / "ablations")
