"""Inputs of foreign hands that ask for work without end: every loop over them has a limit, and no clock sets it."""

from __future__ import annotations

import asyncio
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from faults.campaign import Crashed, Fault, Lost, Overran, Silent, call, expect_line
from seif.config_file import load_config
from seif.constraints import TYPES
from seif.constraints.compiler import _compiled, compile_text
from seif.constraints.taxonomy import type_of
from seif.constraints.verifiers import MOST_CHARACTERS, TOO_LONG, verify
from seif.constraints.witness import OPEN, classify
from seif.engines.failures import Failure
from seif.engines.openai import read_completion
from seif.errors import SeifError, UsageError
from seif.judges.rules import RulesJudge
from seif.roles import instructor
from seif.roles.quoting import mark_of, sanitize, without_pleas
from seif.types import Constraint, Instruction, Verdict

LONG = 200_000
"""Characters of a reply to be judged: what takes time by their square takes minutes."""
SECONDS, MEGABYTES = 10.0, 200
"""Of processor time and of memory, for what took minutes and gigabytes. Most takes a hundredth of it."""


def _bounded(run: Callable[[], Any]) -> Any:
    """What `run` returns. Raises Overran."""
    tracemalloc.start()
    began = time.process_time()
    try:
        found = run()
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    spent = time.process_time() - began
    if spent > SECONDS or peak > MEGABYTES:
        raise Overran(f"{spent:.1f} s of the processor and {peak:.0f} MB")
    return found


def _refused(run: Callable[[], Any], *words: str) -> None:
    try:
        _bounded(run)
    except SeifError as error:
        if error.exit_code != 2 or "\n" in str(error) or not all(word in str(error) for word in words):
            raise Silent(str(error)[:300]) from error
    else:
        raise Silent("it was taken")


# --- witnesses and conflicts ------------------------------------------------------------------------------------------

AMOUNTS: dict[str, Callable[[int], tuple[str, dict[str, Any]]]] = {
    "words": lambda n: ("length_constraints:number_words", {"num_words": n, "relation": "at least"}),
    "sentences": lambda n: ("length_constraints:number_sentences", {"num_sentences": n, "relation": "at least"}),
    "paragraphs": lambda n: ("length_constraints:number_paragraphs", {"num_paragraphs": n}),
    "the first word of a paragraph": lambda n: (
        "length_constraints:nth_paragraph_first_word", {"num_paragraphs": n, "nth_paragraph": n, "first_word": "tea"},
    ),
    "capital words": lambda n: (
        "change_case:capital_word_frequency", {"capital_frequency": n, "capital_relation": "at least"},
    ),
    "a letter": lambda n: (
        "keywords:letter_frequency", {"letter": "z", "let_frequency": n, "let_relation": "at least"},
    ),
    "a keyword": lambda n: ("keywords:frequency", {"keyword": "tea", "frequency": n, "relation": "at least"}),
    "bullets": lambda n: ("detectable_format:number_bullet_lists", {"num_bullets": n}),
    "highlights": lambda n: ("detectable_format:number_highlighted_sections", {"num_highlights": n}),
    "placeholders": lambda n: ("detectable_content:number_placeholders", {"num_placeholders": n}),
    "sections": lambda n: ("detectable_format:multiple_sections", {"section_spliter": "Part", "num_sections": n}),
}  # fmt: skip


def _open(kind: str, count: int, folder: Path) -> None:
    instruction_id, kwargs = AMOUNTS[kind](count)
    found = _bounded(lambda: classify([Constraint("x", instruction_id, kwargs)]))
    if found.kind != OPEN:
        raise Lost(f"{found.kind}, wanted open")


def _whole(constraints: list[Constraint], wanted: str, folder: Path) -> None:
    found = _bounded(lambda: classify(constraints))
    if found.kind != wanted:
        raise Lost(f"{found.kind}, wanted {wanted}")


COMMA = Constraint("Avoid commas.", "punctuation:no_comma")
LOWER = Constraint("Use only lowercase.", "change_case:english_lowercase")
CAPITAL = Constraint("Use only capitals.", "change_case:english_capital")
ANSWER = Constraint("Say yes, no or maybe.", "detectable_format:constrained_response")
SETS: dict[str, tuple[list[Constraint], str]] = {
    "20,000 equal constraints": ([COMMA] * 20_000, OPEN),
    "100,000 soft constraints": ([Constraint("Be kind.")] * 100_000, "witnessed"),
    "20,000 different keywords": (
        [Constraint("x", "keywords:existence", {"keywords": [f"tea{i}"]}) for i in range(20_000)], OPEN,
    ),
    "choices that multiply to 3^40": ([ANSWER] * 40 + [LOWER, CAPITAL], OPEN),
    "2,000 keywords and 1,000 forbidden words": (
        [
            Constraint("x", "keywords:existence", {"keywords": [f"tea{i}{j}" for j in range(1000)]}) for i in range(2)
        ] + [Constraint("x", "keywords:forbidden_words", {"forbidden_words": [f"sea{j}" for j in range(1000)]})],
        OPEN,
    ),
    "an ending of 90,000 characters": (
        [Constraint("x", "startend:end_checker", {"end_phrase": "the end " * 11_000})], OPEN,
    ),
}  # fmt: skip


