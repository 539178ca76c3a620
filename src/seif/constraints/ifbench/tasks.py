"""Types of IFBench that are whole tasks with a checkable answer: lists, tables, questions, reversed text."""

from __future__ import annotations

import csv
import io
import re
import string
import unicodedata
from itertools import pairwise

from seif.constraints.ifbench.family import ifbench, trimmed, unpunctuated
from seif.constraints.text import split_sentences

_MULTIPLES = [str(n) for n in range(14, 50, 7)]
_LABEL = re.compile(r"Question \d+[.|):;]?\s*")
_OPTION = re.compile(r"[A-Ea-e][.|)]\s*\w+")
_NORTHERN = """
Reykjavik Helsinki Oslo Tallinn Stockholm Riga Moscow Copenhagen Vilnius Minsk Dublin Berlin Amsterdam Warsaw London
Brussels Prague Luxembourg Paris Vienna Bratislava Budapest Vaduz Chisinau Bern Ljubljana Zagreb
"""
_CAPITALS = _NORTHERN.split()
"""Europe's capitals north of 45 degrees, by latitude."""
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_LIVED = range(1769, 1822)
"""The years in which Napoleon lived."""
_DAYS = {2: 29, **dict.fromkeys((4, 6, 9, 11), 30), **dict.fromkeys((1, 3, 5, 7, 8, 10, 12), 31)}
_SPECIAL = re.compile(r"[^\w\s]")

Table = list[list[str]]


# --- lists ------------------------------------------------------------------------------------------------------------


@ifbench("custom:multiples", "the multiples of 7 between 10 and 50", "Print the multiples of 7 from 10 to 50.")
def multiples(response: str) -> bool:
    """All of them in order and no other number."""
    return re.findall(r"\d+", response) == _MULTIPLES


@ifbench(
    "custom:reverse_newline",
    "the countries of Africa by name, from Z to A, one per line",
    "Name the countries of Africa from Z to A, one per line.",
)
def reverse_newline(response: str) -> bool:
    """From the first line with Zimbabwe on, at least 52 lines in falling order, whatever they hold."""
    lines = [line for line in map(trimmed, response.split("\n")) if line]
    start = next((place for place, line in enumerate(lines) if "Zimbabwe" in line), len(lines))
    names = [_ascii(line) for line in lines[start:]]
    return len(names) >= 52 and names == sorted(names, reverse=True)


@ifbench(
    "custom:european_capitals_sort",
    "Europe's capitals north of 45 degrees, from north to south",
    "Name the capitals of Europe above 45 degrees from north to south.",
)
def european_capitals_sort(response: str) -> bool:
    """Their English names, with commas between them and nothing else."""
    return [name.strip() for name in _ascii(response).split(",") if name.strip()] == _CAPITALS


def _ascii(text: str) -> str:
    """The text without accents and whatever else is not ASCII."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")


@ifbench(
    "custom:date_format_list",
    "dates of Napoleon's battles as YYYY-MM-DD, with commas between them",
    "Give the days of Napoleon's battles as YYYY-MM-DD.",
)
def date_format_list(response: str) -> bool:
    """Any dates of his lifetime, of which month and day may be 00."""
    return all(_is_date(date.strip()) for date in response.split(","))


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    return year in _LIVED and month <= 12 and day <= _DAYS.get(month, 99)


# --- text -------------------------------------------------------------------------------------------------------------


@ifbench(
    "custom:mcq_count_length",
    "four questions with five options each, every one longer than the one before",
    "Ask 4 questions with 5 options each, each longer than the last.",
)
def mcq_count_length(response: str) -> bool:
    """The response begins with the first `Question 1`; options are lines with a letter from A to E."""
    if not response.startswith("Question"):
        return False
    questions = [part.strip() for part in _LABEL.split(response) if part.strip()]
    lengths = []
    for question in questions:
        lines = [line.strip() for line in question.split("\n")]
        places = [place for place, line in enumerate(lines) if _OPTION.match(line)]
        if len(places) != 5:
            return False
        lengths.append(len(" ".join(lines[: places[0]]).strip()))
    return len(questions) == 4 and all(before < after for before, after in pairwise(lengths))


@ifbench(
    "custom:word_reverse",
    "an answer about the bald eagle, word by word from back to front",
    "Name the bird of the US from the last word to the first.",
)
def word_reverse(response: str) -> bool:
    """The reversed words hold the bird's name; they are not read as English."""
    return "bald eagle" in " ".join(reversed(unpunctuated(response.lower()).split()))


