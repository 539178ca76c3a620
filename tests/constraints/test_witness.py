"""The proof that nothing satisfiable is called contradictory, from three sides."""

import random
from bisect import bisect_left
from collections import Counter

import pytest
from benchmarks.random_sets import IDS, PHRASES, PROMPTS, WORDS, random_constraint, random_set

from seif.constraints import TYPES
from seif.constraints.conflicts import explain, find_conflict
from seif.constraints.demands import demands
from seif.constraints.fillers import OTHERS
from seif.constraints.text import language_of
from seif.constraints.verifiers import verify
from seif.constraints.witness import CONTRADICTORY, OPEN, WITNESSED, classify, write_witness
from seif.types import Constraint


def as_meant(reply, constraint):
    """The verifier's verdict plus the documented reading: required texts stand by themselves, bullets are no JSON."""
    if not verify(reply, constraint.instruction_id, constraint.kwargs):
        return False
    return any(all(text.stands_in(reply) for text in option.texts) for option in demands(constraint))


def holds(reply, constraints):
    kinds = {c.instruction_id: c for c in constraints}
    bullets = "detectable_format:number_bullet_lists"
    if "detectable_format:json_format" in kinds and bullets in kinds and kinds[bullets].kwargs["num_bullets"]:
        return False
    return all(as_meant(reply, constraint) for constraint in constraints)


def test_sets_are_contradictory_or_witnessed_and_few_are_open():
    rng = random.Random(7)
    seen = Counter()
    for _ in range(2000):
        constraints = random_set(rng)
        outcome = classify(constraints)
        seen[outcome.kind] += 1
        if outcome.kind == WITNESSED:
            assert outcome.reason is None
            assert holds(outcome.response, constraints), (outcome.response, constraints)
        elif outcome.kind == CONTRADICTORY:
            assert outcome.response is None
            assert sum(f'"{c.text}"' in outcome.reason for c in constraints) >= 1
    assert seen[OPEN] < 0.03 * seen.total()
    assert min(seen[CONTRADICTORY], seen[WITNESSED]) > 300


@pytest.mark.slow
def test_no_witness_is_found_for_what_is_called_contradictory():
    """The writer is not told; nor is one of 400 other replies, and mutations of those that hold best, a way out."""
    rng = random.Random(8)
    corpus = [random_reply(rng) for _ in range(400)]
    tried = 0
    while tried < 2000:
        constraints = random_set(rng)
        conflict = explain(constraints)
        if conflict is None:
            continue
        tried += 1
        # The constraints that are named must exclude each other without the rest.
        assert write_witness(conflict.sources) is None, conflict.sentence
        if tried % 2 == 0:
            assert not mutated_into_a_witness(rng, corpus, conflict.sources), conflict.sentence


def mutated_into_a_witness(rng, corpus, constraints):
    """Hill climbing over small edits, from the replies that satisfy most."""
    cheap = [c for c in constraints if not c.instruction_id.startswith(("language", "change_case:english"))]
    replies = rng.sample(corpus, 25)
    best = max(replies, key=lambda reply: sum(as_meant(reply, c) for c in cheap))
    score = sum(as_meant(best, c) for c in cheap)
    for _ in range(15):
        reply = mutated(rng, best, rng.choice(corpus))
        now = sum(as_meant(reply, c) for c in cheap)
        if now >= score:
            best, score = reply, now
        if score == len(cheap) and holds(best, constraints):
            return True
    return False


def mutated(rng, reply, other):
    at = rng.randrange(len(reply) + 1)
    match rng.randrange(6):
        case 0:
            return (
                reply[:at]
                + rng.choice(
                    [" cat ", "\n- x", ",", ".", "!", "\n\n", "\n***\n", "******", "SECTION 1", '"', " A ", "[x]"]
                )
                + reply[at:]
            )
        case 1:
            return reply[:at] + reply[at + rng.randint(1, 12) :]
        case 2:
            return f"{reply} {rng.choice(PHRASES)}"
        case 3:
            return rng.choice((reply.lower(), reply.upper(), f'"{reply}"', reply.strip('"')))
        case 4:
            return f"{rng.choice(PROMPTS)} {reply}"
        case _:
            return reply[:at] + other[at:]


PARTS = [
    "<<Title>>",
    "[name] [place]",
    "go *here* now",
    "*a* **b**",
    "- one\n- two",
    "* one",
    "My answer is yes.",
    "My answer is no.",
]
PARTS += ["SECTION 1\nSECTION 2", "Section 1: a", "P.S. more", "P.P.S so", "p. s. x", "***", "******"]


def random_reply(rng):
    """A small reply in one of many layouts."""
    words = [*WORDS, "the", "is", "it", "was", "by", "SEA", "A", "1", "Tomorrow", "we", "like"]
    sentence = lambda: " ".join(rng.choices(words, k=rng.randint(1, 6))) + rng.choice((".", "!", "?", "", ",", "..."))  # noqa: E731
    parts = [
        rng.choice((sentence, sentence, lambda: rng.choice(OTHERS[rng.choice(sorted(OTHERS))])))()
        for _ in range(rng.randint(1, 5))
    ]
    parts += rng.sample(PARTS, rng.randint(0, 4))
    rng.shuffle(parts)
    opening, ending = (
        rng.choice(PROMPTS) if rng.random() < 0.3 else "",
        rng.choice(PHRASES) if rng.random() < 0.3 else "",
    )
    reply = "".join(
        part + rng.choice((" ", "\n", "\n\n", "\n***\n", "\n")) for part in [opening, *parts, ending] if part
    ).strip()
    reply = rng.choice((str, str, str, str.lower, str.upper))(reply)
    match rng.randrange(6):
        case 0:
            return f'"{reply}"'
        case 1:
            return '"' + reply.replace('"', "").replace("\n", " ") + '"'
        case 2:
            return '{"a":\n\n"' + reply.replace('"', "").replace("\n", " ") + '"}' + rng.choice(("", "\n\n```"))
        case _:
            return reply


