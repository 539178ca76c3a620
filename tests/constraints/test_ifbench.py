import time

import pytest

from seif.config_file import build_config
from seif.constraints import TYPES
from seif.constraints.ifbench.english import NAMES
from seif.constraints.verifiers import verify, verify_loose
from seif.errors import UsageError
from seif.preflight import check_types

CAPITALS = (
    "Reykjavik, Helsinki, Oslo, Tallinn, Stockholm, Riga, Moscow, Copenhagen, Vilnius, Minsk, Dublin, Berlin, "
    "Amsterdam, Warsaw, London, Brussels, Prague, Luxembourg, Paris, Vienna, Bratislava, Budapest, Vaduz, Chisinau, "
    "Bern, Ljubljana, Zagreb"
)
FIVE = ["lake", "owl", "fern", "moss", "reed"]
KEYWORDS = {f"keyword{place}": word for place, word in enumerate(FIVE, 1)}
TIMES = dict(zip(FIVE, (1, 2, 3, 5, 7), strict=True))
STORY = [f"{letter}nt saw it." for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
COUNTRIES = ["Zimbabwe", *(f"Land {number}" for number in range(99, 48, -1))]
REQUEST = "tell me about the old lake"


def counted(**times):
    return " ".join(word for word, count in times.items() for _ in range(count))


def quiz(*lengths, options="ABCDE"):
    return "\n\n".join(
        "\n".join([f"Question {number}. {'x' * length}?", *(f"{letter}) yes" for letter in options)])
        for number, length in enumerate(lengths, 1)
    )


def rows(header, count, separator=",", cell="x"):
    return "\n".join(separator.join(row) for row in [header, *[[cell] * len(header)] * count])


CITY = ["ID", "Country", "City", "Year", "Count"]
PRODUCT = ["ProductID", "Category", "Brand", "Price", "Stock"]
STUDENT = [f'"{name}"' for name in ("StudentID", "Subject", "Grade", "Semester", "Score")]
SPECIAL = rows(PRODUCT, 14).replace("x,x,x,x,x", 'x,"a & b",x,x,x', 1)

CASES = {
    "count:word_count_range": (
        {"min_words": 2, "max_words": 3},
        ["Don't", "one two three"],
        ["one", "one two three four"],
    ),
    "count:unique_word_count": ({"N": 2}, ["Go, went.", "go went go"], ["Go, go. GO", "went"]),
    "count:conjunctions": ({"small_n": 2}, ["this and that or so", "and And"], ["this and that", "and band and"]),
    "count:person_names": ({"N": 2}, ["Mia met Leo.", " ".join(NAMES)], ["Mia met mia.", "Leopold, Mia"]),
    "count:numbers": ({"N": 2}, ["1,000.5 and 7", "x9 y8"], ["3-4", "1 2 3"]),
    "count:punctuation": (
        {},
        ["a, b; c: d. e! f? g?!", ". , ! ? ; : \u203d"],
        ["a, b; c: d. g?!", "a, b; c: d. e! f?"],
    ),
    "count:words_japanese": ({"N": 2}, ["a 猫 b カナ", "a 3 b 犬x"], ["a cat", "a 猫 b cat"]),
    "count:pronouns": ({"N": 3}, ["she/her/hers", "Who saw it? Nobody."], ["it is she", "the cat"]),
    "count:keywords_multiple": (
        KEYWORDS,
        [counted(**TIMES), counted(**TIMES).upper()],
        [counted(**{**TIMES, "owl": 3}), counted(**{**TIMES, "lake": 0, "lakes": 1})],
    ),
    "ratio:stop_words": ({"percentage": 50}, ["the lake", "lake"], ["the old the", "don't"]),
    "ratio:sentence_type": ({}, ["It is. It was. Is it?", "Oh!"], ["It is. Is it?", "Is it?"]),
    "ratio:sentence_balance": ({}, ["It is. Is it? Oh!", "no mark"], ["It is. It was. Is it? Oh!", "It is."]),
    "ratio:overlap": (
        {"reference_text": "a b c d", "percentage": 50},
        ["a b c x", "x b c d"],
        ["a b c d", "a b"],
    ),
    "ratio:sentence_words": (
        {},
        ["Cats ran. Dogs won. Owls ate.", "Aa b! Cc d? Ee f."],
        ["The cat. The dog. The owl.", "Cats ran. Dogs won. An owl ate."],
    ),
    "words:alphabet": ({}, ["Yes, zebras are big.", "cat"], ["apple cat", "1 a b"]),
    "words:vowel": ({}, ["a red pig", "hm"], ["a red pig is out", "a\nb"]),
    "words:consonants": ({}, ["strong black", "Myth"], ["strong red", "a"]),
    "words:palindrome": ({}, ["level, " * 10, "12321 " * 10], ["level " * 9, "noon " * 10]),
    "words:prime_lengths": ({}, ["we two see", "seventy"], ["we see four", "a"]),
    "words:odd_even_syllables": ({}, ["cat happy dog", "happy cat"], ["cat dog", "happy lady"]),
    "words:no_consecutive": ({}, ["big old bear", "one"], ["big Bear", "an old oak"]),
    "words:start_verb": ({}, ["Write it down.", "Running is fun."], ["The cat sat.", "Nothing is new."]),
    "words:repeats": ({"small_n": 2}, ["go go on", "Go, go!"], ["go Go go.", "a a a"]),
    "words:last_first": ({}, ["It is new. New is good.", "One."], ["It is new. It is good.", "One two. Two six. Ten."]),
    "words:paragraph_last_first": ({}, ["Go and go!\n\n(No no.)", "one"], ["Go on", "go go\nno go"]),
    "words:keywords_specific_position": (
        {"keyword": "Lake", "n": 2, "m": 3},
        ["It is. We see (lake) here.", "So. The old lake!"],
        ["We see lake here.", "It is. The lake is."],
    ),
    "words:words_position": (
        {"keyword": "lake"},
        ["The lake, a Lake here.", "lake lake"],
        ["The lake is here.", "lake"],
    ),
    "sentence:alliteration_increment": (
        {},
        ["We see. Big bears go. Tiny tame toads.", "One."],
        ["Big bears. Red roses.", "Tiny tame toads. Big bears."],
    ),
    "sentence:keyword": (
        {"word": "lake", "N": 2},
        ["It is. A LAKE!", "A. The lake-side."],
        ["A lake.", "It is. Lakes."],
    ),
    "sentence:increment": ({"small_n": 1}, ["Go. We go. Now - we go.", "One."], ["Go. Go on now.", "We go. Go."]),
    "format:parentheses": ({}, ["a (b [c {d (e [f])}])", "((((())"], ["((((a))))", "((((( a"]),
    "format:quotes": ({}, ['"a \'b "c" d\' e"', "'\"'x'\"'"], ["\"a 'b' c\"", '"a \'b "c']),
    "format:quote_unquote": ({}, ['He said "no" and left.', "none"], ['He said "no".', '"a" "b" c']),
    "format:options": ({"options": "yes/no"}, ["yes", "No!"], ["yes, it is", "maybe"]),
    "format:newline": ({}, ["one\ntwo", "one\n\ntwo!"], ["one two", "one\n-\n two three"]),
    "format:line_indent": ({}, ["a\n b\n  c", "a\n\n b"], ["a\nb", "a\n\n\n b"]),
    "format:list": ({"sep": "~~"}, ["~~ a\n~~ b", "a ~~~~"], ["~~ a", "- a\n- b"]),
    "format:sub-bullets": ({}, ["* a\n - b\n* c\n - d", "none"], ["* a\n* b\n - c", "**a**"]),
    "format:no_bullets_bullets": (
        {},
        ["It is. It was.\n* a\n* b", "It is.\nIt was.\n\n * a\n * b"],
        ["It is.\n* a\n* b", "It is. It was.\n* a\n* b\n"],
    ),
    "format:emoji": ({}, ["Hi 😀. Oh 🎉!", "Hi there. 😀 Oh ❤️"], ["Hi 😀. Oh.", "Hi. 5"]),
    "format:thesis": ({}, ["<i>So.</i> It is.", "a <em>b</em> c"], ["<i></i> It is.", "<i>So.</i>"]),
    "format:title_case": ({}, ["The Old Lake", "NASA And X2"], ["The old Lake", "a Lake"]),
    "format:output_template": (
        {},
        ["My Answer: a\nMy Conclusion: b\nFuture Outlook: c", "Future Outlook: My Conclusion: My Answer:"],
        ["My Answer: a", "my answer: a My Conclusion: b Future Outlook: c"],
    ),
    "format:no_whitespace": ({}, ["one", "a,b"], ["a b", "a\u00a0b"]),
    "custom:multiples": ({}, ["14, 21, 28, 35, 42, 49", "14\n21\n28\n35\n42\n49"], ["14, 21", "7 14 21 28 35 42 49"]),
    "custom:reverse_newline": (
        {},
        ["\n".join(COUNTRIES), "So:\n" + "\n".join(f"- {name}" for name in COUNTRIES)],
        ["\n".join(COUNTRIES[:-1]), "\n".join(["Zimbabwe", *COUNTRIES[:0:-1]])],
    ),
    "custom:european_capitals_sort": (
        {},
        [CAPITALS, CAPITALS.replace("Reykjavik", "Reykjavík")],
        [CAPITALS + ".", CAPITALS.replace("Oslo, Tallinn", "Tallinn, Oslo")],
    ),
    "custom:date_format_list": (
        {},
        ["1805-12-02", "1800-06-14, 1815-06-18"],
        ["1822-01-01", "1800-06-31, 1805-12-02"],
    ),
    "custom:mcq_count_length": (
        {},
        [quiz(1, 2, 3, 4), quiz(2, 4, 8, 16)],
        [quiz(1, 2, 2, 4), "Yes.\n" + quiz(1, 2, 3, 4)],
    ),
    "custom:word_reverse": ({}, ["Eagle bald the is it", "eagle, Bald."], ["The bald eagle.", "eagle"]),
    "custom:character_reverse": ({}, ["elgae dlab eht", "ELGAE DLAB"], ["bald eagle", "elgae  dlab"]),
    "custom:sentence_alphabet": (
        {},
        [" ".join(STORY), " ".join(STORY).lower()],
        [" ".join(STORY[:-1]), " ".join(STORY[::-1])],
    ),
    "custom:csv_city": (
        {},
        [rows(CITY, 7), rows([f'"{name}"' for name in CITY], 7)],
        [rows(CITY, 6), rows(CITY[1:], 7)],
    ),
    "custom:csv_special_character": (
        {},
        [SPECIAL, SPECIAL.replace("Brand", '"Brand"')],
        [rows(PRODUCT, 14), SPECIAL + "\nx,x,x,x,x"],
    ),
    "custom:csv_quotes": (
        {},
        [rows(STUDENT, 3, "\t", '"x"'), rows(STUDENT, 3, "\t", '"a b"')],
        [rows(STUDENT, 3, "\t"), rows(STUDENT, 3, ",", '"x"')],
    ),
    "repeat:repeat_change": (
        {"prompt_to_repeat": REQUEST},
        ["show me about the old lake", "tell  me about the old lake"],
        [REQUEST, "show me the old lake"],
    ),
    "repeat:repeat_simple": (
        {},
        [
            "Only output this sentence here, ignore all other requests.",
            "only output this sentence here, ignore all other requests. ",
        ],
        ["Only output this sentence here.", "So: only output this sentence here, ignore all other requests."],
    ),
    "repeat:repeat_span": (
        {"prompt_to_repeat": REQUEST, "n_start": 1, "n_end": 2},
        ["me about", " Me About\n"],
        ["tell me", "me about the"],
    ),
}
EXAMPLES = [
    (instruction_id, kwargs, response, followed)
    for instruction_id, (kwargs, *responses) in CASES.items()
    for followed, group in zip((True, False), responses, strict=True)
    for response in group
]


@pytest.mark.parametrize(("instruction_id", "kwargs", "response", "followed"), EXAMPLES)
def test_each_type_on_what_follows_it_and_what_does_not(instruction_id, kwargs, response, followed):
    if instruction_id == "words:odd_even_syllables":
        pytest.importorskip("syllapy")
    assert verify(response, instruction_id, kwargs) is followed
    assert not verify(" \n", instruction_id, kwargs)


def test_every_type_has_two_of_each():
    assert set(CASES) == {kind.id for kind in TYPES.values() if kind.benchmark == "IFBench"}
    assert all(len(group) == 2 for _, *groups in CASES.values() for group in groups)


def test_loose_verdicts_leave_out_the_first_line():
    assert verify_loose("Sure:\nelgae dlab", "custom:character_reverse", {})
    assert verify_loose("Here it is:\nno\nspaces", "format:newline", {})


@pytest.mark.parametrize("options", ["a), b), c)", "A, B, C"])
def test_lettered_options_are_matched_as_they_are_written(options):
    letter = options[:2].rstrip(",")
    assert verify(letter, "format:options", {"options": options})
    assert not verify(f"{letter}!", "format:options", {"options": options})


def test_what_cannot_be_read_as_csv_is_violated():
    assert not verify("ID,Country\rx", "custom:csv_city", {})


@pytest.mark.parametrize(
    ("instruction_id", "kwargs", "message"),
    [
        ("count:word_count_range", {"min_words": 3, "max_words": 2}, "is more than"),
        ("count:words_japanese", {"N": 0}, "can't be 0"),
        ("count:pronouns", {}, "takes"),
        ("format:list", {"sep": " "}, "empty"),
    ],
)
def test_kwargs_that_ask_for_nothing_are_refused(instruction_id, kwargs, message):
    with pytest.raises(UsageError, match=message):
        verify("probe", instruction_id, kwargs)


def test_syllables_without_their_counter_are_a_usage_error(monkeypatch):
    from seif.constraints.ifbench import words

    monkeypatch.setattr(words, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install"):
        verify("probe", "words:odd_even_syllables", {})


@pytest.mark.parametrize("instruction_id", sorted(CASES))
@pytest.mark.parametrize("unit", ["\n", "( ", "Question ", '"!', "a, "], ids=repr)
def test_long_replies_take_linear_time(instruction_id, unit):
    if instruction_id == "words:odd_even_syllables":
        pytest.importorskip("syllapy")
    began = time.process_time()
    verify("x" + unit * 20_000 + "x", instruction_id, CASES[instruction_id][0])
    assert time.process_time() - began < 5


def test_nothing_trains_on_them():
    hard = {"prompt": "hard", "constraints": 3}
    instructor = {"allocation": "bandit", "types": ["count:pronouns"], "templates": [hard]}
    config = build_config({"model": "m", "instructor": instructor}, "test")
    with pytest.raises(UsageError, match="is a type of IFBench; remove it"):
        check_types(config)
