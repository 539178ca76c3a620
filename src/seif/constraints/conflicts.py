r"""Static contradictions: sets of constraints that no response can satisfy, found by reasoning before any model is asked.

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
from dataclasses import dataclass
from itertools import combinations, permutations, product

from seif.constraints.demands import (
    BLANK_LINED,
    BULLETS,
    CAPITAL,
    CAPITALS,
    KEYWORD,
    LETTER,
    LOWER,
    MANY,
    SENTENCES,
    STARRED,
    WORDS,
    Demands,
    Measure,
    Text,
    demands,
    same_end,
    same_start,
)
from seif.constraints.verifiers import VERIFIERS, has_word, occurrences
from seif.errors import UsageError
from seif.types import Constraint

Choice = tuple[Demands, ...]
"""One way to read a set: of every constraint its demands, of those with a choice one of them."""
_JSON_WORDS = ("true", "false", "null", "nan", "infinity", "-infinity")


@dataclass(frozen=True)
class Conflict:
    """Constraints that can't hold together, and why. `kind` groups conflicts of one sort in counts."""

    kind: str
    sources: tuple[Constraint, ...]
    reason: str

    @property
    def sentence(self) -> str:
        """One sentence for a person: all the texts it takes, and the reason."""
        texts = [f'"{source.text}"' for source in self.sources]
        if len(texts) == 1:
            return f"{texts[0]} can never be met: {self.reason}."
        return f"{', '.join(texts[:-1])} and {texts[-1]} exclude each other: {self.reason}."


def find_conflict(constraints: tuple[Constraint, ...]) -> str | None:
    """A sentence that names the constraints which exclude each other, or None when rules see none.

    Only what is certain is called a conflict: a satisfiable set is never refused here.
    """
    conflict = explain(constraints)
    return conflict.sentence if conflict else None


def explain(constraints: Iterable[Constraint]) -> Conflict | None:
    """As `find_conflict`, in parts. Soft constraints, and such as `verify` refuses, are left out."""
    found: list[Conflict] = []
    for choice in product(*_read(constraints)):
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
        if constraint.checkable:
            try:
                yield demands(constraint)
            except UsageError:
                continue


def _conflict(choice: Choice, kind: str, involved: Iterable[Demands], reason: str) -> Conflict:
    """The conflict of these demands, named in the order of the set."""
    names = {id(demand) for demand in involved}
    return Conflict(kind, tuple(demand.source for demand in choice if id(demand) in names), reason)


def _texts(choice: Choice) -> list[tuple[Demands, Text]]:
    return [(demand, text) for demand in choice for text in demand.texts]


# --- case, language, beginning, ending, shape ---------------------------------------------------------------------------


def _case(choice: Choice) -> Iterator[Conflict]:
    for a, b in combinations(choice, 2):
        if a.case and b.case and a.case != b.case:
            yield _conflict(choice, "case", (a, b), "letters can't be all lower case and all capital")
        elif a.language and b.language and not _same_language(a.language, b.language):
            reason = "only an English reply counts as all lower case or all capital" if a.case or b.case else "a reply has one language"
            yield _conflict(choice, "language", (a, b), reason)
    for a, b in permutations(choice, 2):
        wanted = b.bounds.get((CAPITALS, ""), (0, MANY))[0]
        if a.case == LOWER and wanted:
            yield _conflict(choice, "case", (a, b), "a reply all in lower case has no capital word")
    for a in choice:
        for b, text in _texts(choice):
            if a.case and text.exact_case and not (f"a{text.text}".islower() if a.case == LOWER else f"A{text.text}".isupper()):
                yield _conflict(choice, "case of a fixed text", (a, b), f'"{text.text}" counts only in just this case')


def _same_language(a: str, b: str) -> bool:
    """`zh` is either script of Chinese; with a script named, it is one of two."""
    return a == b or ("zh" in (a, b) and a[:2] == b[:2])


def _edges(choice: Choice) -> Iterator[Conflict]:
    for a in choice:
        if a.end is not None and a.end.endswith('"'):
            yield _conflict(choice, "ending", (a,), "quotation marks at the end of a reply are taken off before its ending is read")
    for a, b in combinations(choice, 2):
        if a.end is not None and b.end is not None and not same_end(a.end, b.end):
            yield _conflict(choice, "ending", (a, b), "a text has one ending")
        if a.start is not None and b.start is not None and not same_start(a.start, b.start):
            yield _conflict(choice, "beginning", (a, b), "a text has one beginning")
    for a, b in permutations(choice, 2):
        if a.start is not None and b.quoted and not a.start.startswith('"'):
            yield _conflict(choice, "beginning", (a, b), "a reply that starts with the repeated text does not start with a quotation mark")
        if a.start is not None and b.nth is not None and b.nth[0] == 1 and not _may_begin(a.start, b.nth[1]):
            yield _conflict(choice, "beginning", (a, b), f'the text to repeat does not begin with "{b.nth[1]}"')


