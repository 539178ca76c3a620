"""Is a set of constraints satisfiable? A reply that satisfies it proves it: this room tries to write one.

The reply is built from parts (opening, title, required texts, filler, bullets, dividers, ending), wrapped, measured, and
padded up to the lower limits. Each style packs the parts more tightly than the one before. It need not read well; what
counts is that every verifier accepts it, and that it keeps to the readings that `conflicts` lists.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from seif.constraints.conflicts import Conflict, explain
from seif.constraints.demands import BLANK_LINED, BULLETS, CAPITAL, CAPITALS, KEYWORD, LETTER, LOWER, MANY, SENTENCES, STARRED, WORDS, Measure, Text, demands
from seif.constraints.fillers import ENGLISH, ENGLISH_WORDS, OTHERS
from seif.constraints.text import capital_words, count_sentences, count_words, language_of
from seif.constraints.verifiers import VERIFIERS, check_kwargs, has_word, verify
from seif.types import Constraint

CONTRADICTORY, WITNESSED, OPEN = "contradictory", "witnessed", "open"
QUOTE = '"'
CORES, ROUNDS = 10, 4
"""Openings tried per style, and rounds of padding per reply."""


@dataclass(frozen=True)
class Outcome:
    """What is known of a set's compiled constraints: contradictory (why), witnessed (by which reply), or open."""

    kind: str
    conflict: Conflict | None = None
    response: str | None = None

    @property
    def reason(self) -> str | None:
        """Why no reply can satisfy the set, in one sentence."""
        return self.conflict.sentence if self.conflict else None


def classify(constraints: Iterable[Constraint]) -> Outcome:
    """Contradictory, witnessed or open; soft constraints are left out. UsageError for arguments no verifier takes."""
    compiled = tuple(constraint for constraint in constraints if constraint.checkable)
    for constraint in compiled:
        check_kwargs(constraint.instruction_id, constraint.kwargs)
    conflict = explain(compiled)
    if conflict:
        return Outcome(CONTRADICTORY, conflict)
    response = write_witness(compiled)
    return Outcome(OPEN) if response is None else Outcome(WITNESSED, response=response)


def write_witness(constraints: Iterable[Constraint]) -> str | None:
    """A reply that satisfies every compiled constraint, or None when none was found. UsageError as `verify`."""
    compiled = sorted((constraint for constraint in constraints if constraint.checkable), key=_costs)
    wish = _wish(compiled)
    if wish is None:
        return None
    for style in STYLES:
        if style.shout and not wish.low(CAPITALS):
            continue
        misses = 0
        for core in islice(_cores(wish, style), CORES):
            reply = _padded(wish, style, core)
            failed = next((c for c in compiled if not verify(reply, c.instruction_id, c.kwargs)), None)
            if failed is None and all(text.stands_in(reply) for text in wish.texts):
                return reply
            # A miss of the language may be mended by another filler; of two other misses little can be hoped.
            misses += failed is None or not _costs(failed)
            if misses == 2:
                break
    return None


def _costs(constraint: Constraint) -> bool:
    """Does its check detect a language? Those come last."""
    return constraint.instruction_id.startswith(("language:", "change_case:english"))


# --- what is wanted -----------------------------------------------------------------------------------------------------


@dataclass
class _Wish:
    """All demands of a set in one place."""

    case: str | None = None
    language: str | None = None
    start: str = ""
    end: str = ""
    json: bool = False
    quoted: bool = False
    halves: bool = False
    title: bool = False
    highlights: int = 0
    placeholders: int = 0
    firsts: dict[int, str] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    lows: dict[Measure, int] = field(default_factory=dict)
    highs: dict[Measure, float] = field(default_factory=dict)

    def low(self, kind: str, name: str = "") -> int:
        return self.lows.get((kind, name), 0)

    def high(self, kind: str, name: str = "") -> float:
        return self.highs.get((kind, name), MANY)

    def allows(self, text: str) -> bool:
        """May `text` be added freely? It must not have what is forbidden or limited."""
        limited = [name for (kind, name), high in self.highs.items() if kind in (LETTER, KEYWORD)]
        return not any(name.lower() in text.lower() for name in limited) and not any(has_word(word, text) for word in self.forbidden)

    def pick(self, marks: str) -> str:
        """The first of these signs that may be used."""
        return next((mark for mark in marks if self.allows(mark)), marks[0])