@ifbench(
    "custom:character_reverse",
    "an answer about the bald eagle, letter by letter from back to front",
    "Name the bird of the US from the last letter to the first.",
)
def character_reverse(response: str) -> bool:
    """The bird's name is there, reversed."""
    return "bald eagle"[::-1] in response.lower()


@ifbench(
    "custom:sentence_alphabet",
    "26 sentences that begin with the letters from A to Z in order",
    "Tell a story in 26 sentences from A to Z.",
)
def sentence_alphabet(response: str) -> bool:
    """Leading punctuation is passed over."""
    starts = [
        sentence.lstrip(string.punctuation + string.whitespace)[:1].lower() for sentence in split_sentences(response)
    ]
    return starts == list(string.ascii_lowercase)


# --- tables -----------------------------------------------------------------------------------------------------------


@ifbench(
    "custom:csv_city",
    "CSV of 7 rows with the columns ID, Country, City, Year, Count",
    "Make up 7 rows of CSV on cities.",
)
def csv_city(response: str) -> bool:
    """Fields between commas, five in each row."""
    table = _table(response)
    header = ["ID", "Country", "City", "Year", "Count"]
    return len(table) == 8 and table[0] == header and all(len(row) == 5 for row in table[1:])


@ifbench(
    "custom:csv_special_character",
    "CSV of 14 rows with the columns ProductID, Category, Brand, Price, Stock, one with a special character in quotes",
    "Make up 14 rows of CSV on products, one field with a special character.",
)
def csv_special_character(response: str) -> bool:
    """Rows after the first with such a field may be of any length."""
    if not _has_header(response, ("ProductID", "Category", "Brand", "Price", "Stock"), r",[ \t]*"):
        return False
    table = _table(_with_quotes(response))
    if len(table) != 15:
        return False
    for row in table[1:]:
        if len(row) != 5:
            return False
        if any(map(_is_special, row)):
            return True
    return False


@ifbench(
    "custom:csv_quotes",
    "tab-separated CSV of 3 rows with the columns StudentID, Subject, Grade, Semester, Score, every field quoted",
    "Make up 3 rows of quoted fields with tabs on students.",
)
def csv_quotes(response: str) -> bool:
    """The header's fields are quoted too."""
    if not _has_header(response, ("StudentID", "Subject", "Grade", "Semester", "Score"), "\t *"):
        return False
    table = _table(_with_quotes(response), "\t")
    return len(table) == 4 and all(len(row) == 5 and all(map(_is_quoted, row)) for row in table)


def _has_header(response: str, columns: tuple[str, ...], separator: str) -> bool:
    """Does the first line name the columns, each with or without quotes?"""
    header = separator.join(f'(?:{column}|"{column}")' for column in columns)
    return re.fullmatch(header, response.split("\n")[0].strip()) is not None


def _with_quotes(response: str) -> str:
    """The text with its quotes tripled: a reader of CSV then keeps them as a part of their field."""
    return response.replace('"', '"' * 3)


def _is_special(field: str) -> bool:
    """Does the field begin with a quotation, on one line, that holds a mark?"""
    line = field.split("\n")[0]
    return line.startswith('"') and _SPECIAL.search(line[1 : max(1, line.rfind('"'))]) is not None


def _is_quoted(field: str) -> bool:
    text = field.strip()
    return text.startswith('"') and text.endswith('"')


def _table(text: str, delimiter: str = ",") -> Table:
    """The rows of CSV, blank lines as empty rows; none where it can't be read."""
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter))
    except csv.Error:
        return []
