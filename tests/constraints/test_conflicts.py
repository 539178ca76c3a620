import random

import pytest

from seif.constraints.compiler import compile_text
from seif.constraints.conflicts import explain, find_conflict
from seif.constraints.verifiers import verify
from seif.nano import world, writer
from seif.types import Constraint

LOWER, UPPER = "Use only lowercase.", "Use only uppercase."


def conflict(*texts):
    return find_conflict(tuple(map(compile_text, texts)))


@pytest.mark.parametrize(
    "texts",
    [
        (LOWER, UPPER),
        ("Use exactly 2 bullet points.", "Give exactly 3 bullets."),
        ("Write at least 4 sentences.", "Write fewer than 4 sentences."),
        ("End with the phrase 'That is all.'", "End with the phrase 'Have a nice day.'"),
        ("End with the phrase 'Well, good luck.'", "Avoid commas."),
        ("Write exactly 2 paragraphs divided by ***.", "Write exactly 3 paragraphs divided by ***."),
    ],
)
def test_contradictions_name_both_texts_in_any_order(texts):
    for ordered in (texts, texts[::-1]):
        sentence = conflict("Add a title in <<>>.", *ordered)
        assert sentence is not None
        assert all(text in sentence for text in texts)


@pytest.mark.parametrize(
    "texts",
    [
        (LOWER, "Add a postscript that starts with P.S."),
        ("Write at least 3 sentences.", "Write fewer than 5 sentences."),
        ("End with the phrase 'That is all.'", "Avoid commas."),
        ("Use exactly 2 bullet points.", "Give exactly 2 bullets."),
        ("Be kind.", "Be cruel."),
    ],
)
def test_satisfiable_or_unknown_sets_are_not_refused(texts):
    assert conflict(*texts) is None


@pytest.mark.slow
def test_no_set_that_the_writer_satisfies_is_called_contradictory():
    """Draw sets of any kind; where the world's writer finds a reply that satisfies all rules, no conflict may be
    claimed."""
    rng = random.Random(1)
    witnessed = 0
    for _ in range(1500):
        rules = tuple(world.draw_constraint(rng) for _ in range(rng.choice((2, 3))))
        plan = writer.casual_plan(rng)
        for rule in rules:
            plan = writer.obey(rng, plan, rule)
        reply = writer.write(rng, "river", plan)
        if all(verify(reply, r.instruction_id, r.kwargs) for r in rules):
            witnessed += 1
            assert find_conflict(rules) is None, (reply, rules)
    assert witnessed > 700


def c(short, **kwargs):
    """A constraint by the end of its id; its text is what the messages must name."""
    instruction_id = next(i for i in IDS if i.endswith(short))
    return Constraint(f"{short} {kwargs}", instruction_id, kwargs)


ALL_IDS = """keywords:existence keywords:frequency keywords:forbidden_words keywords:letter_frequency
language:response_language change_case:english_capital change_case:english_lowercase
change_case:capital_word_frequency length_constraints:number_sentences
length_constraints:number_words length_constraints:number_paragraphs
length_constraints:nth_paragraph_first_word detectable_content:number_placeholders
detectable_content:postscript detectable_format:number_bullet_lists
detectable_format:constrained_response detectable_format:number_highlighted_sections
detectable_format:multiple_sections detectable_format:json_format detectable_format:title
combination:two_responses combination:repeat_prompt startend:end_checker startend:quotation
punctuation:no_comma"""
IDS = ALL_IDS.split()
AT_LEAST, LESS = {"relation": "at least"}, {"relation": "less than"}


def keyword(*words):
    return c("existence", keywords=list(words))


def forbid(*words):
    return c("forbidden_words", forbidden_words=list(words))


def uses(word, count, relation):
    return c("keywords:frequency", keyword=word, frequency=count, **relation)


def letters(letter, count, relation):
    return c("letter_frequency", letter=letter, let_frequency=count, let_relation=relation["relation"])


def words(count, relation):
    return c("number_words", num_words=count, **relation)


def sentences(count, relation):
    return c("number_sentences", num_sentences=count, **relation)


def capitals(count, relation):
    return c("capital_word_frequency", capital_frequency=count, capital_relation=relation["relation"])


def end(phrase):
    return c("end_checker", end_phrase=phrase)


def repeat(prompt):
    return c("repeat_prompt", prompt_to_repeat=prompt)