def _wish(compiled: list[Constraint]) -> _Wish | None:
    """The demands together; None where a line would have to be both JSON and a bullet."""
    wish = _Wish()
    for constraint in compiled:
        given: dict[str, Any] = check_kwargs(constraint.instruction_id, constraint.kwargs)
        wish.highlights = max(wish.highlights, given.get("num_highlights", 0))
        wish.placeholders = max(wish.placeholders, given.get("num_placeholders", 0))
        wish.title |= constraint.instruction_id == "detectable_format:title"
        options = [option for option in demands(constraint) if not any(has_word(w, t.text) for t in option.texts for w in _all_forbidden(compiled))]
        demand = (options or demands(constraint))[0]
        wish.case, wish.language = demand.case or wish.case, demand.language or wish.language
        wish.start, wish.end = max(wish.start, demand.start or "", key=len), max(wish.end, demand.end or "", key=len)
        wish.json, wish.quoted, wish.halves = wish.json or demand.json, wish.quoted or demand.quoted, wish.halves or demand.halves
        wish.firsts |= dict([demand.nth] if demand.nth else [])
        wish.texts += demand.texts
        wish.forbidden += demand.forbidden
        for measure, (low, high) in demand.bounds.items():
            wish.lows[measure] = max(low, wish.lows.get(measure, 0))
            if high != MANY:
                wish.highs[measure] = min(high, wish.highs.get(measure, MANY))
    return None if wish.json and wish.low(BULLETS) else wish


def _all_forbidden(compiled: list[Constraint]) -> list[str]:
    return [word for c in compiled if c.instruction_id == "keywords:forbidden_words" for word in c.kwargs["forbidden_words"]]


# --- filler -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Style:
    """How tightly the parts are packed."""

    natural: bool = False
    """Filler in words and sentences; else in signs, which are no words."""
    hyphens: bool = False
    """All parts of a line are one token."""
    joined: bool = False
    """The filler is one word, joined by underscores."""
    shout: bool = False
    """Required words in capitals, where capital words are wanted and words are few."""


STYLES = (
    _Style(natural=True),
    _Style(),
    _Style(shout=True),
    _Style(hyphens=True),
    _Style(joined=True),
    _Style(joined=True, hyphens=True),
    _Style(joined=True, shout=True),
)


def _cores(wish: _Wish, style: _Style) -> Iterator[str]:
    """Texts in the wanted language, the most ordinary first; the empty one where no language is wanted."""
    joint = "_" if style.joined else " "
    if wish.language in (None, "en"):
        if wish.language is None:
            yield from ["", *ENGLISH[:1]] if not style.natural else [ENGLISH[0], ""]
        else:
            yield from (core.replace(" ", joint) for core in _english(wish))
        return
    sentences = OTHERS.get(str(wish.language), ())
    tight = sorted({" ".join(s.split()[:n]) for s in sentences for n in (1, 2, 3)}, key=lambda core: (count_words(core), -len(core)))
    whole = [*sentences, " ".join(sentences), " ".join([*sentences] * 4)]
    yield from (core.replace(" ", joint) for core in ([*whole, *tight] if style.natural else [*tight[:4], *whole]))


def _english(wish: _Wish) -> Iterator[str]:
    """Sentences without limited letters and words; then salads of common words, for which fewer letters do."""
    yield from [core for core in ENGLISH if wish.allows(core)][:4]
    words = [word for word in ENGLISH_WORDS if wish.allows(word)] or [word for word in ENGLISH_WORDS if len(word) < 3][:9]
    rng = random.Random(0)
    best = _recognised(tuple(words), wish.case or "")
    yield from best
    while True:
        yield " ".join(rng.choices(words, k=rng.choice((1, 2, 4, 9, 20))))


@lru_cache(maxsize=1024)
def _recognised(words: tuple[str, ...], case: str) -> tuple[str, ...]:
    """Up to four salads, short and long, that langdetect takes for English."""
    rng = random.Random(1)
    found: list[str] = []
    for size in (1, 2, 3, 5, 8, 12, 20, 30) * 2:
        salad = " ".join(rng.choices(words, k=size))
        if len(found) < 5 and language_of(salad.upper() if case == CAPITAL else salad) == "en":
            found.append(salad)
    return tuple(found)


# --- building -----------------------------------------------------------------------------------------------------------


