"""Precision and recall of the compiler on labelled constraints, and what share of generated ones it understands;
prints JSON.

    .venv/bin/python -m benchmarks.compiler --data ../shared/data

`--refused` also prints the labelled texts that are left to a model although their id is one of the 25.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, deque
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq

from seif.constraints import TYPES
from seif.constraints.compiler import compile_text
from seif.constraints.files import CompiledFile


def main() -> None:
    """Compile, compare with the labels, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--refused", action="store_true", help="list what does not compile, on stderr")
    options = parser.parse_args()
    known, right, wrong, missed = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in pq.read_table(options.data / "verlif_constraints_labelled.parquet").to_pylist():
        for text, label, given in zip(row["constraint"], row["instruction_id_list"], row["kwargs"], strict=True):
            found = compile_text(text)
            truth = {k: int(v) if isinstance(v, float) else v for k, v in (given or {}).items() if v is not None}
            known[label] += label in TYPES
            if found.checkable:
                (right if (found.instruction_id, dict(found.kwargs)) == (label, truth) else wrong)[
                    found.instruction_id
                ] += 1
            elif label in TYPES:
                missed[label] += 1
                if options.refused:
                    print(f"{label}\t{text!r}", file=sys.stderr)
    generated = CompiledFile(options.data / "seif_qwen7b_q_T1.parquet")
    deque(generated, maxlen=0)
    print(
        json.dumps(
            {
                "labelled": {
                    "checkable_texts": known.total(),
                    "precision": right.total() / (right.total() + wrong.total()),
                    "recall": right.total() / known.total(),
                    "wrong": dict(wrong),
                    "missed": dict(missed.most_common()),
                },
                "generated": asdict(generated.counts()),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
