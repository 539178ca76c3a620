"""Where commands write: devices, pipes, links, directories, and their own inputs."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faults.campaign import Crashed, Ended, Fault, Lost, Silent, call, expect_line, expect_success
from support import NANO

ROW = {
    "seed_question": "Write about a mirror.",
    "prompt": "Write about a mirror.\nDo not use any commas.",
    "response": "It is bright.",
    "constraint": ["Do not use any commas."],
    "instruction_id_list": ["punctuation:no_comma"],
    "kwargs": [{}],
}
MODEL = NANO / "model"


@dataclass(frozen=True)
class Command:
    """A command that writes a file or a directory."""

    name: str
    line: str
    """With {rows} for its input, {model}, and {out} for what it writes."""
    writes: bool = False
    """It can be run for real in a moment."""
    new: bool = True
    """What it writes must not be there yet."""
    beside: str = ""
    """How the name of its input ends where the command would write that beside `--out out`."""

    def call(self, folder: Path, out: Path, rows: Path | None = None) -> Ended:
        """Run it on the file `rows`, by default a new one in the folder."""
        rows = rows or write_rows(folder)
        return call(*(word.format(rows=rows, out=out, model=MODEL) for word in self.line.split()))


COMMANDS = (
    Command("verify", "verify {rows} --out {out}", writes=True, new=False),
    Command("compile", "compile {rows} --out {out}", writes=True, new=False),
    Command("conflicts", "conflicts {rows} --out {out}", writes=True, new=False),
    Command("judge", "judge {rows} --judger rules --out {out}", writes=True, beside=".verdicts.jsonl"),
    Command("curriculum", "curriculum {rows} --out {out}"),
    Command("evaluate", "evaluate {model} --held-out {rows} --out {out}", new=False),
    Command("evaluate --responses", "evaluate {model} --suite ifeval --prompts {rows} --responses {out}"),
    Command("generate", "generate --model {model} --seeds {rows} --out {out}", beside=".stats.json"),
    Command("train instructor", "train instructor --model {model} --instructions {rows} --out {out}"),
    Command(
        "train follower", "train follower --model {model} --instructions {rows} --out {out}", beside=".metrics.jsonl"
    ),
    Command("pseudo-label", "pseudo-label --model {model} --instructions {rows} --out {out}", beside=".json"),
    Command("train reward-model", "train reward-model --model {model} --labels {rows} --out {out}", beside=".json"),
    Command("bench", "bench --config nano-tiny --seeds {rows} --out {out}"),
    Command("init", "init --model {model} --seeds {rows} --out {out}"),
)
BUILD = Command("nano build", "nano build --steps 1 --out {out}")


def write_rows(folder: Path, name: str = "rows.jsonl") -> Path:
    """A file that every command can read."""
    path = folder / name
    path.write_text(json.dumps([ROW] if path.suffix == ".json" else ROW) + "\n", encoding="utf-8")
    return path


def faults() -> Iterator[Fault]:
    """All of them."""
    for command in (*COMMANDS, BUILD):
        yield from refusals(command)
    for command in COMMANDS:
        if command.writes:
            yield from writings(command)


# --- refused -----------------------------------------------------------------------------------------------------


def refusals(command: Command) -> Iterator[Fault]:
    """What a command can't or must not write to is one line, before anything is loaded or written."""
    kinds: dict[str, Callable[[Command, Path], None]] = {
        "a directory": partial(refused, make=make_directory, words="directory" if not command.new else "exists"),
        "in no directory": partial(refused, make=lambda folder: folder / "none" / "out", words="no directory at"),
        "a loop of links": partial(refused, make=make_loop, words="loop of symbolic links"),
        "in a write-protected directory": write_protected_directory,
    }
    if command is not BUILD:
        words = "exists" if command.new else "reads or writes already"
        kinds["its own input"] = partial(onto_input, words=words)
        kinds["a link to its own input"] = partial(onto_input, words=words, link=True)
    if command.beside:
        kinds["beside its own input of the same name"] = beside_input
    if not command.new:
        kinds["a write-protected file"] = write_protected_file
    for kind, attempt in kinds.items():
        yield Fault(f"output of {command.name}", kind, "exit code 2, one line", partial(attempt, command))


