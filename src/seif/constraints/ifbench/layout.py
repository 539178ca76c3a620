"""Types of IFBench about the form of a response: brackets, quotes, lines, lists, markup and case."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Sequence
from itertools import pairwise

import regex

from seif.constraints.ifbench.family import PUNCTUATION, ifbench, trimmed, unpunctuated
from seif.constraints.parameters import Filled
from seif.constraints.text import split_sentences, word_tokens

_CLOSES = {")": "(", "]": "[", "}": "{"}
_LEVELS, _QUOTE_LEVELS = 5, 3
_EMOJI = regex.compile(r"[\p{Emoji}--[0-9#*]--\p{Regional_Indicator}]", flags=regex.VERSION1)
_LETTERED = re.compile(r"\W*a\W*b\W*c", re.IGNORECASE)
"""The options of a multiple choice: a), b), c)."""


# --- brackets and quotes ----------------------------------------------------------------------------------------------


@ifbench("format:parentheses", "brackets nested five levels deep", "Put brackets within brackets, 5 levels in all.")
def parentheses(response: str) -> bool:
    """Of any kind. The innermost of five must be closed; a bracket that closes none begins the count anew."""
    is_open: list[str] = []
    deepest = 0
    for mark in response:
        if mark in _CLOSES.values():
            is_open.append(mark)
            deepest = max(deepest, len(is_open))
        elif mark in _CLOSES:
            if not is_open or is_open.pop() != _CLOSES[mark]:
                is_open, deepest = [], 0
            elif deepest >= _LEVELS:
                return True
    return False


@ifbench("format:quotes", "quotes nested three levels deep", "Put quotes within quotes, 3 levels in all.")
def quotes(response: str) -> bool:
    """Straight double and single quotes in turn, closed again; an apostrophe is a single quote."""
    is_open: list[str] = []
    deepest = 0
    for mark in response:
        if mark not in "\"'":
            continue
        if is_open and mark == is_open[-1]:
            is_open.pop()
            if deepest - len(is_open) >= _QUOTE_LEVELS:
                return True
        else:
            is_open.append(mark)
            deepest = max(deepest, len(is_open))
    return False


@ifbench(
    "format:quote_unquote", "words of one's own after each quotation", "Explain each quotation in words without quotes."
)
def quote_unquote(response: str) -> bool:
    """Neither do two straight quotes meet, nor does one end the response; other marks and digits there don't count."""
    dense = "".join(response.replace("'\"'", "").split())
    return '""' not in dense and not dense.rstrip(PUNCTUATION.replace('"', "") + "0123456789").endswith('"')


# --- lines and lists --------------------------------------------------------------------------------------------------


@ifbench("format:options", "one of the given options and nothing else", "Choose yes, no or maybe, and say no more.")
def options(response: str, options: Filled) -> bool:
    """Lettered options must be given as they are written; of others, case and the punctuation around don't matter."""
    separator = next((mark for mark in ("/", "or") if mark in options), ",")
    choices = [choice.strip() for choice in options.split(separator)]
    if _LETTERED.match(options):
        return response in choices
    return trimmed(response).lower() in [trimmed(choice).lower() for choice in choices]


@ifbench("format:newline", "each word on a line of its own", "Write one word per line.")
def newline(response: str) -> bool:
    """As many lines as words; empty lines don't count."""
    text = unpunctuated(response).strip()
    return sum(line != "" for line in text.split("\n")) == len(text.split())


@ifbench("format:line_indent", "each line indented further than the one before", "Indent every line by one space more.")
def line_indent(response: str) -> bool:
    """Blank lines are passed over, but of several in a row every second counts, as in IFBench."""
    indents = [len(line) - len(line.lstrip(" ")) for line in _less_blank_lines(response.split("\n"))]
    return all(before < after for before, after in pairwise(indents))


