"""The `seif` command. Every stage of `run` is a command of its own on files.

Here is how it begins and ends; `commands` is what it can do. Nothing heavy is imported before signals are handled.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import TracebackType

from seif.cli.streams import open_streams
from seif.errors import RunError, SeifError, UsageError
from seif.redaction import redacted
from seif.signals import close_output, leaving

_BROKEN_PIPE = 128 + signal.SIGPIPE
"""The exit code where nobody reads what is printed any more, as of other commands in a shell."""
_CONTINUES = "the same command continues"
_STARTS_OVER = "the same command starts over"
_RESUMABLE = ("run", "demo", "generate", "train", "pseudo-label")
"""Commands that go on where they were stopped; `evaluate` and `judge` do with --out."""
_SERVES = ("serve",)
_SHOWS_TRACEBACK = "SEIF_TRACEBACK"


def main() -> None:
    """Entry point: a user's mistake or a broken run is one line and an exit code; SEIF_TRACEBACK=1 shows where it
    broke.
    """
    sys.excepthook = _print_traceback
    open_streams()
    said = threading.Lock()

    def overdue(number: signal.Signals) -> None:
        if said.acquire(blocking=False):
            _write_at_once(_stopped(number, sys.argv))

    with leaving(overdue) as signals:
        try:
            code, line = _run()
        except BaseException:
            # An interrupt comes out as it is, or as what a library made of it.
            if signals.received is None:
                raise
            code, line = 1, ""
    if signals.received is not None and code:
        code, line = 128 + signals.received, _stopped(signals.received, sys.argv)
    if line and said.acquire(blocking=False):
        _print_error(line)
    sys.exit(_flushed(code))


def _run() -> tuple[int, str]:
    """The exit code, and the line that says what went wrong."""
    try:
        from seif.cli.commands import app

        app(prog_name="seif")
    except SystemExit as stop:
        if isinstance(stop.code, str):
            return RunError.exit_code, stop.code
        if stop.code == 1:
            # None of ours is 1: rich and typer end with it where a pipe is closed at its other end, and typer where it
            # knows no completion for the shell, which it says.
            asked = "_SEIF_COMPLETE" in os.environ or any(
                _mentions(sys.argv, option) for option in ("--show-completion", "--install-completion")
            )
            return (UsageError.exit_code if asked and not _nobody_reads() else _BROKEN_PIPE), ""
        return stop.code or 0, ""
    except SeifError as error:
        _show_traceback()
        return error.exit_code, str(error)
    except _what_breaks_below() as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            return _BROKEN_PIPE, ""
        _show_traceback()
        return RunError.exit_code, _explain(error)
    return 0, ""


def _what_breaks_below() -> tuple[type[Exception], ...]:
    """A full disk, memory, a library, the network. The run directory stays as it is."""
    from safetensors import SafetensorError

    return (OSError, RuntimeError, ImportError, MemoryError, SafetensorError)


def _explain(error: Exception) -> str:
    what = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())[:300]
    where = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
    return (
        f"{type(error).__name__}: {what}{where}; remove the cause and "
        f"run the same command again; {_SHOWS_TRACEBACK}=1 shows where"
    )


def _stopped(number: signal.Signals, argv: Sequence[str]) -> str:
    """The line about a command that was stopped: whether it can be continued."""
    command = argv[1] if len(argv) > 1 else ""
    if command in _SERVES:
        return f"stopped by {number.name}"
    resumable = command in _RESUMABLE
    if command in ("evaluate", "judge"):
        # EleutherAI's harness keeps no answers.
        resumable = _mentions(argv, "--out") and not any("lm-eval" in word for word in argv)
    return f"stopped by {number.name}; {_CONTINUES if resumable else _STARTS_OVER}"


def _mentions(argv: Sequence[str], option: str) -> bool:
    return any(word.partition("=")[0] == option for word in argv)


def _print_error(line: str) -> None:
    from rich.console import Console

    try:
        Console(stderr=True, soft_wrap=True).print(
            f"error: {redacted(line)}", style="red", highlight=False, markup=False
        )
    except OSError:
        # The terminal was closed, for one: there is nobody to tell.
        close_output()


def _write_at_once(line: str) -> None:
    """As `_print_error`, from a thread and past everything that the main thread may hold."""
    clear, show_cursor = ("\r\x1b[2K", "\x1b[?25h") if sys.stderr.isatty() else ("", "")
    try:
        os.write(2, f"{clear}error: {redacted(line)}\n{show_cursor}".encode())
    except OSError:
        close_output()


def _show_traceback() -> None:
    if os.environ.get(_SHOWS_TRACEBACK):
        sys.stderr.write(redacted(traceback.format_exc()))


def _print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As Python does, but without what is secret."""
    sys.stderr.write(redacted("".join(traceback.format_exception(kind, error, trace))))


def _nobody_reads() -> bool:
    """Whether standard output is a pipe that is closed at its other end."""
    try:
        sys.stdout.flush()
        os.write(1, b"")
    except BrokenPipeError:
        return True
    except (OSError, ValueError):
        return False
    import select

    waiting = select.poll()
    waiting.register(1, 0)
    return any(event & select.POLLERR for _, event in waiting.poll(0))


def _flushed(code: int) -> int:
    """The exit code, once what was printed is out."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        close_output()
        return code or _BROKEN_PIPE
    return code
