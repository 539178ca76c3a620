"""The Follower: how it is asked, and which part of its reply is the answer."""

from __future__ import annotations

from seif.chat import THINK_END, THINK_START, split_thought
from seif.engines.base import Messages
from seif.roles.templates import render
from seif.types import Instruction


def messages(style: str, instruction: Instruction, response_format: str) -> Messages:
    """The instruction itself; with `think_answer` the prompt says how to wrap the answer."""
    name = "follower_think_answer" if response_format == "think_answer" else "follower"
    return render(style, name, instruction=instruction.prompt)


def parse(text: str, finished: bool, response_format: str) -> str | None:
    """The answer in a reply; None for bad format: no end token, tags missing or repeated, or an empty answer."""
    if not finished:
        return None
    if response_format == "plain":
        return text.strip() or None
    if response_format == "reasoning":
        thought, answer = split_thought(text)
        return None if thought is None else answer.strip() or None
    body = text.strip()
    if any(body.count(tag) != 1 for tag in (THINK_START, THINK_END, "<answer>", "</answer>")):
        return None
    if not (body.startswith(THINK_START) and body.endswith("</answer>")):
        return None
    thought, _, rest = body.removeprefix(THINK_START).partition(THINK_END)
    if "<answer>" in thought or not rest.strip().startswith("<answer>"):
        return None
    return rest.strip().removeprefix("<answer>").removesuffix("</answer>").strip() or None