def _padded(wish: _Wish, style: _Style, core: str) -> str:
    """The reply, measured and padded until no lower limit is missed or the rounds are over."""
    pads: dict[Measure, int] = {}
    reply = ""
    for _ in range(ROUNDS):
        reply = _built(wish, style, core, pads)
        missing = {measure: low - _measured(reply, measure) for measure, low in wish.lows.items() if measure[0] in (WORDS, SENTENCES, CAPITALS, LETTER)}
        # Letters, capitals and sentences bring words with them, so words come last.
        first = {m: n for m, n in missing.items() if n > 0 and m[0] != WORDS} or {m: n for m, n in missing.items() if n > 0}
        if not first:
            break
        for measure, count in first.items():
            pads[measure] = pads.get(measure, 0) + count
    return reply


def _measured(reply: str, measure: Measure) -> int:
    kind, name = measure
    if kind == LETTER:
        return reply.lower().count(name)
    return {WORDS: count_words, SENTENCES: count_sentences, CAPITALS: capital_words}[kind](reply)


def _built(wish: _Wish, style: _Style, core: str, pads: dict[Measure, int]) -> str:
    sign, stop = wish.pick("~=+^|"), wish.pick("!?.")
    glue = wish.pick("-=+/~")
    joint = glue if style.hyphens else " "

    def line(parts: Iterable[str]) -> str:
        """Parts on one line. A full stop that white space follows would end a sentence, so it gets a hyphen."""
        filled = [part for part in parts if part]
        if not style.natural and not style.hyphens:
            filled = [part + glue if re.search(r"[.!?…][)\"'\]]*$", part) and i + 1 < len(filled) else part for i, part in enumerate(filled)]
        return joint.join(filled)

    start = _styled(wish, style, wish.start)
    end = _styled(wish, style, wish.end)
    opening = start or wish.firsts.get(1, "")
    required = _required(wish, style, " ".join([opening, end, *(word for n, word in wish.firsts.items() if n > 1)]))
    marks = ["<<Title>>" if style.natural and wish.allows("title") else f"<<{sign}>>"] if wish.title else []
    marks += [f"[{'name' if style.natural and wish.allows('name') else sign}]"] * wish.placeholders
    marks += [f"(*{'point' if style.natural and wish.allows('point') else sign}*)"] * wish.highlights
    body = [*marks, *required, *_filler(wish, style, core, pads, sign, stop)]

    paragraphs = wish.low(BLANK_LINED) or 1
    ahead = max(1, Text(start).paragraphs()) if start else 1
    blocks = [opening]
    blocks += [wish.firsts.get(n, sign) for n in range(ahead + 1, paragraphs + 1)]
    blocks[:-1] = [line([block, sign]) if block == opening and not style.natural else block for block in blocks[:-1]]
    blocks[-1] = line([blocks[-1], *body]) or sign
    if wish.json:
        return _cased(wish, _as_json(wish, blocks, lambda last: line([last, *_divided_flat(wish, sign), end])))
    blocks[-1] = _with_lines(wish, blocks[-1], end, sign, glue if not style.natural else "")
    reply = "\n\n".join(blocks)
    return _cased(wish, f"{'' if wish.start.startswith(QUOTE) else QUOTE}{reply}{QUOTE}" if wish.quoted else reply)


def _styled(wish: _Wish, style: _Style, text: str) -> str:
    """Texts that count in any case: in capitals or in lower case where capital words are wanted or limited."""
    if style.shout:
        return text.upper()
    return text.lower() if wish.high(CAPITALS) != MANY and not style.natural else text


def _cased(wish: _Wish, reply: str) -> str:
    return reply.lower() if wish.case == LOWER else reply.upper() if wish.case == CAPITAL else reply


def _required(wish: _Wish, style: _Style, present: str) -> list[str]:
    """The required texts that are not there yet, the longest first, because it may have the shorter ones inside."""
    parts: list[str] = []
    limited = wish.high(CAPITALS) != MANY and wish.case is None
    for text in sorted(wish.texts, key=lambda t: (not t.exact_case, -len(t.text))):
        have = text.standing(" ".join([present, *parts]))
        if text.numbered:
            # A hyphen before the marker makes one token with a small letter of it.
            before = "sub-" if limited and text.text.isupper() and not style.natural else ""
            parts += [f"{before}{text.text} {n + 1}" for n in range(have, text.times)]
        else:
            # With a full stop more, P.P.S has P.S. inside.
            written = text.text + "." * text.text.endswith("p.s")
            parts += [written if text.exact_case else _styled(wish, style, written)] * (text.times - have)
    return parts


