"""The device that models run on here, as JSON; a process of its own, so that the caller holds no memory there.

python -m benchmarks.gpu_device
"""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from seif.engines.devices import this_device
from seif.planning.hardware import nearest_hardware

_PACKAGES = ("torch", "transformers", "trl", "accelerate", "peft", "datasets", "vllm")


def main() -> None:
    """Describe and print."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    print(json.dumps({"device": asdict(this_device()), "hardware": asdict(nearest_hardware()), "versions": versions}))


if __name__ == "__main__":
    main()
