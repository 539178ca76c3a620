"""The types of constraint: the one table behind the Instructor's prompts, the report, and the type of any text.

The 25 hard types are IFEval's (arXiv 2311.07911): a rule checks them. The 25 soft ones are CFBench's (arXiv 2408.01122),
as SEIF uses them (arXiv 2605.07465): a model judges them. Definitions and examples are our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from seif.constraints.compiler import compile_text

OTHER = "soft:other"
"""The type of a text that no entry of the table fits."""


@dataclass(frozen=True)
class ConstraintType:
    """One kind of requirement. `asked` False: the Instructor is not told of it."""

    id: str
    category: str
    definition: str
    example: str
    cues: str = ""
    """Soft types: a pattern whose finds in a text speak for this type."""
    asked: bool = True

    @property
    def hard(self) -> bool:
        """Does a rule check it?"""
        return not self.id.startswith("soft:")

    @property
    def name(self) -> str:
        """The id in plain words, without its group."""
        return self.id.partition(":")[2].replace("_", " ")


_HARD = """
keywords:existence | Words | certain words must occur | Use the words "harbor" and "tide".
keywords:frequency | Words | a word must occur at least, or less than, so many times | Use the word "river" at least three times.
keywords:forbidden_words | Words | certain words must not occur | Do not use the word "very".
keywords:letter_frequency | Words | a letter must occur at least, or less than, so many times | The letter q should appear at least 2 times.
language:response_language | Language | the whole answer is in one given language | Answer only in Italian.
length_constraints:number_paragraphs | Structure | an exact number of paragraphs divided by *** | Write 4 paragraphs, divided by ***.
length_constraints:number_words | Structure | at least, or less than, so many words | Use fewer than 120 words.
length_constraints:number_sentences | Structure | at least, or less than, so many sentences | Write at least 6 sentences.
length_constraints:nth_paragraph_first_word | Structure | an exact number of paragraphs, one of which starts with a given word | \
Write exactly 3 paragraphs, separated by two line breaks. The second paragraph must start with the word "meanwhile".
detectable_content:postscript | Structure | a postscript with a given marker | At the end of your answer, add a postscript starting with P.S.
detectable_content:number_placeholders | Structure | at least so many placeholders in square brackets | Include at least 3 placeholders such as [date].
detectable_format:multiple_sections | Structure | so many sections, each opened by a given name and its number | Write 3 sections, headed SECTION 1 and so on.
detectable_format:number_bullet_lists | Layout | an exact number of markdown bullets | Use exactly 4 bullet points.
detectable_format:number_highlighted_sections | Layout | at least so many passages *highlighted* with asterisks | Highlight at least 2 phrases like *this*.
detectable_format:title | Layout | a title in <<double angular brackets>> | Begin with a title in << >>.
detectable_format:json_format | Layout | the whole answer is valid JSON | Give the whole answer as JSON.
detectable_format:constrained_response | Layout | the answer is one of three given sentences | \
Reply with "My answer is yes.", "My answer is no." or "My answer is maybe."
change_case:capital_word_frequency | Language | at least, or less than, so many words in capitals | Write at least 3 words in ALL CAPITALS.
change_case:english_capital | Language | English in capital letters only | Answer in English, in capitals only.
change_case:english_lowercase | Language | English in lower-case letters only | Answer in English, in lowercase letters only.
combination:two_responses | Patterns | two different answers divided by six asterisks | Give two different responses, separated by six asterisks ******.
combination:repeat_prompt | Patterns | the request is repeated, word for word, before the answer | First repeat the question "Why is the sea salt?" word for word, then give your answer.
startend:end_checker | Patterns | the answer ends with an exact phrase | End with "Ask me again tomorrow."
startend:quotation | Patterns | the whole answer stands in double quotation marks | Put the whole answer in double quotes.
punctuation:no_comma | Patterns | no comma anywhere | Do not use commas.
"""
# From the most special cues to the most general: the first type whose cue is found is the guess.
_SOFT = r"""
soft:word_count | Numbers | how many words or characters | Use exactly 50 words. | \b(\d+|one|two|three|four|five|ten)\W+(words?|characters?|letters?|syllables?)\b|\b(words|characters)\b.*\d|字
soft:sentence_count | Numbers | how many sentences | Write exactly 3 sentences. | \b(\d+|one|two|three|four|five|single)\W+sentences?\b|\bsentences?\b.*\d|句
soft:paragraph_count | Numbers | how many paragraphs | Write two paragraphs. | \b(\d+|one|two|three|four|five|single)\W+(paragraphs?|sections?|stanzas?|lines?)\b|段
soft:document_count | Numbers | how many pieces, items or answers | Offer three different letters. | \b(\d+|one|two|three|four|five)\W+(\w+ )?(examples?|items?|points?|bullets?|bullet points?|questions?|options?|steps?|reasons?|versions?|letters|answers|responses)\b
soft:phonological | Language | how it sounds | Let every line rhyme. | \b(rhym\w+|alliterat\w+|rhythm\w*|onomatopoe\w*|assonance)\b
soft:morphological | Language | the forms of words | Use only compound nouns. | \b(prefix\w*|suffix\w*|plural|singular|adjectives?|adverbs?|nouns?|pronouns?|contractions?|abbreviat\w+|acronyms?)\b
soft:syntactic | Language | the grammar of the sentences | Use only questions. | \b(passive|active voice|tense|clauses?|first person|second person|third person|imperative|conjunction|grammar\w*|verbs?|only questions|interrogative)\b
soft:pragmatic | Language | what the text does to its reader | Let it sound like a warning. | \b(persua\w+|convinc\w+|warn\w*|apolog\w+|question form|rhetorical|call to action|greet\w*|invit\w+)\b
soft:inverse | Inverse | something to keep out | Do not name any animal. | \b(not|avoid|without|never|exclude|no|refrain|don't|prohibited?|forbidden)\b|避免|不要|不得
soft:tone_and_emotion | Style | the feeling of the text | Sound calm and a little sad. | \b(tone|emotion\w*|mood|humou?r\w*|friendly|polite|cheerful|serious|enthusias\w+|empath\w+|calm|sad)\b|语气
soft:role_based | Situation | a role to speak in | Answer as a ship's doctor. | \b(roles?|role-play\w*|persona|act as|imagine you|from the perspective|point of view|you are|(answer|write|speak|respond|reply) as an?)\b
soft:audience_specific | Style | who it is written for | Write for eight-year-olds. | \b(audience|readers?|children|beginners?|laypersons?|experts?|general public|students?|year-olds?)\b
soft:authorial_style | Style | the manner of a known author | Write like a nineteenth-century naturalist. | \b(write like|in the (style|manner|voice) of|emulat\w+|imitat\w+)\b
soft:specialised_format | Format | a format of some profession | Write it as a patent claim. | \b(citation|apa|mla|latex|bibtex|resume|memo|invoice|recipe|script|syntax|equation|patent|contract|legal)\b
soft:form_and_style | Style | the manner of writing | Write it as a sonnet. | \b(style|formal|informal|poe\w+|sonnet|essay|letter|story|dialogue|narrative|haiku|speech|report)\b|正式
soft:complex_context | Situation | a situation to respect | It is read aloud at a funeral. | \b(context|scenario|situation|setting|background|assum\w+|given that|suppos\w+|deadline|within \d+|at an? \w+)\b
soft:contradictory | Inverse | two demands in tension that can still both be met | Be brief, but leave nothing out. | \b(but|yet|at the same time|although)\b
soft:bespoke_format | Format | a format made up for this request | Put every date as day/month. | \b(separated by|enclosed|brackets?|start\w* with|end\w* with|begin\w* with|quotation marks|in the (form|format) of)\b|\w/\w
soft:fundamental_format | Format | a common format | Use a table. | \b(lists?|table|bullet\w*|numbered|markdown|bold\w*|italics?|headings?|json|xml|csv|html|code block|uppercase|lowercase|capital\w*|format\w*)\b|格式
soft:example | Example | an example to follow or to give | Follow the form of my example. | \b(examples?|such as|for instance|e\.g\.|illustrat\w+|analog\w+)\b
soft:lexical_content | Content | which words are chosen | Name the bird by its Latin name. | \b(words?|terms?|terminology|vocabulary|phrases?|keywords?|name)\b
soft:semantic | Content | a meaning that must come across | Make clear that the storm was expected. | \b(meaning|convey|explain|emphasi[sz]e|focus|theme|topic|message|clear|relat\w+ to)\b
soft:element | Content | a thing, person or fact that must appear | Include a lighthouse keeper. | \b(include|mention|feature|refer\w* to|contain)\b
soft:task_specific | Situation | a further task to carry out | Translate the last line as well. | \b(also|then|additionally|translate|summari[sz]e|calculate|compare|rewrite|identify|provide|describe|use)\b
soft:rule | Rule | a rule to obey throughout | All heroes are bakers. | \b(each|every|all|always|must|only|rule)\b
"""


def _read(table: str) -> list[ConstraintType]:
    found = []
    for line in table.strip().splitlines():
        # A cue may hold bars of its own: only the first four columns are cut.
        type_id, category, definition, example, *cues = (part.strip() for part in line.split(" | ", 4))
        found.append(ConstraintType(type_id, category, definition, example, cues[0] if cues else ""))
    return found


TYPES: dict[str, ConstraintType] = {t.id: t for t in _read(_HARD) + _read(_SOFT)}
"""Every type by its id; a user's own types join it (see `custom`)."""
# The paper asks for 24 of IFEval's 25 types, and asking for contradictions would be asking for what the Filter drops.
for _unasked in ("detectable_format:constrained_response", "soft:contradictory"):
    TYPES[_unasked] = ConstraintType(**{**TYPES[_unasked].__dict__, "asked": False})


def by_category(hard: bool) -> dict[str, list[ConstraintType]]:
    """The types the Instructor is told of, under their categories, in the table's order."""
    groups: dict[str, list[ConstraintType]] = {}
    for kind in TYPES.values():
        if kind.hard == hard and kind.asked:
            groups.setdefault(kind.category, []).append(kind)
    return groups


@lru_cache(maxsize=65536)
def classify(text: str) -> str:
    """The id of the type a constraint's text belongs to.

    Certain for what the compiler understands. For anything else a guess: the first soft type one of whose cues is found;
    `soft:other` when nothing speaks for any.
    """
    constraint = compile_text(text)
    if constraint.checkable:
        return constraint.instruction_id
    return next((kind.id for kind in TYPES.values() if kind.cues and re.search(kind.cues, text[:2000], re.IGNORECASE)), OTHER)
