"""Every benchmark that the documents name can be started from a clone as they say."""

import re
import subprocess
import sys

import pytest

from support import ROOT

COMMANDS = sorted(
    {
        f"benchmarks.{path.stem}"
        for path in (ROOT / "benchmarks").glob("*.py")
        if "__main__" in path.read_text(encoding="utf-8")
    }
)


@pytest.mark.slow
@pytest.mark.parametrize("module", COMMANDS)
def test_a_benchmark_starts_and_explains_itself(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"-m {module}" in done.stdout


def test_the_documents_name_no_other_ones():
    named = {
        name
        for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
        for name in re.findall(r"benchmarks[./](\w+)", path.read_text(encoding="utf-8"))
    }
    assert named
    assert {f"benchmarks.{name}" for name in named - {"test_reward_pipeline", "arms"}} <= {*COMMANDS}
