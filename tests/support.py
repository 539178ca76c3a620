"""What tests share: where the repository and the embedded model lie, and how a `seif` command is run for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
NANO = ROOT / "src" / "seif" / "nano"


def seif(*arguments: object, cwd: Path = ROOT, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a user would, without a terminal."""
    command = [sys.executable, "-m", "seif", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=timeout, env={**os.environ, "NO_COLOR": "1"}, check=False)
