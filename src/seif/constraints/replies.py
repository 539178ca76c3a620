"""Builds replies to satisfy a set of constraints: opening, title, required texts, filler, bullets, ending."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from seif.constraints.demands import (
    BLANK_LINED,
    BULLETS,
    CAPITAL,
    CAPITALS,
    LETTER,
    LOWER,
    MANY,
    SENTENCES,
    STARRED,
    WORDS,
    Measure,
    Text,
)
from seif.constraints.fillers import ENGLISH, ENGLISH_WORDS, OTHERS
from seif.constraints.requirements import Requirements
from seif.constraints.text import capital_words, count_bullets, count_sentences, count_words, has_word, language_of

QUOTE = '"'
ROUNDS = 4
"""Rounds of padding per reply."""


@dataclass(frozen=True)
class Style:
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
    Style(natural=True),
    Style(),
    Style(shout=True),
    Style(hyphens=True),
    Style(joined=True),
    Style(joined=True, hyphens=True),
    Style(joined=True, shout=True),
)


def cores(wanted: Requirements, style: Style) -> Iterator[str]:
    """Texts in the wanted language, the most ordinary first; the empty one where no language is wanted."""
    joint = "_" if style.joined else " "
    if wanted.language in (None, "en"):
        if wanted.language is None:
            yield from ["", *ENGLISH[:1]] if not style.natural else [ENGLISH[0], ""]
        else:
            yield from (core.replace(" ", joint) for core in _english(wanted))
        return
    sentences = OTHERS.get(str(wanted.language), ())
    openings = {" ".join(sentence.split()[:n]) for sentence in sentences for n in (1, 2, 3)}
    short = sorted(openings, key=lambda core: (count_words(core), -len(core)))
    whole = [*sentences, " ".join(sentences), " ".join([*sentences] * 4)]
    yield from (core.replace(" ", joint) for core in ([*whole, *short] if style.natural else [*short[:4], *whole]))


def _english(wanted: Requirements) -> Iterator[str]:
    """Sentences without limited letters and words; then mixes of common words, for which fewer letters do."""
    yield from [core for core in ENGLISH if wanted.allows(core)][:4]
    short = [word for word in ENGLISH_WORDS if len(word) < 3][:9]
    words = [word for word in ENGLISH_WORDS if wanted.allows(word)] or short
    rng = random.Random(0)
    best = _recognised(tuple(words), wanted.case or "")
    yield from best
    while True:
        yield " ".join(rng.choices(words, k=rng.choice((1, 2, 4, 9, 20))))


@lru_cache(maxsize=1024)
def _recognised(words: tuple[str, ...], case: str) -> tuple[str, ...]:
    """Up to five mixes, short and long, that langdetect takes for English."""
    rng = random.Random(1)
    found: list[str] = []
    for size in (1, 2, 3, 5, 8, 12, 20, 30) * 2:
        mix = " ".join(rng.choices(words, k=size))
        if len(found) < 5 and language_of(mix.upper() if case == CAPITAL else mix) == "en":
            found.append(mix)
    return tuple(found)


# --- building ---------------------------------------------------------------------------------------------------------


def padded(wanted: Requirements, style: Style, core: str) -> str:
    """The reply, measured and padded until no lower limit is missed or the rounds are over."""
    pads: dict[Measure, int] = {}
    reply = ""
    for _ in range(ROUNDS):
        reply = _built(wanted, style, core, pads)
        lows = [(m, low) for m, low in wanted.lows.items() if m[0] in (WORDS, SENTENCES, CAPITALS, LETTER)]
        missing = {measure: low - _measured(reply, measure) for measure, low in lows}
        missing = {measure: count for measure, count in missing.items() if count > 0}
        if not missing:
            break
        # Letters, capitals and sentences bring words with them, so words come last.
        first = {measure: count for measure, count in missing.items() if measure[0] != WORDS}
        for measure, count in (first or missing).items():
            pads[measure] = pads.get(measure, 0) + count
    return reply


def _measured(reply: str, measure: Measure) -> int:
    kind, name = measure
    if kind == LETTER:
        return reply.lower().count(name)
    return {WORDS: count_words, SENTENCES: count_sentences, CAPITALS: capital_words}[kind](reply)


def _built(wanted: Requirements, style: Style, core: str, pads: dict[Measure, int]) -> str:
    sign, stop = wanted.pick("~=+^|"), wanted.pick("!?.")
    glue = wanted.pick("-=+/~")
    joint = glue if style.hyphens else " "

    def line(parts: Iterable[str]) -> str:
        """Parts on one line. A full stop that white space follows would end a sentence, so it gets a hyphen."""
        filled = [part for part in parts if part]
        if not style.natural and not style.hyphens:
            filled = [
                part + glue if re.search(r"[.!?…][)\"'\]]*$", part) and i + 1 < len(filled) else part
                for i, part in enumerate(filled)
            ]
        return joint.join(filled)

    start = _styled(wanted, style, wanted.start)
    end = _styled(wanted, style, wanted.end)
    opening = start or wanted.firsts.get(1, "")
    required = _required(wanted, style, " ".join([opening, end, *(word for n, word in wanted.firsts.items() if n > 1)]))
    marks = ["<<Title>>" if style.natural and wanted.allows("title") else f"<<{sign}>>"] if wanted.title else []
    marks += [f"[{'name' if style.natural and wanted.allows('name') else sign}]"] * wanted.placeholders
    marks += [f"(*{'point' if style.natural and wanted.allows('point') else sign}*)"] * wanted.highlights
    body = [*marks, *required, *_filler(wanted, style, core, pads, sign, stop)]

    paragraphs = wanted.low(BLANK_LINED) or 1
    ahead = max(1, Text(start).paragraphs()) if start else 1
    blocks = [opening]
    blocks += [wanted.firsts.get(n, sign) for n in range(ahead + 1, paragraphs + 1)]
    blocks[:-1] = [line([block, sign]) if block == opening and not style.natural else block for block in blocks[:-1]]
    blocks[-1] = line([blocks[-1], *body]) or sign
    if wanted.json:
        return _cased(wanted, _as_json(wanted, blocks, lambda last: line([last, *_divided_flat(wanted, sign), end])))
    blocks[-1] = _with_lines(wanted, blocks[-1], end, sign, glue if not style.natural else "")
    reply = "\n\n".join(blocks)
    return _cased(
        wanted, f"{'' if wanted.start.startswith(QUOTE) else QUOTE}{reply}{QUOTE}" if wanted.quoted else reply
    )


def _styled(wanted: Requirements, style: Style, text: str) -> str:
    """Texts that count in any case: in capitals or in lower case where capital words are wanted or limited."""
    if style.shout:
        return text.upper()
    return text.lower() if wanted.high(CAPITALS) != MANY and not style.natural else text


def _cased(wanted: Requirements, reply: str) -> str:
    return reply.lower() if wanted.case == LOWER else reply.upper() if wanted.case == CAPITAL else reply


def _required(wanted: Requirements, style: Style, present: str) -> list[str]:
    """The required texts that are not there yet, the longest first, because it may have the shorter ones inside."""
    parts: list[str] = []
    limited = wanted.high(CAPITALS) != MANY and wanted.case is None
    for text in sorted(wanted.texts, key=lambda t: (not t.exact_case, -len(t.text))):
        have = text.standing(" ".join([present, *parts]))
        if text.numbered:
            # A hyphen before the marker makes one token with a small letter of it.
            before = "sub-" if limited and text.text.isupper() and not style.natural else ""
            parts += [f"{before}{text.text} {n + 1}" for n in range(have, text.times)]
        else:
            # With a full stop more, P.P.S has P.S. inside.
            written = text.text + "." * text.text.endswith("p.s")
            parts += [written if text.exact_case else _styled(wanted, style, written)] * (text.times - have)
    return parts


def _filler(wanted: Requirements, style: Style, core: str, pads: dict[Measure, int], sign: str, stop: str) -> list[str]:
    """The text in the wanted language, and what lower limits still need."""
    ordinary = _ordinary(wanted)
    # Three stops in a row would end three sentences.
    letters = [
        (name + sign if name in ".!?" and not style.natural else name) * count
        for (kind, name), count in pads.items()
        if kind == LETTER
    ]
    letters = [f"0{part}" if any(has_word(word, part) for word in wanted.forbidden) else part for part in letters]
    runs = [part for part in letters if re.match(r"\w", part)]
    joined = ["_".join([core, *runs])] if style.joined and core else [core, *runs]
    sentences = pads.get((SENTENCES, ""), 0)
    capitals = _capitals(wanted, pads.get((CAPITALS, ""), 0))
    words = pads.get((WORDS, ""), 0)
    if style.natural:
        said = [f"{ordinary[n % len(ordinary)].capitalize()}{stop}" for n in range(sentences)]
        more = [ordinary[n % len(ordinary)] for n in range(words)]
    else:
        said = [f"{sign}{stop}"] * sentences
        more = [wanted.pick("1278")] * words
    tail = " ".join([part for part in (*capitals, *more) if part])
    marks = [part for part in letters if part not in runs]
    # Stops end sentences only where white space follows, in every style.
    return [*joined, tail, *marks, " ".join([*said, sign]) if said else ""]


def _ordinary(wanted: Requirements) -> list[str]:
    """Words to fill with, in the wanted language."""
    sentences = ENGLISH if wanted.language in (None, "en") else OTHERS.get(wanted.language, ())
    words = [word for sentence in sentences for word in sentence.split() if wanted.allows(word)]
    return words or [wanted.pick("1278")]


def _capitals(wanted: Requirements, count: int) -> list[str]:
    """So many tokens in capitals; accented letters where the plain ones are limited."""
    if wanted.low(CAPITALS) > wanted.high(WORDS):
        # The tokenizer makes two of this word, as of "can not".
        return ["CANNOT"] * (count // 2) + ["B"] * (count % 2)
    letters = [letter for letter in "BDKMPRTVXZCFGHJLNQSWYEOUAÉÑÖ" if wanted.allows(letter)] or ["Ø"]
    return [letters[n % len(letters)] for n in range(count)]


def _with_lines(wanted: Requirements, text: str, end: str, sign: str, seal: str) -> str:
    """The last paragraph with its bullets, dividers and ending below."""
    there = count_bullets(wanted.start)
    if seal and text[-1:] in (".", "!", "?"):
        text += seal
    lines = [text, *[f"- {sign}"] * (wanted.low(BULLETS) - there)]
    divider = ["******"] if wanted.halves else ["***"] * (wanted.low(STARRED) - 1)
    for n, divider_line in enumerate(divider):
        lines += [divider_line, *([] if n == len(divider) - 1 and end else [f"{sign}{sign}"])]
    return "\n".join([*lines, *([end] if end else [])])


def _divided_flat(wanted: Requirements, sign: str) -> list[str]:
    """Dividers inside a JSON string, which is one line."""
    if wanted.halves:
        return [f" ****** {sign}{sign}"]
    return [f" *** {sign}"] * (wanted.low(STARRED) - 1)


def _as_json(wanted: Requirements, blocks: list[str], finish: Any) -> str:
    """One string; with more paragraphs objects in objects, whose keys are the paragraphs: that takes no comma."""
    blocks = [block.replace('"', "") for block in blocks]
    if len(blocks) == 1:
        return f'"{finish(blocks[0])}"'
    if len(blocks) == 2 and (wanted.end or 1 in wanted.firsts):
        text = finish(" ".join(blocks) if 1 in wanted.firsts else blocks[1])
        return f'"{text}"\n\n```' if 1 in wanted.firsts else f'```\n\n"{text}"'
    first = "{" if blocks[0] in ("", "~") else f'{{"{blocks[0]}":{{'
    middle = [f'"{block}":{{' for block in blocks[1:-1]]
    closing = "}" * (first.count("{") + len(middle))
    return "\n\n".join([first, *middle, f'"{finish(blocks[-1])}":1{closing}'])
