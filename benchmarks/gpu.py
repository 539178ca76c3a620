"""Training on a GPU, tried and measured in under ten minutes on one device; writes JSON.

make gpu                                                 # or: python3 -m benchmarks.gpu --out FILE
python -m benchmarks.gpu --device cpu --tiny --out FILE  # checks this program itself, in two to four minutes on a CPU

The models have Qwen2's architecture in the sizes of Qwen2.5-1.5B and 7B with random weights, so nothing is downloaded.
Packages that are missing are installed from .whl/ (`make gpu-wheels`) into build/gpu-site. Each phase is written to the
JSON as soon as it is done. Exit status: 0, 1 when a phase failed, 2 without a GPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks import wheels

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
_SITE = BUILD / "gpu-site"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=BUILD / "gpu.json", help="the JSON; default: %(default)s")
    parser.add_argument(
        "--work", type=Path, default=BUILD / "gpu", help="models and checkpoints, about 45 GB for a time"
    )
    parser.add_argument(
        "--minutes", type=float, default=9.5, help="phases that are not done by then fail or are left out"
    )
    parser.add_argument("--phases", nargs="+", metavar="PHASE", help="these alone; the JSON has their names")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--tiny", action="store_true", help="tiny models, to check this program; no figures to quote")
    parser.add_argument("--vllm-python", metavar="FILE", help="a Python with vLLM, for its servers; default: this one")
    parser.add_argument("--plugins", nargs="+", default=[], metavar="FILE", help="further plugins of every training")
    return parser.parse_args()


def main() -> None:
    """Prepare, measure, write."""
    options = _options()
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif (why := _no_gpu()) is not None:
        _refuse(f"{why}; `python -m benchmarks.gpu --device cpu --tiny` checks the program without a GPU")
    else:
        # One device: where more are visible, training would spread over them.
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, (str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH")))
    )
    sys.path.insert(0, str(ROOT / "src"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    if lacking := wheels.missing():
        if not list(wheels.WHEELS.glob("*.whl")):
            _refuse(f"this Python lacks {', '.join(lacking)}; `make gpu-wheels` fetches them where there is a network")
        wheels.install(_SITE)
    # Only now, when what they import is there.
    from benchmarks.gpu_bench import REAL, TINY, Bench, LeftOut, PhaseFailed
    from benchmarks.gpu_phases import PHASES
    from benchmarks.gpu_report import look, run

    names = options.phases or list(PHASES)
    if unknown := [name for name in names if name not in PHASES]:
        _refuse(f"no phase {unknown[0]!r}; there are {', '.join(PHASES)}")
    deadline = time.monotonic() + 60 * options.minutes
    try:
        device, hardware, versions = look(deadline)
    except (PhaseFailed, LeftOut) as error:
        print(f"benchmarks.gpu: the device can't be described: {error}", file=sys.stderr)
        sys.exit(1)
    options.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        sizes = TINY if options.tiny else REAL
        vllm = options.vllm_python or (sys.executable if find_spec("vllm") else None)
        bench = Bench(Path(work).resolve(), sizes, deadline, device, hardware, options.plugins, vllm)
        failed = run(options.out, bench, versions, names)
    sys.exit(1 if failed else 0)


def _no_gpu() -> str | None:
    """Why there is no GPU that torch can use; None where there is one."""
    if find_spec("torch") is None:
        return f"{sys.executable} has no torch: name another Python, as in `make gpu PYTHON=python3.12`"
    script = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    # A process of its own: what asks for a GPU holds some of its memory.
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    return "torch finds no GPU here" if found.returncode else None


def _refuse(why: str) -> None:
    print(f"benchmarks.gpu: {why}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