@pytest.mark.slow
def test_constraints_that_hold_for_a_reply_are_never_called_contradictory():
    """Response first: whatever holds for one reply, as verified and as meant, holds together."""
    rng = random.Random(9)
    sizes, ids = Counter(), Counter()
    for _ in range(2500):
        reply = random_reply(rng)
        drawn = [fitted(rng, reply) for _ in range(14)]
        true = [c for c in drawn if as_meant(reply, c)][:7]
        if holds(reply, true):
            sizes[len(true)] += 1
            ids.update(c.instruction_id for c in true)
            assert find_conflict(tuple(true)) is None, (reply, true)
    assert sum(n for size, n in sizes.items() if size >= 4) > 2000
    assert set(ids) == set(IDS)


COUNTS = {
    "length_constraints:number_words": "num_words",
    "length_constraints:number_sentences": "num_sentences",
    "change_case:capital_word_frequency": "capital_frequency",
    "keywords:letter_frequency": "let_frequency",
    "keywords:frequency": "frequency",
    "detectable_format:number_bullet_lists": "num_bullets",
    "length_constraints:number_paragraphs": "num_paragraphs",
    "length_constraints:nth_paragraph_first_word": "num_paragraphs",
    "detectable_format:multiple_sections": "num_sections",
    "detectable_format:number_highlighted_sections": "num_highlights",
}


def fitted(rng, reply):
    """A random constraint whose threshold is moved to where it just holds for the reply, if anywhere: limits are
    where errors hide."""
    constraint = random_constraint(rng)
    name = COUNTS.get(constraint.instruction_id)
    if constraint.instruction_id == "language:response_language":
        return Constraint("language", constraint.instruction_id, {"language": language_of(reply) or "en"})
    if constraint.instruction_id == "length_constraints:nth_paragraph_first_word":
        paragraphs = [part for part in reply.split("\n\n") if part.strip()]
        number = rng.randint(1, len(paragraphs))
        word = paragraphs[number - 1].split()[0].strip(".,?!'\"").lower()
        kwargs = {"num_paragraphs": len(paragraphs), "nth_paragraph": number, "first_word": word}
        fits = word and not set(word) & set(".,?!'\"")
        return Constraint(f"nth {kwargs}", constraint.instruction_id, kwargs) if fits else constraint
    if name is None or rng.random() < 0.2:
        return constraint
    moved = [
        Constraint(f"{constraint.instruction_id} {n}", constraint.instruction_id, {**constraint.kwargs, name: n})
        for n in range(1, 60)
    ]
    if "less than" in constraint.kwargs.values():
        return moved[min(bisect_left(moved, True, key=lambda c: as_meant(reply, c)), 58)]
    if name in ("num_bullets", "num_paragraphs"):
        return next((c for c in moved if as_meant(reply, c)), constraint)
    return moved[max(bisect_left(moved, True, key=lambda c: not as_meant(reply, c)) - 1, 0)]


def test_random_sets_draw_from_ifevals_types():
    assert len(IDS) == 25
    assert set(IDS) <= {kind.id for kind in TYPES.values() if kind.hard}


@pytest.mark.parametrize("instruction_id", sorted(IDS))
def test_every_type_alone_has_a_witness(instruction_id):
    rng = random.Random(3)
    seen = {classify((random_constraint(rng, instruction_id),)).kind for _ in range(10)}
    assert WITNESSED in seen
    assert OPEN not in seen


@pytest.mark.parametrize("language", ["en", *sorted(OTHERS)])
def test_every_language_with_filler_has_a_witness(language):
    constraint = Constraint("language", "language:response_language", {"language": language})
    longer = Constraint("words", "length_constraints:number_words", {"num_words": 60, "relation": "at least"})
    assert write_witness((constraint,)) is not None
    assert write_witness((constraint, longer)) is not None


def test_soft_constraints_are_left_out_and_unknown_types_are_asked_only_at_the_end():
    assert classify((Constraint("Be kind."), Constraint("title", "detectable_format:title"))).kind == WITNESSED


@pytest.mark.parametrize(("count", "outcome"), [(2_000, "witnessed"), (100_000_000, "open")])
def test_no_reply_is_written_that_would_fill_the_memory(count, outcome):
    words = Constraint("x", "length_constraints:number_words", {"num_words": count, "relation": "at least"})
    assert classify([words]).kind == outcome


def test_of_a_set_past_the_limits_nothing_is_said():
    case = [Constraint("x", "change_case:english_lowercase"), Constraint("y", "change_case:english_capital")]
    comma = Constraint("z", "punctuation:no_comma")
    assert classify([*case, *[comma] * 100]).kind == "contradictory"
    assert classify([*case, *[comma] * 1000]).kind == "open"
