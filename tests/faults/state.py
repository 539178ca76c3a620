"""Every file of a run directory, damaged in every way: what status, report and a resume make of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from faults import runs
from faults.campaign import TRACEBACK, Crashed, Ended, Fault, Silent, call, expect_line
from seif.atomic import remove

REMADE = (".lock", "report.html", "seeds.parquet", "checksums.json")
"""What every start writes anew, or can do without: nothing need be said of it."""


def cut(file: Path) -> None:
    """Truncate to half."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    """Truncate to nothing."""
    file.write_bytes(b"")


def garbage(file: Path) -> None:
    """Overwrite with bytes that are nothing."""
    file.write_bytes(bytes(range(255, 0, -1)) * 3 + b"\n{]\n")


def change(file: Path) -> None:
    """Change one digit, or one byte of what is no text: it still parses."""
    content = file.read_bytes()
    if file.suffix in (".json", ".jsonl", ".yaml"):
        found = re.search(rb"(?<=[ .\d])\d(?=[,\n}\]])", content) or re.search(
            rb"(?<=[a-z ])[a-z](?=[a-z]+\.)", content
        )
        assert found is not None
        place, other = found.start(), (b"8", b"7") if found[0].isdigit() else (b"x", b"y")
        content = content[:place] + (other[0] if found[0] != other[0] else other[1]) + content[place + 1 :]
    else:
        place = len(content) // 2
        content = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    file.write_bytes(content)


def other_type(file: Path) -> None:
    """Valid JSON of another type: a list for an object, an object without keys for a line."""
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(["{}", *lines[1:]]) + "\n" if file.suffix == ".jsonl" else "[1, [2]]\n")


def directory(file: Path) -> None:
    """Put a directory in its place: nobody can read it as a file, not even root."""
    file.unlink()
    file.mkdir()


KINDS: dict[str, Callable[[Path], object]] = {
    "cut in half": cut,
    "emptied": empty,
    "garbage": garbage,
    "one digit or byte changed": change,
    "another type": other_type,
    "a directory in its place": directory,
    "removed": remove,
}


def kinds_for(name: str) -> list[str]:
    """The kinds of damage that make sense for a file."""
    text = name.endswith((".json", ".jsonl"))
    changeable = text or name.endswith((".parquet", ".safetensors"))
    left_out = {"another type": not text, "one digit or byte changed": not changeable or name in UNCHECKED}
    return [kind for kind in KINDS if not left_out.get(kind)]


UNCHECKED = ("events.jsonl", "metrics.jsonl", "checksums.json", "manifest.json")
"""Logs that grow, and what is compared with the command: a digit changed is not seen by status."""
MADE_UP = (
    *("config.yaml", "manifest.json", "events.jsonl", "metrics.jsonl", "checksums.json"),
    *(f"turn_0{turn}/{name}.json" for turn in (0, 1) for name in ("evaluation", "audit", "showcase", "generation")),
    *("turn_00/instructions.parquet", "turn_01/instructions.parquet", "turn_01/outcomes.jsonl"),
    *(f"turn_01/{role}/{name}" for role in ("instructor", "follower") for name in ("config.json", "model.safetensors")),
    *(f"turn_01/rollouts/train_{role}.jsonl" for role in ("instructor", "follower")),
)
TRAINED = (
    *("events.jsonl", "metrics.jsonl", "checksums.json", "manifest.json", "config.yaml", "seeds.parquet"),
    *(f"turn_00/{name}" for name in ("instructions.parquet", "generation.json", "evaluation.json", "showcase.json")),
    *(f"turn_01/{name}" for name in ("instructions.parquet", "generation.json", "evaluation.json", "showcase.json")),
    *("turn_01/outcomes.jsonl", "turn_01/rollouts/train_instructor.jsonl", "turn_01/rollouts/train_follower.jsonl"),
    *(f"turn_01/{role}/{name}" for role in ("instructor", "follower") for name in ("model.safetensors", "config.json")),
    *("turn_01/follower/tokenizer.json", "turn_01/follower/chat_template.jinja", "report.html"),
)


def faults() -> Iterator[Fault]:
    """All of them; of the resumes, which train, each file gets two kinds of damage in turn."""
    for name in MADE_UP:
        for kind in kinds_for(name):
            yield Fault(
                f"shown {name}",
                kind,
                "status and report show the rest and name it",
                partial(shown, name, kind),
                quick=kind == "garbage",
            )
    for state, prepare in {"finished": finished, "unfinished": unfinished}.items():
        for number, name in enumerate(TRAINED):
            kinds = kinds_for(name)
            step = 3 if state == "finished" else 4
            for kind in dict.fromkeys((kinds[number % len(kinds)], kinds[(number + step) % len(kinds)])):
                yield Fault(
                    f"{state} run, {name}",
                    kind,
                    "resumes bit for bit and says what was damaged, or one line",
                    partial(resumed, name, kind, prepare),
                    quick=False,
                )


# --- shown -------------------------------------------------------------------------------------------------------


def shown(name: str, kind: str, folder: Path) -> None:
    """status, status --json and report name the file, and show the rest unless it is the config."""
    run = runs.copy(runs.made_up(), folder)
    KINDS[kind](run / name)
    named = Path(name).name if name not in REMADE else ""
    if name == "config.yaml":
        for command in (("status",), ("report",), ("status", "--json")):
            ended = call(*command, run)
            if ended.code == 0 and named in ended.err:
                continue
            expect_line(ended, 2, named)
        return
    for command in (("status",), ("report",), ("status", "--json")):
        ended = call(*command, run)
        expect_rest(ended, named if command != ("status",) or name != "manifest.json" else "")
    found = json.loads(ended.out)
    if named and not any(named in line for line in found.get("damaged", [])):
        raise Silent(f"status --json does not name {named}")
    if len(found["turns"]) < 2 - (Path(name).name == "evaluation.json"):
        raise Silent("evaluations that could be read are not shown")


def expect_rest(ended: Ended, named: str) -> None:
    """Raises Crashed for anything but exit code 0, Silent when the file is not named."""
    if TRACEBACK in ended.err + ended.out or ended.code != 0:
        raise Crashed(f"exit code {ended.code}: {ended.err[-300:]}")
    if named not in ended.err:
        raise Silent(f"nothing is said of {named}: {ended.err[-300:]}")


# --- resumed -----------------------------------------------------------------------------------------------------


def finished(run: Path) -> None:
    """The run as it ended."""


def unfinished(run: Path) -> None:
    """The run as if it had been killed before it trained its Follower."""
    noted = json.loads((run / "checksums.json").read_text())
    kept = {name: found for name, found in noted.items() if "follower" not in name and "turn_01/evaluation" not in name}
    (run / "checksums.json").write_text(json.dumps(kept))
    for path in ("follower", "evaluation.json", "showcase.json", "outcomes.jsonl", "rollouts/train_follower.jsonl"):
        remove(run / "turn_01" / path)
    for log in ("metrics.jsonl", "events.jsonl"):
        lines = (run / log).read_text(encoding="utf-8").splitlines()
        ended = [i for i, line in enumerate(lines) if '"turn": 1' in line and "train_follower" in line]
        (run / log).write_text("".join(f"{line}\n" for line in lines[: min(ended)]), encoding="utf-8")


def resumed(name: str, kind: str, prepare: Callable[[Path], None], folder: Path) -> None:
    """The same command ends as the undisturbed run did, and names what was damaged; or it refuses in one line."""
    undisturbed = runs.trained()
    run = runs.copy(undisturbed, folder)
    prepare(run)
    if not (run / name).exists():
        return
    KINDS[kind](run / name)
    ended = runs.resume(run)
    if ended.code != 0:
        expect_line(ended, ended.code if ended.code in (2, 3) else 2, Path(name).name)
        remove(run / name)
        shutil.copy2(undisturbed / name, run / name)
        return
    runs.expect_same_results(run, undisturbed, logged=name != "metrics.jsonl")
    if Path(name).name not in ended.err + ended.out and name not in REMADE and name != "config.yaml":
        raise Silent(f"nothing is said of {name}")
