"""The Instructor: how it is asked, and how its reply becomes constraints."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Container, Sequence

from seif.chat import split_thought
from seif.config import Template
from seif.constraints import TYPES
from seif.constraints.compiler import compile_text
from seif.engines.base import Messages
from seif.roles.templates import render
from seif.types import Constraint

_NUMBERED = re.compile(r"\s*(\d{1,2})[.)]\s+(\S.*?)\s*")


def choose_template(templates: Sequence[Template], seed: int, turn: int, index: int) -> Template:
    """The template for seed question `index`, seeded per item, so that a resumed run draws the same ones."""
    return random.Random(f"template/{seed}/{turn}/{index}").choice(list(templates))


def messages(style: str, template: Template, seed_question: str, types: Sequence[str] = ()) -> Messages:
    """The one prompt under which the Instructor both trains and generates; with `types`, ids, it is asked for
    these."""
    asked = [TYPES.get(name) for name in types]
    return render(style, f"instructor_{template.prompt}", seed=seed_question, count=template.constraints, asked=asked)


def parse(text: str, finished: bool, count: int) -> tuple[Constraint, ...] | None:
    """`count` constraints out of a reply: a JSON object with the keys c1, c2, ..., or a numbered list from 1.

    None for anything else: a reply that was cut off, another number of constraints, an answer to the seed question,
    text that is no valid Unicode.
    """
    if not finished:
        return None
    body = split_thought(text)[1].strip()
    texts = _from_json(body) if "{" in body else _from_list(body)
    if texts is None or len(texts) != count or not all(map(_encodable, texts)):
        return None
    return tuple(compile_text(t) for t in texts)


def invalid(constraints: Sequence[Constraint], known_types: bool, held_out_types: Container[str] = ()) -> str | None:
    """Why a parsed set is not an instruction: it repeats a constraint, copies an example from the prompt, holds one of
    the `held_out_types` (ids) or, with `known_types`, a text of no known type.
    """
    texts = {c.text.casefold() for c in constraints}
    if len(texts) < len(constraints):
        return "repeated constraint"
    if texts & {kind.example.casefold() for kind in TYPES.values()}:
        return "copied example"
    if any(c.checkable and c.instruction_id in held_out_types for c in constraints):
        return "held-out type"
    if known_types and not all(c.checkable for c in constraints):
        return "unknown type"
    return None


def _from_json(body: str) -> list[str] | None:
    try:
        tree = json.loads(body[body.find("{") : body.rfind("}") + 1])
    except (ValueError, RecursionError):
        return None
    if not isinstance(tree, dict) or not all(isinstance(v, str) and v.strip() for v in tree.values()):
        return None
    if list(tree) != [f"c{i}" for i in range(1, len(tree) + 1)]:
        return None
    return [" ".join(value.split()) for value in tree.values()]


def _encodable(text: str) -> bool:
    """JSON can hold a lone surrogate, which no tokenizer and no file takes."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _from_list(body: str) -> list[str] | None:
    texts = []
    for number, line in enumerate(body.split("\n"), 1):
        match = _NUMBERED.fullmatch(line)
        if not match or int(match.group(1)) != number:
            return None
        texts.append(match.group(2))
    return texts
