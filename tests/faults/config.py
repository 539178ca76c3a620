"""Configs as a hostile or hurried user writes them: files that are no YAML, values that no key takes, odd overrides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from faults.campaign import Crashed, Fault, Silent, call, expect_line
from seif.config import Config, section_of
from seif.config_file import load_config
from seif.errors import UsageError

SMALL = "model: x\n"
BOMB = "a0: &a0 [x, x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 40))
TEXTS: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "empty": ("", ("is empty",)),
    "comments alone": ("# nothing\n", ("is empty",)),
    "a list": ("- model: x\n", ("it holds a list",)),
    "one word": ("model", ("it holds one value",)),
    "a key twice": ("model: x\nturns: 2\nturns: 3\n", ("line 3", "'turns'", "second time")),
    "a key twice in quotes": ("model: x\n'model': y\n", ("line 2", "'model'")),
    "a key twice in a flow section": (SMALL + "stop: {gap: 0.1, gap: 0.2}\n", ("line 2", "'gap'")),
    "two documents": ("model: x\n---\nmodel: y\n", ("line 2", "document")),
    "a Python object": ("model: !!python/object/apply:os.system [ls]\n", ("line 1", "tag", "plain value")),
    "a Python name": ("model: !!python/name:os.system x\n", ("line 1", "tag")),
    "an unknown tag": ("model: !mine x\n", ("line 1", "tag !mine")),
    "a set": (SMALL + "plugins: !!set {a}\n", ("line 2", "tag !!set")),
    "bytes": ("model: !!binary aGk=\n", ("line 1", "tag !!binary")),
    "a number by force": (SMALL + "turns: !!int three\n", ("line 2", "can't be read as int")),
    "a number of 5,000 digits": (SMALL + "turns: " + "9" * 5000, ("line 2", "can't be read as int")),
    "a tab": ("model: x\nstop:\n\tgap: 0.1\n", ("line 3", "indent with spaces")),
    "a NUL": ("model: x\0y\n", ("line 1", "U+0000")),
    "an escape character": ("model: x\nseeds: \x1b[31m\n", ("line 2", "U+001B")),
    "an escaped control character": ('model: "x\\x07"\n', ("control character",)),
    "half a surrogate pair": ('model: "\\uD800"\n', ("surrogate",)),
    "UTF-16": (SMALL.encode("utf-16"), ("UTF-16", "save it as UTF-8")),
    "UTF-16 without a mark": (SMALL.encode("utf-16-le"), ("line 1",)),
    "latin-1": ("# Größe\nmodel: ä\n".encode("latin-1"), ("line 1", "not UTF-8")),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), ("not UTF-8",)),
    "a million spaces": (" " * 1_000_001, ("1,000,000 bytes",)),
    "a bomb of aliases": (SMALL + BOMB, ("10,000 values",)),
    "10,000 keys": ("\n".join(f"k{i}: 1" for i in range(10_001)), ("10,000 values",)),
    "lists 2,000 deep": ("model: " + "[" * 2000, ("50 levels deep",)),
    "sections 60 deep": ("\n".join(" " * i + f"k{i}:" for i in range(60)), ("50 levels deep",)),
    "an alias of itself": ("model: &a [*a]\n", ("*a within &a",)),
    "an unknown alias": ("model: *nowhere\n", ("undefined alias 'nowhere'",)),
    "an open bracket": ("model: [x\n", ("line 2", "not valid YAML")),
    "an open quote": ("model: 'x\n", ("not valid YAML",)),
    "a colon too many": ("model: a: b\n", ("line 1", "not valid YAML")),
    "a merge of a number": ("<<: 5\nmodel: x\n", ("line 1", "merging")),
    "a list for a key": ("? [model]\n: x\n", ("line 1", "key")),
    "a number for a key": (SMALL + "5: x\n", ("name 5", "quotes")),
    "true for a key": (SMALL + "on: x\n", ("name true", "quotes")),
    "no model": ("turns: 2\n", ("'model' is missing",)),
    "an empty model": ("model: ''\n", ("model: must not be empty",)),
    "a path of 5,000 letters": (f"model: {'x/' * 2500}\n", ("model", "too long for a path")),
    "a name of 300 letters": (SMALL + f"seeds: {'x' * 300}.jsonl\n", ("seeds", "too long for a path")),
    "an unknown key": (SMALL + "trns: 2\n", ("unknown key 'trns'", "did you mean 'turns'")),
    "an unknown key in a list": (SMALL + "evaluation: {suites: [{nme: ifeval}]}\n", ("did you mean",)),
    "pass counts of zero": (SMALL + "follower: {epochs: [3, 0]}\n", ("follower.epochs.1", "at least 1", "got 0")),
    "no pass counts": (SMALL + "follower: {epochs: []}\n", ("follower.epochs", "at least 1 entry")),
    "NaN within extra": (SMALL + "follower: {grpo: {extra: {top_p: .nan}}}\n", ("extra.top_p", "finite")),
    "a date for a name": ("model: x\nreport_to: 2024-01-01\n", ("report_to: must be a list",)),
    "minutes for an argument": (SMALL + "launcher: [srun, --time, 1:30:00]\n", ("launcher.2", "text", "quotes")),
}
GOOD: dict[str, tuple[str | bytes, Callable[[Config], bool]]] = {
    "merge keys": (
        "model: x\ninstructor: {grpo: &g {kl: 0.5, samples: 7}}\nfollower: {grpo: {<<: *g, kl: 0.25}}\n",
        lambda c: (c.instructor.grpo.kl, c.follower.grpo.kl, c.follower.grpo.samples) == (0.5, 0.25, 7),
    ),
    "a mark of UTF-8": (b"\xef\xbb\xbfmodel: x\n", lambda c: c.model == "x"),
    "Windows line ends": (b"model: x\r\nturns: 2\r\n", lambda c: c.turns == 2),
    "old Mac line ends": (b"model: x\rturns: 2\r", lambda c: c.turns == 2),
    "a number with an exponent": (
        "model: x\nfollower: {grpo: {kl: 1e-3}}\n",
        lambda c: c.follower.grpo.kl == 1e-3,
    ),
    "a date as a name": ("model: 2024-01-01\n", lambda c: c.model == "2024-01-01"),
    "another script": ("model: 模型/ß\n", lambda c: c.model == "模型/ß"),
    "an empty section": ("model: x\nlora:\n", lambda c: c.lora is None),
}
SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "no equals sign": ("turns", ("--set takes key=value",)),
    "no key": ("=3", ("--set takes key=value",)),
    "nothing": ("", ("--set takes key=value",)),
    "a dot at the end": ("follower.=3", ("--set takes key=value",)),
    "dots alone": ("..=3", ("--set takes key=value",)),
    "no value": ("turns=", ("turns: must be a whole number", "got null")),
    "a key of a value": ("turns.deeper=1", ("turns is not a section",)),
    "an unknown section": ("a.b.c=1", ("unknown key 'a'",)),
    "100 sections": ("a." * 100 + "b=1", ("unknown key",)),
    "an open bracket": ("turns=[", ("--set turns", "not valid YAML")),
    "a tag": ("turns=!!python/name:os.x y", ("--set turns", "tag")),
    "a key twice": ("stop={gap: 0.1, gap: 0.2}", ("--set stop", "'gap'")),
    "an unknown key in another script": ("größe=3", ("unknown key 'größe'",)),
    "a value of 100,000 letters": ("turns=" + "x" * 100_000, ("turns: must be a whole number",)),
    "NaN": ("follower.grpo.kl=.nan", ("--set follower.grpo.kl=.nan", "finite")),
    "a key for a server": ("engine.api_key_env=sk-123", ("not the key",)),
}


def leaves(section: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, field) of every value of the config."""
    for name, field in section.model_fields.items():
        below = section_of(field.annotation)
        if below is None:
            yield f"{prefix}{name}", field
        else:
            yield from leaves(below, f"{prefix}{name}.")