def refused(command: Command, folder: Path, make: Callable[[Path], Path], words: str) -> None:
    """The output is what `make` makes."""
    out = make(folder)
    write_rows(folder)
    before = contents(folder)
    expect_line(command.call(folder, out), 2, words)
    expect_same(folder, before)


def make_directory(folder: Path) -> Path:
    """A directory with a file."""
    (folder / "out").mkdir()
    (folder / "out" / "mine.txt").write_text("mine")
    return folder / "out"


def make_loop(folder: Path) -> Path:
    """Two links to each other."""
    (folder / "out").symlink_to("other")
    (folder / "other").symlink_to("out")
    return folder / "out"


def onto_input(command: Command, folder: Path, words: str, link: bool = False) -> None:
    """The output is the file that is read, or a link to it."""
    rows = write_rows(folder)
    out = folder / "link.jsonl" if link else rows
    if link:
        out.symlink_to(rows.name)
    before = contents(folder)
    expect_line(command.call(folder, out, rows), 2, words)
    expect_same(folder, before)


def beside_input(command: Command, folder: Path) -> None:
    """What is written beside the output has the name of the file that is read."""
    rows = write_rows(folder, f"out{command.beside}")
    before = contents(folder)
    expect_line(command.call(folder, folder / "out", rows), 2, "reads or writes already")
    expect_same(folder, before)


def write_protected_directory(command: Command, folder: Path) -> None:
    """A directory of another user."""
    with as_another_user() as theirs:
        expect_line(command.call(folder, theirs / "out", theirs / "rows.jsonl"), 2, "write-protected")


def write_protected_file(command: Command, folder: Path) -> None:
    """A file without permission to write."""
    with as_another_user() as theirs:
        expect_line(command.call(folder, theirs / "mine.txt", theirs / "rows.jsonl"), 2, "write-protected")


@contextlib.contextmanager
def as_another_user() -> Iterator[Path]:
    """A directory with rows and a file that this process may read and not write, as root is kept from nothing."""
    with tempfile.TemporaryDirectory(prefix="seif-theirs-") as name:
        theirs = Path(name)
        write_rows(theirs)
        (theirs / "mine.txt").write_text("mine")
        (theirs / "mine.txt").chmod(0o444)
        theirs.chmod(0o555)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
            yield theirs
        finally:
            if root:
                os.seteuid(0)
            theirs.chmod(0o755)


# --- written -----------------------------------------------------------------------------------------------------


def writings(command: Command) -> Iterator[Fault]:
    """What is no regular file is written to and stays what it is; links lead where they led."""
    kinds: dict[str, tuple[str, Callable[[Command, Path], None]]] = {
        "/dev/null": ("it stays a device", to_null),
        "/dev/full": ("exit code 3, one line", to_full),
        "/dev/stdout": ("the rows are on stdout", to_stdout),
        "a named pipe": ("its reader gets the rows", to_pipe),
        "a link to nothing": ("what it leads to is made", partial(to_link, there=False)),
        "a link to the neighbour of the output": ("what it leads to stays", neighbour),
        "a new file under another umask": ("the umask holds", umask),
    }
    if not command.new:
        kinds["a link to a file"] = ("the link stays, the file is replaced", partial(to_link, there=True))
        kinds["a link to a link"] = ("both stay, the file is replaced", partial(to_link, there=True, hops=2))
        kinds["a file with permissions of its own"] = ("they stay", permissions)
    for kind, (expected, attempt) in kinds.items():
        yield Fault(f"output of {command.name}", kind, expected, partial(attempt, command))


def expected_rows(command: Command, folder: Path) -> str:
    """What the command writes to a plain file."""
    plain = folder / "plain.jsonl"
    expect_success(command.call(folder, plain))
    return plain.read_text(encoding="utf-8")


def device(folder: Path, name: str, minor: int) -> Path | None:
    """A device like /dev/null: a node of its own, so that the machine's is not replaced where the promise is broken.

    None where none may be made, and the machine's own could be replaced.
    """
    node, own = folder / name, Path("/dev") / name
    try:
        os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        node.open("wb").close()
    except OSError:
        node.unlink(missing_ok=True)
        return None if os.access("/dev", os.W_OK) else own
    return node


