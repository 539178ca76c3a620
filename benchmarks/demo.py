"""How long the demo takes and how much memory it needs; prints JSON.

.venv/bin/python -m benchmarks.demo
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run a config in a fresh directory and measure the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("nano"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a config key")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        began = time.time()
        overrides = [part for override in options.set for part in ("--set", override)]
        command = [sys.executable, "-m", "seif", "run", str(options.config), "--run-dir", str(run_dir), *overrides]
        subprocess.run(command, check=True, cwd=ROOT, stdout=sys.stderr)
        seconds = time.time() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        events = [json.loads(line) for line in (run_dir / "events.jsonl").read_text().splitlines()]
    stages: dict[str, float] = {}
    for event in events:
        if event["event"] == "stage_finished":
            stages[event["stage"]] = round(stages.get(event["stage"], 0.0) + event["seconds"], 1)
    print(
        json.dumps(
            {
                "seconds": round(seconds, 1),
                "peak_memory_mib": round(peak),
                "cores": os.cpu_count(),
                "seconds_by_stage": stages,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