def _may_begin(start: str, word: str) -> bool:
    """Can a reply that starts so have this first word? The last word of `start` may still grow."""
    token = start.split(maxsplit=1)[0].lstrip("'").lstrip('"').lower()
    head = re.split(r"[.,?!'\"]", token, maxsplit=1)[0]
    complete = len(head) < len(token) or len(start.split()) > 1
    return head == word if complete else word.startswith(head)


def _paragraphs(choice: Choice) -> Iterator[Conflict]:
    for a, b in combinations(choice, 2):
        if a.nth and b.nth and a.nth[0] == b.nth[0] and a.nth[1] != b.nth[1]:
            yield _conflict(choice, "first word", (a, b), f"paragraph {a.nth[0]} has one first word")
    for a, b in permutations(choice, 2):
        if a.halves and (STARRED, "") in b.bounds:
            # Any six asterisks are two dividers *** with nothing between them, and that is an empty paragraph.
            yield _conflict(choice, "two responses", (a, b), "****** between two responses is two dividers *** with an empty paragraph between them")


def _json(choice: Choice) -> Iterator[Conflict]:
    json = next((demand for demand in choice if demand.json), None)
    if json is None:
        return
    quoted = [demand for demand in choice if demand.quoted]
    ends = [demand for demand in choice if demand.end and demand.end[-1] not in "}]`"]
    firsts = [demand for demand in choice if demand.nth and demand.nth[0] == 1 and demand.nth[1][0].isalnum()]
    for demand in choice:
        if demand.bounds.get((BULLETS, ""), (0, 0))[0] > 0:
            yield _conflict(choice, "JSON", (json, demand), "no line of JSON is a bullet")
        if demand.start is not None and not _may_begin_json(demand.start):
            yield _conflict(choice, "JSON", (json, demand), "JSON does not begin with the text to repeat")
        # Empty lines stand in JSON only between tokens: inside {} or [], or between a bare string and a ``` before or after it.
        count = demand.bounds.get((BLANK_LINED, ""), (0, 0))[0]
        if count > 1 and quoted:
            yield _conflict(choice, "JSON", (json, quoted[0], demand), "JSON that is one quoted text has no empty line")
        if count > 2 and ends + firsts:
            edge = "ends with a text" if ends else f'begins with "{firsts[0].nth[1]}"' if firsts[0].nth else ""
            yield _conflict(choice, "JSON", (json, (ends + firsts)[0], demand), f"JSON that {edge} is one text without {count} paragraphs")
        if count == 2 and ends and firsts:
            yield _conflict(choice, "JSON", (json, ends[0], firsts[0], demand), "JSON that begins and ends with text is one text without empty lines")


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


# --- words --------------------------------------------------------------------------------------------------------------


def _forbidden(choice: Choice) -> Iterator[Conflict]:
    for a in choice:
        for word in a.forbidden:
            for b, text in _texts(choice):
                if has_word(word, text.text):
                    where = "" if text.text.lower() == word.lower() else f" in {_short(text)}"
                    yield _conflict(choice, "forbidden word", (a, b), f'"{word}" is both forbidden and required{where}')


def _short(text: Text) -> str:
    words = text.text if len(text.text) <= 60 else text.text[:57] + "..."
    times = f" {text.times} times" if text.times > 1 else ""
    return f'"{words}"{times}'


# --- counts -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Low:
    """A reply has at least so many of a measure, because of these demands; `why` is empty where one states just that."""

    count: int
    sources: tuple[Demands, ...]
    why: str = ""


def _counts(choice: Choice) -> Iterator[Conflict]:
    """Ranges that don't meet. The low end may be stated, or follow from shape, from one text, or from all required words."""
    highs = [(measure, int(high), demand) for demand in choice for measure, (_, high) in demand.bounds.items() if high != MANY]
    for source in (_stated, _from_shape, _from_texts, _from_all_words):
        for measure, high, demand in highs:
            for low in source(choice, measure):
                if low.count > high:
                    yield _conflict(choice, _kind(measure), (*low.sources, demand), _too_many(measure, low, high))
    for measure, high, demand in highs:
        if measure[0] == WORDS:
            yield from _without_room(choice, high, demand)


def _kind(measure: Measure) -> str:
    return "comma" if measure == (LETTER, ",") else measure[0]