# --- texts to compile -------------------------------------------------------------------------------------------------

UNITS = (
    *("a", " ", "'", '"', "'a', ", "please ", "make sure that ", "use the word ", "1 ", "10,000", "*"),
    *("* this is bullet ", "<<a>> ", "(", "and ", "at least 3 words ", "not ", "- ", ": ", "“", "不要", "“茶”、"),
    *("\n", "Write. ", "must "),
)
FRAMES = ("{}", "Use the words {}.", "Do not use the words {}", "Write {} at least 3 bullet points {}")


def _compiles(unit: str, length: int, folder: Path) -> None:
    """In bounded time, alone and within the frames of ordinary constraints; also what type a soft one is of."""

    def run() -> None:
        for frame in FRAMES:
            text = frame.replace("{}", unit * ((length - len(frame)) // (len(unit) * max(1, frame.count("{}")))))
            compiled = compile_text(text)
            type_of(Constraint(text))
            if length > 1000 and compiled.checkable:
                raise Lost("a page of text was compiled")

    _compiled.cache_clear()
    _bounded(run)


# --- verification -----------------------------------------------------------------------------------------------------


def _example(kind: Any) -> Constraint:
    return compile_text(kind.example)


def _long(constraint: Constraint, response: str, folder: Path) -> None:
    """Unjudged with a cause, and refused in one line where a file asks."""
    judged = _bounded(lambda: asyncio.run(RulesJudge().judge(Instruction("x", ()), response, constraint)))
    if (judged.verdict, judged.cause) != (Verdict.UNJUDGED, TOO_LONG):
        raise Lost(f"{judged.verdict}, {judged.cause!r}")
    _refused(lambda: verify(response, constraint.instruction_id, constraint.kwargs))


def _no_clock(folder: Path) -> None:
    """NLTK's expressions have no time limit, which a busy machine would reach."""
    from nltk import redos

    verify("It is.", *AMOUNTS["sentences"](1))
    verify("It is.", *AMOUNTS["capital words"](1))
    if redos.DEFAULT_TIMEOUT is not None:
        raise Lost(f"each expression has {redos.DEFAULT_TIMEOUT} s")


KWARGS: dict[str, tuple[str, dict[str, Any]]] = {
    "100,000 keywords": ("keywords:existence", {"keywords": ["tea"] * 100_000}),
    "100,000 forbidden words": ("keywords:forbidden_words", {"forbidden_words": ["tea"] * 100_000}),
    "a keyword of a megabyte": ("keywords:existence", {"keywords": ["tea" * 333_333]}),
    "a marker of a megabyte": ("detectable_content:postscript", {"postscript_marker": "P" * 1_000_000}),
    "a number of 5,000 digits": AMOUNTS["words"](10**5000),
    "a number of 400 digits": AMOUNTS["sentences"](10**400),
    "a number past int64": AMOUNTS["bullets"](2**63),
    "1e300": ("detectable_format:number_bullet_lists", {"num_bullets": 1e300}),
    "infinity": ("detectable_format:number_bullet_lists", {"num_bullets": float("inf")}),
    "NaN": ("detectable_format:number_bullet_lists", {"num_bullets": float("nan")}),
}


# --- files ------------------------------------------------------------------------------------------------------------

DEEP = 200_000
ROW = '{"prompt": "a", "response": "b", "instruction_id_list": ["punctuation:no_comma"], "kwargs": %s}\n'
FILES: dict[str, tuple[str, str]] = {
    "rows.jsonl": ("a line nested 200,000 deep", "[" * DEEP),
    "objects.jsonl": ("objects nested 200,000 deep", '{"a":' * DEEP),
    "rows.json": ("a file nested 200,000 deep", "[" * DEEP + "]" * DEEP),
    "kwargs.jsonl": ("kwargs as text, nested 200,000 deep", ROW % json.dumps("[" * DEEP)),
    "digits.jsonl": ("a number of 10,000 digits", '{"prompt": ' + "9" * 10_000 + "}"),
}


def _file(name: str, text: str, folder: Path) -> None:
    (folder / name).write_text(text)
    expect_line(call("verify", folder / name), 2, name)


def _bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


YAML: dict[str, str] = {
    "aliases that stand for a billion values": _bomb(10),
    "aliases that stand for a million mappings": _bomb(6).replace("[", "{k: [").replace("]", "]}"),
    "lists nested 10,000 deep": "a: " + "[" * 10_000,
    "mappings nested 10,000 deep": "a: " + "{a: " * 10_000,
    "blocks nested 10,000 deep": "- " * 10_000,
    "an alias within itself": "a: &a [*a]",
    "a megabyte": "a: " + "x" * (1 << 20),
    "25,000 keys": "\n".join(f"k{i}: 1" for i in range(25_000)),
    "a number of 10,000 digits": "seed: " + "9" * 10_000,
    "a date of month 13": "seed: 2024-13-45",
    "a tag of Python": "seed: !!python/object/apply:os.getcwd []",
    "an empty integer": 'seed: !!int ""',
}


def _yaml(text: str, folder: Path) -> None:
    (folder / "config.yaml").write_text(text)
    _refused(lambda: load_config(folder / "config.yaml"), "config.yaml")
    if "\n" not in text and len(text) < 10_000:
        key, _, value = text.partition(": ")
        _refused(lambda: load_config(None, [f"{key}={value}"]), "--set")


# --- replies ----------------------------------------------------------------------------------------------------------


def _instructor(text: str, folder: Path) -> None:
    if _bounded(lambda: instructor.parse(text, True, 3)) is not None:
        raise Lost("it was read as an instruction")


def _quoted(unit: str, folder: Path) -> None:
    text = unit * (LONG // len(unit))
    for run in (sanitize, without_pleas, mark_of):
        _bounded(partial(run, text))


BODIES: dict[str, str] = {
    "nested 200,000 deep": '{"choices":' + "[" * DEEP,
    "a log-probability that is NaN": '{"token": "1", "logprob": NaN}',
    "a log-probability of infinity": '{"token": "1", "logprob": Infinity}',
    "a log-probability of 400 digits": '{"token": "1", "logprob": 1' + "0" * 400 + "}",
    "a log-probability of 5 nats": '{"token": "1", "logprob": 5}',
    "a log-probability in words": '{"token": "1", "logprob": "high"}',
    "no token": '{"logprob": -0.1}',
}


def _body(text: str, folder: Path) -> None:
    if text.startswith('{"t') or text.startswith('{"l'):
        logprobs = f'"logprobs": {{"content": [{{"top_logprobs": [{text}]}}]}}'
        text = f'{{"choices": [{{"finish_reason": "stop", "message": {{"content": "1"}}, {logprobs}}}]}}'
    try:
        found = _bounded(lambda: read_completion(text, logprobs=True))
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise Crashed(f"{type(error).__name__}: {error}") from error
    if not isinstance(found, Failure):
        raise Silent(f"read as {found}")


def faults() -> Iterator[Fault]:
    """Sets, texts, responses, arguments, files, replies."""
    for kind in AMOUNTS:
        for count in (100_000, 10**8, 10**12):
            yield Fault(f"witness for {kind}", f"{count:,}", "open, in little memory", partial(_open, kind, count))
    for kind, (constraints, wanted) in SETS.items():
        yield Fault("set of constraints", kind, wanted, partial(_whole, constraints, wanted), quick=False)
    for unit in UNITS:
        for length in (1000, 1_000_000):
            yield Fault(
                f"constraint of {length:,} characters", repr(unit), "compiled or soft", partial(_compiles, unit, length)
            )
    for kind in (kind for kind in TYPES.values() if kind.hard and kind.id.count("_") < 9):
        constraint = _example(kind)
        if constraint.checkable:
            response = "It is old. " * (MOST_CHARACTERS // 11 + 1)
            quick = "language" not in kind.id
            yield Fault(f"check of {kind.id}", "two megabytes", "unjudged", partial(_long, constraint, response), quick)
    sentences = Constraint("x", *AMOUNTS["sentences"](3))
    yield Fault("check of sentences", "150,000 stops", "unjudged", partial(_long, sentences, ". " * 150_000))
    yield Fault("check of sentences", "a busy machine", "the same verdict", _no_clock)
    for kind, (instruction_id, kwargs) in KWARGS.items():
        yield Fault("arguments", kind, "exit code 2, one line", partial(_arguments, instruction_id, kwargs))
    for name, (kind, text) in FILES.items():
        yield Fault(name, kind, "exit code 2, one line", partial(_file, name, text))
    for kind, text in YAML.items():
        quick = "keys" not in kind and "aliases" not in kind
        yield Fault("config file", kind, "exit code 2, one line", partial(_yaml, text), quick)
    for kind, text in {
        "JSON nested 200,000 deep": '{"c1": ' * DEEP,
        "a list of 100,000": "\n".join(f"{i}. Be kind." for i in range(1, 100_001)),
        "a megabyte of brackets": "{" * 1_000_000,
        "a number of 10,000 digits": "9" * 10_000 + ". Be kind.",
    }.items():
        yield Fault("reply of the Instructor", kind, "bad format", partial(_instructor, text))
    for unit in ("[", "[[1", "<|", "<", "say 1!", "rule ", "verdict: ", "a", ". ", "\n", "!", "｜", "* "):
        kind = f"{LONG:,} characters of {unit!r}"
        yield Fault("reply to be judged", kind, "quoted in bounded time", partial(_quoted, unit))
    for kind, text in BODIES.items():
        yield Fault("answer of a server", kind, "malformed answer", partial(_body, text))


def _arguments(instruction_id: str, kwargs: dict[str, Any], folder: Path) -> None:
    try:
        _refused(lambda: verify("It is.", instruction_id, kwargs), instruction_id)
    except UsageError as error:
        raise Silent(str(error)) from error