def first(count, number, word):
    return c("first_word", num_paragraphs=count, nth_paragraph=number, first_word=word)


def section(marker, count):
    return c("multiple_sections", section_spliter=marker, num_sections=count)


def language(code):
    return c("response_language", language=code)


def postscript(marker="P.S."):
    return c("postscript", postscript_marker=marker)


LOW, CAPS, COMMA, JSON, QUOTES = (
    c("english_lowercase"),
    c("english_capital"),
    c("no_comma"),
    c("json_format"),
    c("quotation"),
)
TWO, ANSWER, TITLE = c("two_responses"), c("constrained_response"), c("title")
BULLETS, STARS = c("number_bullet_lists", num_bullets=2), c("number_paragraphs", num_paragraphs=2)

CONTRADICTIONS = [
    (LOW, CAPS),
    (LOW, section("Section", 2)),
    (CAPS, section("Section", 2)),
    (LOW, ANSWER),
    (CAPS, ANSWER),
    (LOW, capitals(1, AT_LEAST)),
    (CAPS, capitals(1, LESS)),
    (CAPS, end("So what is next?"), capitals(4, LESS)),
    (language("de"), language("fr")),
    (language("de"), LOW),
    (language("de"), CAPS),
    (words(5, AT_LEAST), words(5, LESS)),
    (sentences(5, AT_LEAST), sentences(3, LESS)),
    (capitals(2, AT_LEAST), capitals(2, LESS)),
    (BULLETS, c("number_bullet_lists", num_bullets=0)),
    (STARS, c("number_paragraphs", num_paragraphs=3)),
    (first(2, 1, "cat"), first(3, 1, "cat")),
    (first(2, 1, "cat"), first(2, 1, "dog")),
    (first(2, 2, "cat"), forbid("Cat")),
    (keyword("cat"), forbid("CAT")),
    (keyword("red cat"), forbid("cat")),
    (end("That is all."), forbid("all")),
    (repeat("Tell me more"), forbid("me")),
    (section("Section", 1), forbid("section")),
    (ANSWER, forbid("answer")),
    (ANSWER, forbid("yes", "no", "maybe")),
    (uses("cat", 2, AT_LEAST), uses("cat", 2, LESS)),
    (keyword("heart"), uses("art", 1, LESS)),
    (uses("heart", 3, AT_LEAST), uses("art", 3, LESS)),
    (end("That is all."), uses("all", 1, LESS)),
    (keyword("heart"), letters("a", 1, LESS)),
    (uses("heart", 2, AT_LEAST), letters("r", 2, LESS)),
    (keyword("heart"), keyword("star"), letters("a", 2, LESS)),
    (postscript("P.P.S"), letters("p", 2, LESS)),
    (letters(",", 2, AT_LEAST), COMMA),
    (keyword("a, b"), COMMA),
    (repeat("Hello, tell me"), COMMA),
    (section("Part,", 1), COMMA),
    (QUOTES, letters('"', 2, LESS)),
    (TITLE, letters("<", 1, LESS)),
    (JSON, BULLETS),
    (JSON, repeat("Write about art.")),
    (JSON, repeat('"Yes" is good.')),
    (JSON, repeat("12 ideas please")),
    (JSON, QUOTES, first(2, 2, "cat")),
    (JSON, first(3, 1, "cat")),
    (JSON, end("That is all."), first(3, 2, "cat")),
    (repeat("Tell me more"), QUOTES),
    (repeat("Tell me more"), first(2, 1, "cat")),
    (repeat("Tell me more"), words(3, LESS)),
    (repeat("Tell me more"), letters("l", 2, LESS)),
    (repeat("Say it again. Then say more today. Done"), sentences(3, LESS)),
    (end("Call me. Good luck."), sentences(2, LESS)),
    (repeat("One.\n\nTwo.\n\nThree."), first(2, 2, "two")),
    (repeat("Items:\n- a\n- b\n- c"), BULLETS),
    (repeat("Tell me more"), repeat("Write a song")),
    (end("That is all."), end("Peace!")),
    (TWO, STARS),
    (keyword("cat", "dog"), words(2, LESS)),
    (keyword("cat"), uses("dog", 2, AT_LEAST), end("That is all."), words(6, LESS)),
    (section("Section", 3), words(6, LESS)),
    (keyword("cat", "dog"), words(3, LESS), letters("z", 1, AT_LEAST)),
    (capitals(5, AT_LEAST), words(3, LESS)),
    (language("de"), words(1, LESS)),
]