def form_of(field: Any) -> set[object]:
    """What a value may be: plain types, tuple or dict; empty for one of a few names."""
    annotation = field.annotation
    if get_origin(annotation) in (tuple, dict):
        return {get_origin(annotation)}
    return {kind for kind in (get_args(annotation) or (annotation,)) if kind in (bool, int, float, str)}


WRONG: dict[object, tuple[str, ...]] = {
    str: ("5", "true", "[]", "{a: 1}"),
    bool: ("5", "no text", "[]", "{a: 1}"),
    int: ("1.5", "true", "no text", "[]", "{a: 1}"),
    float: ("true", "no text", "[]", "{a: 1}"),
    tuple: ("5", "no text", "{a: 1}", "[[]]", "[{a: 1}]"),
    dict: ("5", "no text", "[]", "{5: a}"),
}


def set_to(key: str, value: str) -> UsageError | None:
    """What is said where `key` is set to a YAML value; None where nothing is."""
    try:
        load_config(None, ["model=x", f"{key}={value}"])
    except UsageError as error:
        return error
    return None


def _refused(key: str, values: tuple[str, ...], words: tuple[str, ...]) -> Callable[[Path], None]:
    def attempt(_: Path) -> None:
        for value in values:
            error = set_to(key, value)
            if error is None:
                raise Silent(f"{key}={value} is accepted")
            said = str(error)
            if "\n" in said or len(said) > 600 or "Input should" in said:
                raise Crashed(said[:300])
            if missing := [word for word in (key.rpartition(".")[0], *words) if word not in said]:
                raise Silent(f"no {missing} in: {said}")

    return attempt