def _filler(wish: _Wish, style: _Style, core: str, pads: dict[Measure, int], sign: str, stop: str) -> list[str]:
    """The text in the wanted language, and what lower limits still need."""
    ordinary = _ordinary(wish)
    # Three stops in a row would end three sentences.
    letters = [(name + sign if name in ".!?" and not style.natural else name) * count for (kind, name), count in pads.items() if kind == LETTER]
    letters = [f"0{part}" if any(has_word(word, part) for word in wish.forbidden) else part for part in letters]
    runs = [part for part in letters if re.match(r"\w", part)]
    joined = ["_".join([core, *runs])] if style.joined and core else [core, *runs]
    sentences = pads.get((SENTENCES, ""), 0)
    capitals = _capitals(wish, pads.get((CAPITALS, ""), 0))
    words = pads.get((WORDS, ""), 0)
    if style.natural:
        said = [f"{ordinary[n % len(ordinary)].capitalize()}{stop}" for n in range(sentences)]
        more = [ordinary[n % len(ordinary)] for n in range(words)]
    else:
        said = [f"{sign}{stop}"] * sentences
        more = [wish.pick("1278")] * words
    tail = " ".join([part for part in (*capitals, *more) if part])
    marks = [part for part in letters if part not in runs]
    # Stops end sentences only where white space follows, in every style.
    return [*joined, tail, *marks, " ".join([*said, sign]) if said else ""]


def _ordinary(wish: _Wish) -> list[str]:
    """Words to fill with, in the wanted language."""
    sentences = ENGLISH if wish.language in (None, "en") else OTHERS.get(wish.language, ())
    words = [word for sentence in sentences for word in sentence.split() if wish.allows(word)]
    return words or [wish.pick("1278")]


def _capitals(wish: _Wish, count: int) -> list[str]:
    """So many tokens in capitals; accented letters where the plain ones are limited."""
    if wish.low(CAPITALS) > wish.high(WORDS):
        # The tokenizer makes two of this word, as of "can not".
        return ["CANNOT"] * (count // 2) + ["B"] * (count % 2)
    letters = [letter for letter in "BDKMPRTVXZCFGHJLNQSWYEOUAÉÑÖ" if wish.allows(letter)] or ["Ø"]
    return [letters[n % len(letters)] for n in range(count)]


def _with_lines(wish: _Wish, text: str, end: str, sign: str, seal: str) -> str:
    """The last paragraph with its bullets, dividers and ending below."""
    bullets = VERIFIERS["detectable_format:number_bullet_lists"]
    there = next((n for n in range(99) if bullets(wish.start, num_bullets=n)), 0) if wish.start else 0
    if seal and text[-1:] in (".", "!", "?"):
        text += seal
    lines = [text, *[f"- {sign}"] * (wish.low(BULLETS) - there)]
    divider = ["******"] if wish.halves else ["***"] * (wish.low(STARRED) - 1)
    for n, divider_line in enumerate(divider):
        lines += [divider_line, *([] if n == len(divider) - 1 and end else [f"{sign}{sign}"])]
    return "\n".join([*lines, *([end] if end else [])])


def _divided_flat(wish: _Wish, sign: str) -> list[str]:
    """Dividers inside a JSON string, which is one line."""
    if wish.halves:
        return [f" ****** {sign}{sign}"]
    return [f" *** {sign}"] * (wish.low(STARRED) - 1)


def _as_json(wish: _Wish, blocks: list[str], finish: Any) -> str:
    """One string; with more paragraphs objects in objects, whose keys are the paragraphs: that takes no comma."""
    blocks = [block.replace('"', "") for block in blocks]
    if len(blocks) == 1:
        return f'"{finish(blocks[0])}"'
    if len(blocks) == 2 and (wish.end or 1 in wish.firsts):
        text = finish(" ".join(blocks) if 1 in wish.firsts else blocks[1])
        return f'"{text}"\n\n```' if 1 in wish.firsts else f'```\n\n"{text}"'
    first = "{" if blocks[0] in ("", "~") else f'{{"{blocks[0]}":{{'
    middle = [f'"{block}":{{' for block in blocks[1:-1]]
    closing = "}" * (first.count("{") + len(middle))
    return "\n\n".join([first, *middle, f'"{finish(blocks[-1])}":1{closing}'])
