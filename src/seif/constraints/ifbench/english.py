"""Closed classes of English words that IFBench counts, and the names that it lists."""

from __future__ import annotations

COORDINATORS = frozenset({"and", "but", "for", "nor", "or", "so", "yet"})

_PERSONAL = "i me we us you he him she her it they them"
_PERSONAL_STOPS = _PERSONAL.replace(" us ", " ")
_POSSESSIVE = "my mine our ours your yours his hers its their theirs"
_REFLEXIVE = "myself ourselves yourself yourselves himself herself itself themselves"
_DEMONSTRATIVE = "this that these those"
_INTERROGATIVE = "who whom whose which what whoever whomever whatever whichever"
_INDEFINITE = """
anybody anyone anything everybody everyone everything nobody nothing somebody someone something
all any both each either neither none some
"""
PRONOUNS = frozenset(
    " ".join((_PERSONAL, _POSSESSIVE, _REFLEXIVE, _DEMONSTRATIVE, _INTERROGATIVE, _INDEFINITE)).split()
)

_AUXILIARIES = "am is are was were be been being have has had having do does did doing can will should"
_NEGATED = "ain aren couldn didn doesn don hadn hasn haven isn mightn mustn needn shan shouldn wasn weren won wouldn"
_ENDINGS = "d ll m ma o re s t ve y"
"""What follows an apostrophe, as in "she'll", and what archaic forms are cut into."""
_PREPOSITIONS = """
about above after against at before below between by down during for from in into of off on out over through to under
until up with
"""
_CONJUNCTIONS = "and as because but if nor or than while"
_DETERMINERS = "a all an any both each few more most no other own same some such the"
_ADVERBS = "again further here how just not now once only so then there too very when where why"
STOP_WORDS = frozenset(
    " ".join(
        (
            *(
                _PERSONAL_STOPS,
                "my our ours your yours his hers its their theirs",
                _REFLEXIVE,
                _DEMONSTRATIVE,
            ),
            *("who whom which what", _AUXILIARIES, _NEGATED, _ENDINGS),
            *(_PREPOSITIONS, _CONJUNCTIONS, _DETERMINERS, _ADVERBS),
        )
    ).split()
)
"""Function words. NLTK's list, which IFBench reads, holds the same among the words without an apostrophe; "us" is not
in it."""

_NAMES = """
Abigail Alexander Amelia Andrew Aria Audrey Ava Benjamin Charlotte Chloe Christopher Claire Daniel David Elijah Ella
Emma Ethan Gabriel Grace Hannah Harper Isabella Jackson Jacob Jonathan Joseph Layla Leo Liam Lily Lucas Mason Matthew
Mia Nathan Nicholas Noah Nora Olivia Owen Penelope Ryan Samuel Scarlett Sophia Stella Thomas Victoria Zoe
"""
NAMES = tuple(_NAMES.split())
"""The 50 names among which the type `count:person_names` counts; its prompts list them."""
