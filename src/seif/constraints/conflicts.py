r"""Static contradictions: sets of constraints that no response can satisfy, found before any model is asked.

Each constraint becomes demands (`demands`): a case, a language, ranges of counts, texts that must or must not occur, a
start, an end, a shape. A set is contradictory when demands can't meet. A set that a response satisfies is never called
contradictory; "satisfies" means what the verifiers say, and on top of them one reading of what is meant:

- A required text (keyword, phrase, marker, prompt) stands by itself, spelled with its own letters: "cats" is no "cat",
  and "ſ" is no "s". A keyword asked for n times stands there n times. The number of a section follows its marker as a
  word of its own. An upper limit counts as the verifier does, inside other words too.
- Words are words: what is in a language and what is in capitals has letters in words, so signs alone (Ⓐ) don't pass.
- Bullets are text: a line that starts with - because JSON has a negative number there is no bullet.

Where rules can't be certain, as with a Thai reply of five words that repeats an English request, nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import combinations, permutations, product
from math import prod

from seif.constraints.conflict import Choice, Conflict, conflict_between, required_texts, shown
from seif.constraints.demands import (
    BLANK_LINED,
    BULLETS,
    CAPITALS,
    LOWER,
    MANY,
    STARRED,
    Demands,
    demands,
    same_end,
    same_start,
)
from seif.constraints.ranges import conflicting_counts
from seif.constraints.text import has_word
from seif.errors import BrokenPart, UsageError
from seif.types import Constraint

MOST_CONSTRAINTS = 200
"""Of a set that is reasoned about: each is compared with each."""
MOST_WORDS = 500
"""Required and forbidden texts of a set, for the same reason."""
MOST_CHOICES = 1000
"""Ways to read a set whose constraints offer choices."""
_JSON_WORDS = ("true", "false", "null", "nan", "infinity", "-infinity")


def find_conflict(constraints: tuple[Constraint, ...]) -> str | None:
    """A sentence that names the constraints which exclude each other, or None when rules see none.

    Only what is certain is called a conflict: a satisfiable set is never refused here.
    """
    conflict = explain(constraints)
    return conflict.sentence if conflict else None


def explain(constraints: Iterable[Constraint]) -> Conflict | None:
    """As `find_conflict`, in parts. Soft constraints, and such as `verify` refuses, are left out.

    Of a set past the limits above nothing is said.
    """
    constraints = [constraint for constraint in constraints if constraint.checkable]
    if len(constraints) > MOST_CONSTRAINTS:
        return None
    read = list(_read(constraints))
    words = sum(len(demand.texts) + len(demand.forbidden) for choice in read for demand in choice)
    if words > MOST_WORDS or prod(map(len, read)) > MOST_CHOICES:
        return None
    found: list[Conflict] = []
    for choice in product(*read):
        conflict = next((conflict for check in _CHECKS for conflict in check(choice)), None)
        if conflict is None:
            return None
        found.append(conflict)
    if len(found) == 1:
        return found[0]
    # A constraint that offers a choice: each of its forms fails, maybe for another reason.
    sources = {id(source): source for conflict in found for source in conflict.sources}
    ordered = tuple(constraint for constraint in constraints if id(constraint) in sources)
    return Conflict(found[0].kind, ordered, "; ".join(dict.fromkeys(conflict.reason for conflict in found)))


def _read(constraints: Iterable[Constraint]) -> Iterator[list[Demands]]:
    for constraint in constraints:
        try:
            yield demands(constraint)
        except BrokenPart:
            raise
        except UsageError:
            continue


# --- case, language, beginning, ending, shape -------------------------------------------------------------------------


def _case(choice: Choice) -> Iterator[Conflict]:
    for a, b in combinations(choice, 2):
        if a.case and b.case and a.case != b.case:
            yield conflict_between(choice, "case", (a, b), "letters can't be all lower case and all capital")
        elif a.language and b.language and not _same_language(a.language, b.language):
            reason = (
                "only an English reply counts as all lower case or all capital"
                if a.case or b.case
                else "a reply has one language"
            )
            yield conflict_between(choice, "language", (a, b), reason)
    for a, b in permutations(choice, 2):
        wanted = b.bounds.get((CAPITALS, ""), (0, MANY))[0]
        if a.case == LOWER and wanted:
            yield conflict_between(choice, "case", (a, b), "a reply all in lower case has no capital word")
    for a in choice:
        for b, text in required_texts(choice):
            if (
                a.case
                and text.exact_case
                and not (f"a{text.text}".islower() if a.case == LOWER else f"A{text.text}".isupper())
            ):
                yield conflict_between(
                    choice, "case of a fixed text", (a, b), f'"{text.text}" counts only in just this case'
                )


def _same_language(a: str, b: str) -> bool:
    """`zh` is either script of Chinese; with a script named, it is one of two."""
    return a == b or ("zh" in (a, b) and a[:2] == b[:2])


def _edges(choice: Choice) -> Iterator[Conflict]:
    for a in choice:
        if a.end is not None and a.end.endswith('"'):
            yield conflict_between(
                choice, "ending", (a,), "quotation marks at the end of a reply are taken off before its ending is read"
            )
    for a, b in combinations(choice, 2):
        if a.end is not None and b.end is not None and not same_end(a.end, b.end):
            yield conflict_between(choice, "ending", (a, b), "a text has one ending")
        if a.start is not None and b.start is not None and not same_start(a.start, b.start):
            yield conflict_between(choice, "beginning", (a, b), "a text has one beginning")
    for a, b in permutations(choice, 2):
        if a.start is not None and b.quoted and not a.start.startswith('"'):
            yield conflict_between(
                choice,
                "beginning",
                (a, b),
                "a reply that starts with the repeated text does not start with a quotation mark",
            )
        if a.start is not None and b.nth is not None and b.nth[0] == 1 and not _may_begin(a.start, b.nth[1]):
            yield conflict_between(choice, "beginning", (a, b), f'the text to repeat does not begin with "{b.nth[1]}"')


def _may_begin(start: str, word: str) -> bool:
    """Can a reply that starts so have this first word? The last word of `start` may still grow."""
    token = start.split(maxsplit=1)[0].lstrip("'").lstrip('"').lower()
    head = re.split(r"[.,?!'\"]", token, maxsplit=1)[0]
    complete = len(head) < len(token) or len(start.split()) > 1
    return head == word if complete else word.startswith(head)


def _paragraphs(choice: Choice) -> Iterator[Conflict]:
    for a, b in combinations(choice, 2):
        if a.nth and b.nth and a.nth[0] == b.nth[0] and a.nth[1] != b.nth[1]:
            yield conflict_between(choice, "first word", (a, b), f"paragraph {a.nth[0]} has one first word")
    for a, b in permutations(choice, 2):
        if a.halves and (STARRED, "") in b.bounds:
            # Any six asterisks are two dividers *** with nothing between them, and that is an empty paragraph.
            yield conflict_between(
                choice,
                "two responses",
                (a, b),
                "****** between two responses is two dividers *** with an empty paragraph between them",
            )


def _json(choice: Choice) -> Iterator[Conflict]:
    json = next((demand for demand in choice if demand.json), None)
    if json is None:
        return
    quoted = [demand for demand in choice if demand.quoted]
    ends = [demand for demand in choice if demand.end and demand.end[-1] not in "}]`"]
    firsts = [demand for demand in choice if demand.nth and demand.nth[0] == 1 and demand.nth[1][0].isalnum()]
    for demand in choice:
        if demand.bounds.get((BULLETS, ""), (0, 0))[0] > 0:
            yield conflict_between(choice, "JSON", (json, demand), "no line of JSON is a bullet")
        if demand.start is not None and not _may_begin_json(demand.start):
            yield conflict_between(choice, "JSON", (json, demand), "JSON does not begin with the text to repeat")
        # Empty lines stand in JSON only between tokens: inside {} or [], or between a bare string and a ``` before or
        # after it.
        count = demand.bounds.get((BLANK_LINED, ""), (0, 0))[0]
        if count > 1 and quoted:
            yield conflict_between(
                choice, "JSON", (json, quoted[0], demand), "JSON that is one quoted text has no empty line"
            )
        if count > 2 and ends + firsts:
            edge = "ends with a text" if ends else f'begins with "{firsts[0].nth[1]}"' if firsts[0].nth else ""
            yield conflict_between(
                choice,
                "JSON",
                (json, (ends + firsts)[0], demand),
                f"JSON that {edge} is one text without {count} paragraphs",
            )
        if count == 2 and ends and firsts:
            yield conflict_between(
                choice,
                "JSON",
                (json, ends[0], firsts[0], demand),
                "JSON that begins and ends with text is one text without empty lines",
            )


def _may_begin_json(start: str) -> bool:
    """False where it is certain that no JSON begins so, in ``` or without; objects and lists are not looked into."""
    text = start.lower()
    if text[0] in "{[`":
        return True
    if text[0] == '"':
        closed = re.match(r'"[^"\\]*"', text)
        return closed is None or text[closed.end() :].strip()[:1] in ("", "`")
    number = re.match(r"-?\d[\d.e+-]*", text)
    if number:
        return text[number.end() :].strip()[:1] in ("", "`")
    return any(word.startswith(text) or text.startswith(word) for word in _JSON_WORDS)


# --- words ------------------------------------------------------------------------------------------------------------


def _forbidden(choice: Choice) -> Iterator[Conflict]:
    for a in choice:
        for word in a.forbidden:
            for b, text in required_texts(choice):
                if has_word(word, text.text):
                    where = "" if text.text.lower() == word.lower() else f" in {shown(text)}"
                    yield conflict_between(
                        choice, "forbidden word", (a, b), f'"{word}" is both forbidden and required{where}'
                    )


_CHECKS = (_case, _edges, _paragraphs, _forbidden, _json, conflicting_counts)