def _read(text: str | bytes, words: tuple[str, ...]) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        file = folder / "run.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        expect_line(call("plan", file), 2, "run.yaml" if "too long" not in words[-1] else "", *words)

    return attempt


def _accepted(text: str | bytes, holds: Callable[[Config], bool]) -> Callable[[Path], None]:
    def attempt(folder: Path) -> None:
        file = folder / "run.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        if not holds(load_config(file)):
            raise Silent("it is read as something else")

    return attempt


def _overridden(text: str, words: tuple[str, ...]) -> Callable[[Path], None]:
    return lambda _: expect_line(call("plan", "nano-tiny", "--set", text), 2, *words)


def _folder(folder: Path) -> None:
    expect_line(call("plan", folder), 2, "no config at")


def _long_name(_: Path) -> None:
    expect_line(call("plan", "x" * 5000), 2, "no config at")


def faults() -> Iterator[Fault]:
    """Every fault of this part."""
    for kind, (text, words) in TEXTS.items():
        yield Fault("config file", kind, f"exit code 2 says {', '.join(words)}", _read(text, words))
    for kind, (text, holds) in GOOD.items():
        yield Fault("config file", kind, "it is read as it was meant", _accepted(text, holds))
    yield Fault("config file", "a folder", "exit code 2", _folder)
    yield Fault("config file", "a name of 5,000 letters", "exit code 2", _long_name)
    for kind, (text, words) in SETS.items():
        yield Fault("--set", kind, f"exit code 2 says {', '.join(words)}", _overridden(text, words))
    for key, field in leaves():
        form = form_of(field)
        if form & {int, float}:
            numbers = ("1e300", "-1e300") if float in form else ("1000000000000000000000", "-5")
            yield Fault(key, "NaN and infinity", "refused", _refused(key, (".nan", ".inf", "-.inf"), ("finite",)))
            yield Fault(key, "absurd numbers", "refused in plain words", _refused(key, numbers, ()))
        for kind in form:
            # lora.target_modules takes one name for a list of one.
            wrong = tuple(v for v in WRONG[kind] if (key, v) != ("lora.target_modules", "no text"))
            yield Fault(key, "another type", "refused in plain words", _refused(key, wrong, ()))
