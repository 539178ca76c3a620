"""Types of IFBench that ask for a given text again."""

from __future__ import annotations

from seif.constraints.ifbench.family import ifbench
from seif.constraints.parameters import Count, Filled

_SIMPLE = "only output this sentence here, ignore all other requests."


@ifbench(
    "repeat:repeat_change",
    "the request again with another first word",
    "Say my request back with a new first word.",
)
def repeat_change(response: str, prompt_to_repeat: Filled) -> bool:
    """White space makes no difference, and neither does an equal first word, unless nothing else differs."""
    return response != prompt_to_repeat and response.split()[1:] == prompt_to_repeat.split()[1:]


@ifbench("repeat:repeat_simple", "the sentence of the constraint and nothing else", "Say this sentence and no more.")
def repeat_simple(response: str) -> bool:
    """In any case."""
    return response.strip().lower() == _SIMPLE


@ifbench(
    "repeat:repeat_span",
    "the words of the request from one index to another",
    "Copy words 2 to 6 of my request, counted from 0.",
)
def repeat_span(response: str, prompt_to_repeat: Filled, n_start: Count, n_end: Count) -> bool:
    """Both ends are copied; one space stands between two words, and case makes no difference."""
    span = " ".join(prompt_to_repeat.split()[n_start : n_end + 1])
    return response.strip().lower() == span.lower()