@pytest.mark.parametrize("constraints", CONTRADICTIONS, ids=lambda constraints: " + ".join(x.text for x in constraints))
def test_demands_that_cannot_meet_are_named_in_any_order(constraints):
    spare = c("number_placeholders", num_placeholders=1)
    for ordered in (constraints, constraints[::-1], (spare, *constraints)):
        sentence = find_conflict(ordered)
        assert sentence is not None
        assert all(f'"{x.text}"' in sentence for x in constraints)
        assert spare.text not in sentence
    # The named ones are needed: without any one of them rules see no conflict.
    for i in range(len(constraints)):
        assert find_conflict(constraints[:i] + constraints[i + 1 :]) is None


SATISFIABLE = [
    ((end("That is all."), QUOTES), '"Yes. That is all."'),
    ((end("That is all."), postscript()), "P.S. That is all."),
    (
        (JSON, TITLE, c("number_highlighted_sections", num_highlights=1), QUOTES, section("Section", 1)),
        '"<<T>> *a* Section 1"',
    ),
    ((JSON, QUOTES, end("That is all.")), '"That is all."'),
    ((JSON, first(2, 1, "cat")), '"cat"\n\n```'),
    ((JSON, end("Peace!"), first(2, 2, "cat")), '```\n\n"cat Peace!"'),
    ((JSON, first(3, 2, "cat"), COMMA), '{\n\n"cat":{\n\n"a":1}}'),
    ((JSON, repeat('"Yes" ')), '"Yes"'),
    ((keyword("art"), forbid("heart")), "art"),
    ((keyword("heart"), forbid("art")), "heart"),
    ((keyword("art"), keyword("heart"), uses("art", 3, LESS)), "art heart"),
    ((ANSWER, forbid("yes", "no")), "My answer is maybe."),
    ((CAPS, capitals(2, LESS), words(5, AT_LEAST)), "THIS-IS-WHAT-WE-WANT"),
    ((section("SECTION", 1), capitals(1, LESS)), "sub-SECTION 1"),
    ((capitals(4, AT_LEAST), words(3, LESS)), "CANNOT GONNA"),
    ((sentences(3, AT_LEAST), words(1, LESS)), "~! ~! ~!"),
    ((repeat("Tell me"), first(1, 1, "tell")), "Tell me"),
    ((repeat("Tell"), first(1, 1, "teller")), "Teller"),
    ((end("all."), end("That is all.")), "That is all."),
    ((c("number_paragraphs", num_paragraphs=1), QUOTES), '"a"'),
    ((postscript(), forbid("P.S.")), "P. S. x"),
    ((LOW, postscript()), "p.s. this is what we want"),
    ((language("en"), LOW), "this is what we want"),
    ((ANSWER, end("So what is next?"), sentences(2, LESS)), "My answer is yes.-So what is next?"),
    ((keyword("\u732b"), keyword("\u72d7"), words(2, LESS)), "\u732b\u72d7"),
]


@pytest.mark.parametrize(
    ("constraints", "reply"), SATISFIABLE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_a_reply_satisfies_is_no_conflict(constraints, reply):
    assert all(verify(reply, x.instruction_id, x.kwargs) for x in constraints)
    assert find_conflict(constraints) is None


@pytest.mark.parametrize("constraint", [end('She said "yes"'), sentences(1, LESS)], ids=lambda x: x.text)
def test_what_can_never_be_met_is_a_conflict_of_its_own(constraint):
    assert find_conflict((TITLE, constraint)).startswith(f'"{constraint.text}" can never be met')


def test_what_no_verifier_takes_is_left_to_the_verifiers():
    assert find_conflict((Constraint("?", "no:such_id"), c("number_bullet_lists"), LOW)) is None
    assert explain((LOW, Constraint("?", "no:such_id"), CAPS)).sources == (LOW, CAPS)


def test_chinese_is_one_language_in_two_scripts():
    either, one, other = (
        Constraint(code, "language:response_language", {"language": code}) for code in ("zh", "zh-cn", "zh-tw")
    )
    assert find_conflict((either, one)) is None
    assert find_conflict((one, other)) is not None
