"""Wheels for a machine without a package index: fetch them where there is one, install them where there is none.

python3 -m benchmarks.wheels      # fetches what gpu-wheels.txt lists into .whl/, for CPython 3.12 on Linux, x86-64

`benchmarks.gpu` installs them by itself. seif is not among them: its own checkout is run. Only Python's own library is
used here.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).parent / "gpu-wheels.txt"
WHEELS = ROOT / ".whl"
NEEDED = ("datasets", "langdetect", "nltk", "openai", "peft", "pydantic", "trl", "typer")
"""Modules that seif imports and that an image with PyTorch and transformers may lack."""
_SOURCE_ONLY = ("langdetect",)
"""What is published without a wheel; its own has no compiled part."""
_GLIBC = ("2_28", "2_27", "2_17")
"""pip takes a wheel only for exactly the platforms that it is given."""


def missing() -> list[str]:
    """Which of the needed modules can't be imported."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def fetch(folder: Path = WHEELS) -> None:
    """Download the wheels. Raises CalledProcessError with pip's status."""
    wanted = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    built = [name for name in wanted if name.partition("==")[0] in _SOURCE_ONLY]
    pip = [sys.executable, "-m", "pip"]
    platforms = [f"--platform=manylinux_{glibc}_x86_64" for glibc in _GLIBC] + ["--platform=manylinux2014_x86_64"]
    target = ["--only-binary=:all:", "--python-version=3.12", "--implementation=cp", *platforms]
    options = ["--quiet", "--no-deps"]
    ready = [name for name in wanted if name not in built]
    subprocess.run([*pip, "download", *options, *target, "--dest", str(folder), *ready], check=True)
    subprocess.run([*pip, "wheel", *options, "--wheel-dir", str(folder), *built], check=True)


def install(site: Path, folder: Path = WHEELS) -> None:
    """Install all wheels of `folder` into `site`, for this process and those it starts. Raises CalledProcessError."""
    wheels = sorted(map(str, folder.glob("*.whl")))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-cache-dir"]
    subprocess.run([*pip, "--upgrade", "--target", str(site), *wheels], check=True)
    sys.path.insert(0, str(site))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))
    importlib.invalidate_caches()


def main() -> None:
    """Fetch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=WHEELS, help="where the wheels go")
    folder = parser.parse_args().folder
    fetch(folder)
    found = list(folder.glob("*.whl"))
    print(f"{len(found)} wheels in {folder}, {sum(path.stat().st_size for path in found) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