def _less_blank_lines(lines: Sequence[str]) -> list[str]:
    """What IFBench leaves of the lines. It takes lines out of a list while it goes through it: the line after one that
    it took out is not looked at, and a blank line takes out the first one that is equal to it."""
    kept: list[str | None] = []
    blank = defaultdict[str, deque[int]](deque)
    """The places of the blank lines in `kept`, by their text."""
    unseen = False
    for line in lines:
        taken_out = not unseen and not line.strip()
        if taken_out and not blank[line]:
            unseen = True
            continue
        if taken_out:
            kept[blank[line].popleft()] = None
        if not line.strip():
            blank[line].append(len(kept))
        kept.append(line)
        unseen = taken_out
    return [line for line in kept if line is not None]


@ifbench("format:list", "a list with a given marker instead of bullets", "Mark the items of a list with ... each.")
def marked_list(response: str, sep: Filled) -> bool:
    """The marker occurs twice, anywhere."""
    return response.count(sep) >= 2


@ifbench("format:sub-bullets", "a sub-bullet - under each bullet *", "Give each bullet * at least one sub-bullet -.")
def sub_bullets(response: str) -> bool:
    """A hyphen follows each asterisk before the next one; without any asterisk that holds."""
    return all("-" in bullet for bullet in response.split("*")[1:])


@ifbench(
    "format:no_bullets_bullets",
    "two sentences, then two bullets *, then nothing",
    "Write 2 sentences and after them 2 bullets with *.",
)
def no_bullets_bullets(response: str) -> bool:
    """A blank line ends the sentences; nothing but bullets may follow, not even a second blank line."""
    sentences = bullets = 0
    is_text = True
    for line in map(str.strip, response.split("\n")):
        if line.startswith("*"):
            is_text = False
            bullets += 1
            if sentences < 2:
                return False
        elif is_text:
            found = len(split_sentences(line))
            is_text = found > 0
            sentences += found
        else:
            return False
    return bullets >= 2


# --- markup, case, templates ------------------------------------------------------------------------------------------


@ifbench("format:emoji", "an emoji at the end of each sentence", "Close every sentence with an emoji.")
def emoji(response: str) -> bool:
    """The last or last but one character of each sentence, or the first of the next one; ASCII marks don't count."""
    sentences = [unpunctuated(sentence).strip() for sentence in split_sentences(response)]
    ends = [before[-2:] + after[:1] for before, after in pairwise([*sentences, ""])]
    return all(sentences) and all(map(_EMOJI.search, ends))


@ifbench(
    "format:thesis",
    "a thesis in HTML's italics, then text",
    "Begin each section with a thesis in <i>italics</i>.",
)
def thesis(response: str) -> bool:
    """The first <i>, or where there is none the first <em>, is closed, not empty, and followed by something."""
    start = next((place for tag in ("<i>", "<em>") if (place := response.find(tag)) >= 0), None)
    if start is None:
        return False
    marked = response[start:]
    end = next((place for tag in ("</i>", "</em>") if (place := marked.find(tag)) >= 0), None)
    # Both tags are taken to be as long as <i> and </i>, as in IFBench.
    return end is not None and marked[3:end].strip() != "" and marked[end + 4 :].strip() != ""


@ifbench("format:title_case", "title case throughout", "Capitalise Each Major Word.")
def title_case(response: str) -> bool:
    """No token begins with a small letter, unless its other letters are of both cases or there are none."""
    return not any(_is_small(token) for token in word_tokens(response))


def _is_small(token: str) -> bool:
    return token[0].isalpha() and token[0].islower() and (len(token) == 1 or token[1:].islower() or token[1:].isupper())


@ifbench(
    "format:output_template",
    "the three labels of a template",
    "Fill in My Answer:, My Conclusion: and Future Outlook:.",
)
def output_template(response: str) -> bool:
    """In any order."""
    return all(label in response for label in ("My Answer:", "My Conclusion:", "Future Outlook:"))


@ifbench("format:no_whitespace", "no white space at all", "Leave out all spaces and line breaks.")
def no_whitespace(response: str) -> bool:
    """Of any kind."""
    return not any(map(str.isspace, response))
