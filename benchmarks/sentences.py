"""How far sentence counts agree with NLTK's Punkt under its trained English parameters, as IFEval uses it; prints JSON.

    python -c "import nltk; nltk.download('punkt_tab')"
    .venv/bin/python -m benchmarks.sentences --data ../shared/data

Compared are the counts on every text of the released files, and the verdicts of IFEval's own thresholds on them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pyarrow.parquet as pq
from nltk.tokenize.punkt import PunktTokenizer

from seif.constraints.text import count_sentences

FILES = {
    "seif_qwen7b_q_T1": "prompt",
    "seif_seeds": "prompt",
    "verlif_constraints_labelled": "prompt",
    "ifeval_prompts": "prompt",
}


def main() -> None:
    """Count twice, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    options = parser.parse_args()
    official = PunktTokenizer("english")
    prompts = pq.read_table(options.data / "ifeval_prompts.parquet").to_pylist()
    thresholds = [k["num_sentences"] for row in prompts for k in row["kwargs"] if k["num_sentences"] is not None]
    found = {}
    for name, column in FILES.items():
        texts = pq.read_table(options.data / f"{name}.parquet", columns=[column]).column(0).to_pylist()
        counts = [(count_sentences(text), len(official.tokenize(text))) for text in texts]
        verdicts = [(ours >= n) == (theirs >= n) for ours, theirs in counts for n in thresholds]
        found[name] = {
            "texts": len(texts),
            "same_count": round(sum(a == b for a, b in counts) / len(counts), 4),
            "mean_difference": round(sum(a - b for a, b in counts) / len(counts), 4),
            "same_verdict": round(sum(verdicts) / len(verdicts), 5),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