def to_null(command: Command, folder: Path) -> None:
    """A device that takes everything."""
    out = device(folder, "null", 3)
    if out is None:
        return
    expect_success(command.call(folder, out))
    if not stat.S_ISCHR(out.stat().st_mode):
        raise Lost(f"{out} is no device any more")
    if list(folder.glob("null?*")):
        raise Silent("a file was made beside the device")


def to_full(command: Command, folder: Path) -> None:
    """A device that is always full."""
    out = device(folder, "full", 7)
    if out is not None:
        expect_line(command.call(folder, out), 3, "No space left on device")


def to_stdout(command: Command, folder: Path) -> None:
    """This process's standard output, which is a file that the shell has begun to write."""
    wanted = expected_rows(command, folder)
    captured = folder / "captured"
    captured.write_text("before\n")
    kept = os.dup(1)
    try:
        opened = os.open(captured, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, 1)
        os.close(opened)
        ended = command.call(folder, Path("/dev/stdout"))
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    expect_success(ended)
    if captured.read_text(encoding="utf-8") != f"before\n{wanted}":
        raise Lost(f"stdout got: {captured.read_text(encoding='utf-8')[:200]!r}")


def to_pipe(command: Command, folder: Path) -> None:
    """A named pipe that somebody reads."""
    wanted, out, got = expected_rows(command, folder), folder / "pipe", list[str]()
    os.mkfifo(out)
    reader = threading.Thread(target=lambda: got.append(out.read_text(encoding="utf-8")), daemon=True)
    reader.start()
    ended = command.call(folder, out)
    if not stat.S_ISFIFO(out.stat().st_mode):
        raise Lost("the pipe is gone")
    expect_success(ended)
    reader.join(10)
    if got != [wanted]:
        raise Lost(f"the reader got {got!r:.200}")


def to_link(command: Command, folder: Path, there: bool, hops: int = 1) -> None:
    """A link to a file that is there, or not yet."""
    wanted, target = expected_rows(command, folder), folder / "real" / "target.jsonl"
    target.parent.mkdir()
    if there:
        target.write_text("old")
    out = folder / f"link{hops}"
    out.symlink_to("real/target.jsonl")
    for hop in range(1, hops):
        (folder / f"link{hop}").symlink_to(out.name)
        out = folder / f"link{hop}"
    expect_success(command.call(folder, out))
    if not out.is_symlink():
        raise Lost("the link was replaced")
    if not target.is_file() or target.read_text(encoding="utf-8") != wanted:
        raise Lost("the rows are not where the link leads")


def neighbour(command: Command, folder: Path) -> None:
    """The temporary name beside the output is a link to a file of the user's."""
    precious = folder / "precious.txt"
    precious.write_text("mine")
    (folder / "out.partial").symlink_to(precious.name)
    expect_success(command.call(folder, folder / "out"))
    if precious.read_text() != "mine":
        raise Lost("a file was overwritten by way of a link")


def umask(command: Command, folder: Path) -> None:
    """The umask keeps others from a new file."""
    before = os.umask(0o077)
    try:
        expect_success(command.call(folder, folder / "out"))
    finally:
        os.umask(before)
    expect_mode(folder / "out", 0o600)


def permissions(command: Command, folder: Path) -> None:
    """A file that its group may write."""
    out = folder / "out"
    out.write_text("old")
    out.chmod(0o664)
    expect_success(command.call(folder, out))
    expect_mode(out, 0o664)


def expect_mode(path: Path, wanted: int) -> None:
    """Raises Silent when a file has other permissions."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode != wanted:
        raise Silent(f"{path.name} has permissions {mode:o}, wanted {wanted:o}")


def contents(folder: Path) -> dict[str, str]:
    """All files and links of a folder, with what they hold."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_text(encoding="utf-8")
    return found


def expect_same(folder: Path, before: dict[str, str]) -> None:
    """Raises Lost when a file of the folder was changed, Crashed when one was made."""
    after = contents(folder)
    if changed := [name for name in before if after.get(name) != before[name]]:
        raise Lost(f"changed: {', '.join(changed)}")
    if made := sorted(set(after) - set(before)):
        raise Crashed(f"left behind: {', '.join(made)}")