def _called(measure: Measure) -> str:
    kind, name = measure
    return {LETTER: f'letters "{name}"', KEYWORD: f'uses of "{name}"'}.get(kind, kind)


def _too_many(measure: Measure, low: _Low, high: int) -> str:
    if low.why and measure == (LETTER, ",") and high == 0:
        return f"{low.why} has a comma"
    if low.why:
        return f"with {low.why} the number of {_called(measure)} is {low.count} or more, and it may be {high} at most"
    if measure[0] in (BULLETS, STARRED, BLANK_LINED):
        return f"the number of {'paragraphs' if measure[0] != BULLETS else BULLETS} is fixed twice"
    return f"no number of {_called(measure)} is in both ranges"


def _stated(choice: Choice, measure: Measure) -> Iterator[_Low]:
    for demand in choice:
        if measure in demand.bounds:
            yield _Low(int(demand.bounds[measure][0]), (demand,))


def _from_shape(choice: Choice, measure: Measure) -> Iterator[_Low]:
    kind, _ = measure
    if kind == SENTENCES:
        yield _Low(1, (), "any text")
    for demand in choice:
        if kind == WORDS and demand.language:
            yield _Low(1, (demand,), "a reply in a language")
        if kind == CAPITALS and demand.case == CAPITAL:
            yield _Low(1, (demand,), "a reply in capitals")
        for (other, name), (count, _) in demand.bounds.items() if kind == WORDS else ():
            if other == CAPITALS:
                # The tokenizer makes two of CANNOT and of GONNA, never more of a word.
                yield _Low((count + 1) // 2, (demand,), f"{count} capital words")
            if other == LETTER and count and re.match(r"\w", name):
                yield _Low(1, (demand,), f'a letter "{name}"')
        if kind == BULLETS and demand.start is not None:
            check = VERIFIERS["detectable_format:number_bullet_lists"]
            yield _Low(next(n for n in range(len(demand.start) + 1) if check(demand.start, num_bullets=n)), (demand,), "the text to repeat")


def _from_texts(choice: Choice, measure: Measure) -> Iterator[_Low]:
    kind, name = measure
    capitals = [demand for demand in choice if demand.case == CAPITAL]
    for demand, text in _texts(choice):
        if kind == CAPITALS and capitals:
            yield _Low(text.capital_tokens(), (demand, capitals[0]), f"{_short(text)} in capitals")
            continue
        yield _Low(_count_in(text, kind, name), (demand,), _short(text))


def _count_in(text: Text, kind: str, name: str) -> int:
    """How many of a measure the required copies of a text bring with them, at least."""
    if kind == WORDS:
        return text.least_words()
    if kind == SENTENCES:
        return text.sentences()
    if kind == LETTER:
        return text.letters(name)
    if kind == KEYWORD:
        return text.times * occurrences(name, text.text)
    return text.paragraphs() if kind == BLANK_LINED else 0


def _all_words(choice: Choice) -> dict[str, tuple[int, Demands]]:
    """Every word that must occur, how often at least, and for whom. Different words never share a place, so counts add up."""
    needs: dict[str, tuple[int, Demands]] = {}
    for demand, text in _texts(choice):
        for word, count in text.words().items():
            if count > needs.get(word, (0, demand))[0]:
                needs[word] = (count, demand)
    return needs


def _from_all_words(choice: Choice, measure: Measure) -> Iterator[_Low]:
    kind, name = measure
    if kind not in (WORDS, LETTER, KEYWORD):
        return

    def weigh(word: str) -> int:
        if kind == WORDS:
            return 1
        # What begins with a digit is not known to the letter, and a Greek sigma changes with its place: neither is added up.
        return 0 if word == "#" or name in "σς" else word.count(name) if kind == LETTER else occurrences(name, word)

    parts = [(weigh(word) * count, demand) for word, (count, demand) in _all_words(choice).items()]
    yield _Low(sum(count for count, _ in parts), tuple(demand for count, demand in parts if count), "all that is required")


def _without_room(choice: Choice, words: int, limit: Demands) -> Iterator[Conflict]:
    """Where the required words use up all words, no letter can be added either."""
    needs = _all_words(choice)
    if "#" in needs or sum(count for count, _ in needs.values()) != words:
        return
    for demand in choice:
        for (kind, name), (low, _) in demand.bounds.items():
            if kind == LETTER and re.match(r"\w", name) and name not in "σς" and sum(count * word.count(name) for word, (count, _) in needs.items()) < low:
                reason = f'the required words are {words} already, with too few letters "{name}"'
                yield _conflict(choice, LETTER, (demand, limit, *(owner for _, owner in needs.values())), reason)


_CHECKS = (_case, _edges, _paragraphs, _forbidden, _json, _counts)
