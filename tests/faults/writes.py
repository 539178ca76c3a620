"""Writes that fail: a full disk, a broken one, no file handles left. Each at some write of a whole small run.

A shared library, compiled here, stands before the system's functions in the run's process and fails the n-th call that
touches a file of the run directory.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

from faults import runs
from faults.campaign import Crashed, Ended, Fault, Silent, expect_line, start

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int calls;

/* Whether this call of a kind is the one that fails: FAULT_CALL is the kind, FAULT_AT the number, from 1. */
static int fails(const char *kind, const char *path) {
    const char *wanted = getenv("FAULT_CALL"), *folder = getenv("FAULT_FOLDER");
    if (!wanted || !folder || strcmp(kind, wanted) || strncmp(path, folder, strlen(folder))) return 0;
    int at = atoi(getenv("FAULT_AT")), now = __sync_add_and_fetch(&calls, 1);
    const char *count = getenv("FAULT_COUNT");
    if (count) {
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
        int file = real(count, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (file >= 0) { dprintf(file, "%d\n", now); close(file); }
    }
    if (now != at) return 0;
    errno = atoi(getenv("FAULT_ERRNO"));
    return 1;
}

static int fails_at(const char *kind, int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(kind, path);
}

ssize_t write(int file, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    /* Half of it may be on the disk when it is full. */
    if (fails_at("write", file)) {
        int kept = errno;
        if (size > 1) real(file, data, size / 2);
        errno = kept;
        return -1;
    }
    return real(file, data, size);
}

int fsync(int file) {
    static int (*real)(int);
    if (!real) real = dlsym(RTLD_NEXT, "fsync");
    return fails_at("fsync", file) ? -1 : real(file);
}

int rename(const char *from, const char *to) {
    static int (*real)(const char *, const char *);
    if (!real) real = dlsym(RTLD_NEXT, "rename");
    return fails("rename", to) ? -1 : real(from, to);
}

#define OPEN(name)                                                          \
int name(const char *path, int flags, ...) {                                \
    static int (*real)(const char *, int, ...);                             \
    if (!real) real = dlsym(RTLD_NEXT, #name);                              \
    va_list more; va_start(more, flags); int mode = va_arg(more, int); va_end(more); \
    return fails("open", path) ? -1 : real(path, flags, mode);              \
}
OPEN(open)
OPEN(open64)
"""
CALLS = {
    "write": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.EIO,),
    "rename": (errno.EIO,),
    "open": (errno.EMFILE,),
}
SAMPLES = 3
"""Calls of each kind that fail, spread over the run."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def faults() -> Iterator[Fault]:
    """All of them; none is quick, as each trains."""
    for kind, numbers in CALLS.items():
        for number in numbers:
            for sample in range(SAMPLES):
                yield Fault(
                    f"{kind} {sample + 1} of {SAMPLES} over a run",
                    os.strerror(number),
                    "exit code 3 and one line, then the same command ends bit for bit",
                    partial(failing, kind, number, sample),
                    quick=False,
                )
    yield Fault(
        "a file system of 12 MB",
        "it fills up during the run",
        "exit code 3 and one line; with room again, the same command ends bit for bit",
        full,
        quick=False,
    )


@cache
def shim() -> Path | None:
    """The compiled library; None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    folder = runs.folder()
    (folder / "shim.c").write_text(SHIM)
    made = folder / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, folder / "shim.c", "-ldl"], check=True)
    return made


def run_with(run: Path, kind: str, number: int, at: int, count: Path | None = None) -> Ended:
    """The small run in a process of its own, whose call number `at` of a kind fails."""
    own = {"LD_PRELOAD": str(shim()), "FAULT_CALL": kind, "FAULT_AT": str(at), "FAULT_ERRNO": str(number)}
    counting = {"FAULT_COUNT": str(count)} if count else {}
    return start(*runs.command(run), env={**ONE_THREAD, **own, **counting, "FAULT_FOLDER": f"{run}/"}, timeout=1200)


@cache
def calls(kind: str) -> int:
    """How many calls of a kind touch the run directory in an undisturbed run."""
    folder = runs.folder()
    ended = run_with(folder / "run", kind, 0, -1, folder / "count")
    if ended.code != 0:
        raise Crashed(f"the run that counts: {ended.err[-300:]}")
    return int((folder / "count").read_text())


def failing(kind: str, number: int, sample: int, folder: Path) -> None:
    """One call fails; what comes next finds the disk whole again."""
    undisturbed = runs.trained()
    if shim() is None:
        return
    run = folder / "run"
    ended = run_with(run, kind, number, max(1, round(calls(kind) * (sample + 0.5) / SAMPLES)))
    if ended.code == 0:
        # A library looked for a file that it can do without.
        if kind == "open":
            runs.expect_same_results(run, undisturbed)
            return
        raise Silent(f"exit code 0 although a call of {kind} failed")
    expect_failed(ended, os.strerror(number))
    expect_resumed(run, undisturbed)


def full(folder: Path) -> None:
    """A disk too small for the run."""
    undisturbed, mounted = runs.trained(), folder / "small"
    mounted.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "seif", mounted], capture_output=True).returncode:
        return
    try:
        run = mounted / "run"
        expect_failed(start(*runs.command(run), env=ONE_THREAD, timeout=1200), "No space left on device")
        subprocess.run(["mount", "-o", "remount,size=400m", mounted], check=True, capture_output=True)
        expect_resumed(run, undisturbed)
    finally:
        subprocess.run(["umount", mounted], check=True, capture_output=True)


def expect_failed(ended: Ended, words: str) -> None:
    """It says in its last line what failed, with exit code 3; notes may come before."""
    lines = ended.err.strip().splitlines()
    expect_line(Ended(ended.code, ended.out, lines[-1] if lines else "", ended.seconds), 3, "error: ")
    if words not in lines[-1] and "rror" not in lines[-1]:
        raise Silent(f"no {words!r} in: {lines[-1]}")
    if "Traceback" in ended.err:
        raise Crashed(ended.err[-500:])


def expect_resumed(run: Path, undisturbed: Path) -> None:
    """The same command, undisturbed, ends as the undisturbed run did."""
    ended = runs.resume(run)
    if ended.code != 0:
        raise Crashed(f"the resume: exit code {ended.code}: {ended.err[-300:]}")
    runs.expect_same_results(run, undisturbed)
