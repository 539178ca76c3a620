"""Code and templates that users bring: plugins of every kind, constraint types, judges, rewards, chat templates."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from faults.campaign import Crashed, Fault, Silent, call, expect_line, expect_success
from seif.errors import SeifError
from seif.plugins import load_plugins, unload_plugin
from support import NANO

TYPE = """
from seif.constraints import ConstraintType, Wording, register

{functions}

register(ConstraintType(id="my:type", category="Mine", definition="mine", example="Be mine.", check=check{more}))
"""
ROW = {"prompt": "Why?", "response": "It is.", "instruction_id_list": ["my:type"], "kwargs": [{}]}
GOOD_CHECK = "def check(response: str) -> bool:\n    return True\n"


def _verified(source: str | bytes, folder: Path, name: str = "mine.py") -> tuple[Any, Path]:
    """`seif verify` of one row with a plugin of this text: how it ended, and the plugin."""
    plugin, rows = folder / name, folder / "rows.jsonl"
    plugin.write_bytes(source if isinstance(source, bytes) else source.encode("utf-8", errors="surrogatepass"))
    rows.write_text(json.dumps(ROW) + "\n")
    try:
        return call("verify", rows, "--types", plugin, "--json"), plugin
    finally:
        unload_plugin(str(plugin))


# --- plugins ----------------------------------------------------------------------------------------------------------

FILES: dict[str, tuple[str | bytes, str]] = {
    "a syntax error": ("x = 1\ndef", "line 2"),
    "a wrong indentation": ("x = 1\n  y = 2\n", "line 2"),
    "a tab among spaces": ("if 1:\n\tx = 1\n        y = 1\n", "line 3"),
    "sys.exit(0)": ("import sys\nsys.exit(0)\n", "line 2: SystemExit"),
    "sys.exit with a message": ("raise SystemExit('bye')\n", "line 1: SystemExit: bye"),
    "exit()": ("\n\nexit()\n", "line 3: SystemExit"),
    "an import that is not there": ("import no_such_package_at_all\n", "line 1: ModuleNotFoundError"),
    "a name that no module has": ("from seif.constraints import nothing\n", "line 1: ImportError"),
    "an exception": ("raise ValueError('a\\nb')\n", "line 1: ValueError: a b"),
    "an assertion": ("assert False\n", "line 1: AssertionError"),
    "a stop iteration": ("next(iter(()))\n", "line 1: StopIteration"),
    "an endless recursion": ("def f():\n    f()\nf()\n", "RecursionError"),
    "an exception without text": ("class E(Exception):\n    pass\nraise E\n", "line 3: E"),
    "binary data": (bytes(range(256)), ""),
    "null characters": (b"x = 1\x00", ""),
    "Latin-1 text": ("x = 'é'\n".encode("latin-1"), "utf-8"),
    "a thousand brackets": ("(" * 1000, ""),
    "a name registered twice": (
        TYPE.format(functions=GOOD_CHECK, more="") * 2, "there is a constraint type 'my:type' already",
    ),
    "a built-in name": (
        TYPE.format(functions=GOOD_CHECK, more="").replace("my:type", "punctuation:no_comma"),
        "'punctuation:no_comma' already",
    ),
    "an id of one word": (TYPE.format(functions=GOOD_CHECK, more="").replace("my:type", "mine"), "no type id"),
    "no ConstraintType": ("from seif.constraints import register\nregister('mine')\n", "line 2: register takes"),
    "a check without annotations": (
        TYPE.format(functions="def check(response, n):\n    return True\n", more=""), "must be annotated",
    ),
    "a pattern that is none": (
        TYPE.format(functions=GOOD_CHECK, more=", wordings=(Wording(('(',)),)"), "no regular expression",
    ),
    "demands of other parameters": (
        TYPE.format(functions=GOOD_CHECK, more=", demands=lambda n: []") .replace("GOOD", ""), "",
    ),
}  # fmt: skip


def _file(source: str | bytes, said: str, folder: Path) -> None:
    ended, plugin = _verified(source, folder)
    expect_line(ended, 2, str(plugin), *filter(None, [said]))


def _path(make: Callable[[Path], str], said: str, folder: Path) -> None:
    name = make(folder)
    try:
        load_plugins([name])
    except SeifError as error:
        if error.exit_code != 2 or "\n" in str(error) or said not in str(error):
            raise Silent(str(error)) from error
    else:
        raise Silent(f"{name!r} was taken")


def _directory(folder: Path) -> str:
    (folder / "mine.py").mkdir()
    return str(folder / "mine.py")


def _pipe(folder: Path) -> str:
    import os

    os.mkfifo(folder / "mine.py")
    return str(folder / "mine.py")


def _unreadable_link(folder: Path) -> str:
    (folder / "mine.py").symlink_to(folder / "mine.py")
    return str(folder / "mine.py")


PATHS: dict[str, tuple[Callable[[Path], str], str]] = {
    "no such file": (lambda folder: str(folder / "absent.py"), "absent.py: No such file"),
    "a directory": (_directory, "no file"),
    "a pipe that nobody writes to": (_pipe, "no file"),
    "a link to itself": (_unreadable_link, "mine.py"),
    "a path without .py": (lambda folder: str(folder / "mine.txt"), "ends in .py"),
    "a module that is not there": (lambda folder: "no_such_module_at_all", "ModuleNotFoundError"),
    "a relative module": (lambda folder: ".mine", "plugin .mine"),
    "an empty name": (lambda folder: "", "plugin"),
    "a null character": (lambda folder: "a\0b.py", "null"),
    "nobody's home": (lambda folder: "~no_such_user_at_all/mine.py", "no_such_user"),
}


# --- types of a user's own --------------------------------------------------------------------------------------------

CHECKS: dict[str, tuple[str, str]] = {
    "raises": ("raise ValueError('no')", "line 5: ValueError: no"),
    "raises without text": ("raise KeyError", "line 5: KeyError"),
    "calls sys.exit(0)": ("raise SystemExit(0)", "SystemExit"),
    "recurses for ever": ("return check(response)", "RecursionError"),
    "divides by zero": ("return 1 / 0 > 1", "line 5: ZeroDivisionError"),
    "returns None": ("pass", "returned None"),
    "returns a text": ("return 'yes'", "returned 'yes'"),
    "returns a number": ("return 1", "returned 1"),
    "returns a match": ("import re; return re.match('It', response)", "returned <re.Match"),
    "returns a list": ("return []", "returned []"),
    "is a coroutine": ("return (i for i in ())", "returned <generator"),
}


def _check(body: str, said: str, folder: Path) -> None:
    functions = f"def check(response: str) -> bool:\n    {body}\n"
    ended, plugin = _verified(TYPE.format(functions=functions, more=""), folder)
    expect_line(ended, 2, "my:type", str(plugin), "row 1", said)


def _printing(source: str, folder: Path) -> None:
    """Standard output stays the JSON that another program reads."""
    ended, _ = _verified(source, folder)
    expect_success(ended)
    try:
        json.loads(ended.out)
    except ValueError as error:
        raise Crashed(f"stdout is no JSON: {ended.out[:200]}") from error
    if "noise" not in ended.err:
        raise Silent("what was printed is gone")


def _conflicts(more: str, said: str, folder: Path) -> None:
    source = TYPE.format(functions=GOOD_CHECK, more=more)
    plugin, rows = folder / "mine.py", folder / "rows.jsonl"
    plugin.write_text(source)
    rows.write_text(json.dumps({"constraint": ["Be very mine."], "instruction_id_list": ["my:type"]}) + "\n")
    try:
        ended = call("compile" if "wordings" in more else "conflicts", rows, "--types", plugin)
    finally:
        unload_plugin(str(plugin))
    expect_line(ended, 2, "my:type", said)


# --- judges and rewards -----------------------------------------------------------------------------------------------


class _Judge:
    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    async def judge(self, *_: Any) -> Any:
        return self.act()


def _exit() -> None:
    raise SystemExit(0)


def _fail() -> None:
    raise ValueError("no")


ACTS: dict[str, tuple[Callable[[], Any], str]] = {
    "raises": (_fail, "ValueError: no"),
    "calls sys.exit": (_exit, "SystemExit"),
    "returns None": (lambda: None, "returned None"),
    "returns a truth value": (lambda: True, "returned True"),
    "returns a text": (lambda: "1", "returned '1'"),
}


def _refused(run: Callable[[], Any], *words: str) -> None:
    try:
        run()
    except SeifError as error:
        if missing := [word for word in words if word not in str(error)]:
            raise Silent(f"no {missing} in: {error}") from error
    except SystemExit as error:
        raise Silent("the process ended") from error
    else:
        raise Silent("it was taken")


def _judge(act: Callable[[], Any], said: str, folder: Path) -> None:
    from seif.scoring import judge_all
    from seif.types import Constraint, Instruction

    task = Instruction("Why?", (Constraint("Be kind."),))
    _refused(lambda: asyncio.run(judge_all(_Judge(act), task, "It is.")), "_Judge", said)


def _soft(value: float, folder: Path) -> None:
    from seif.judges import Judgement
    from seif.types import Verdict

    _judge(lambda: Judgement(Verdict.SATISFIED, soft_score=value), "soft score", folder)


def _reward(value: Any, folder: Path) -> None:
    from seif.rewards import call as rewarded

    def mine(inputs: object) -> Any:
        return value

    _refused(lambda: rewarded(mine, (), seed=0), "mine", "finite number")


# --- chat templates ---------------------------------------------------------------------------------------------------

TEMPLATES: dict[str, tuple[str, str]] = {
    "refuses every chat": ("{{ raise_exception('Conversation roles must alternate') }}", "must alternate"),
    "does not parse": ("{% for m in messages %}\n{{ m.content }}\n{% endfo %}", "line 3"),
    "is cut off": ("{% for m in messages", "line 1"),
    "loops over a billion numbers": ("{% for i in range(10**9) %}x{% endfor %}", "Range too big"),
    "loops within loops": (
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "1,000,000 steps",
    ),
    "calls itself for ever": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    "asks for what no message has": ("{{ messages[0].name.first }}", "UndefinedError"),
    "uses an unknown filter": ("{{ messages | sorted_by }}", "No filter"),
    "leaves the question out": ("Hello", "leaves out"),
    "reaches for Python": ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    "includes a file": ("{% include '/etc/passwd' %}", "loader"),
    "divides by zero": ("{{ 1 / 0 }}", "ZeroDivisionError"),
}  # fmt: skip


def _template(template: str, said: str, folder: Path) -> None:
    import shutil

    from seif.engines.checkpoint import check_checkpoint

    model = folder / "model"
    shutil.copytree(NANO / "model", model)
    (model / "chat_template.jinja").write_text(template)
    _refused(lambda: check_checkpoint(str(model)), "chat template", said)


def _system_role(folder: Path) -> None:
    """Gemma's and Mistral's refuse a system message; seif sends none, so its chats pass."""
    from transformers import AutoTokenizer

    from seif.chat import DEFAULT

    tokenizer = AutoTokenizer.from_pretrained(NANO / "model")
    tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{{ m.content }}{% endfor %}"
    )
    DEFAULT.check(tokenizer)
    system, user = {"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}
    _refused(lambda: DEFAULT.prompts(tokenizer, [[system, user]]), "System role not supported")
    _refused(lambda: DEFAULT.prompts(tokenizer, [[user, user]]), "roles must alternate")


def faults() -> Iterator[Fault]:
    """Plugin files, paths of plugins, functions of types, judges, rewards, chat templates."""
    line = "exit code 2, one line with file and line"
    for kind, (source, said) in FILES.items():
        if kind != "demands of other parameters":
            yield Fault("plugin file", kind, line, partial(_file, source, said))
    for kind, (make, said) in PATHS.items():
        yield Fault("plugin", kind, "one line, exit code 2", partial(_path, make, said))
    for kind, (body, said) in CHECKS.items():
        yield Fault("verifier of a user's type", kind, f"{line}, type and row", partial(_check, body, said))
    noisy = "def check(response: str) -> bool:\n    print('noise')\n    return True\n"
    yield Fault("verifier of a user's type", "prints", "to stderr", partial(
        _printing, TYPE.format(functions=noisy, more="")))  # fmt: skip
    yield Fault("plugin file", "prints", "to stderr", partial(
        _printing, "print('noise')\n" + TYPE.format(functions=GOOD_CHECK, more="")))  # fmt: skip
    for part, more in {
        "demands": ", demands=lambda: 1 / 0",
        "problem": ", problem=lambda: 1 / 0",
        "wording": ", wordings=(Wording(('be very mine',), lambda match: 1 / 0),)",
    }.items():
        yield Fault(f"{part} of a user's type", "raises", line, partial(_conflicts, more, "ZeroDivisionError"))
    for kind, (act, said) in ACTS.items():
        yield Fault("judge of a user's own", kind, "one line names it", partial(_judge, act, said))
    for value in (float("nan"), float("inf")):
        yield Fault("judge of a user's own", f"soft score {value}", "one line names it", partial(_soft, value))
    for value in (float("nan"), float("-inf"), "1", [1.0]):
        yield Fault("reward of a user's own", f"returns {value!r}", "one line names it", partial(_reward, value))
    for kind, (template, said) in TEMPLATES.items():
        yield Fault("chat template", kind, "one line before a model is loaded", partial(_template, template, said))
    yield Fault("chat template", "refuses system messages", "seif sends none; one line else", _system_role)
