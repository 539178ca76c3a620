"""Whether a text begins with a verb, without a trained tagger: a list of common verbs, their endings and the next word.

It stands in for NLTK's averaged perceptron, whose model must be downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence

_VERBS = """
accept access accomplish achieve acknowledge acquire act adapt add adhere adjust admire admit adopt advise afford
agree aim align allocate allow alter analyse analyze animate announce answer anticipate apologize appear apply
appreciate approach arrange arrive articulate ascend ask assemble assess assign assist assume assure attach attempt
attend attract attribute avoid await bake balance base be beat become begin believe belong beware blend boil book
boost borrow break breathe bring broaden brush build buy calculate call capture care carry catch categorize celebrate
challenge change charge chat check choose chop cite claim clarify classify clean clear click climb close collaborate
collect combine come commit communicate compare compile complete compose compute conduct confirm connect consider
construct consult contact contain continue contribute convert cook cooperate copy correct count cover create critique
cultivate curate cut dance dare deal debug decide declare deepen define delete deliver delve demonstrate deny depend
deploy derive describe detail detect determine develop devise differentiate dig discover discuss display distinguish
dive divide do draw dream dress drink drive drop earn eat edit educate elaborate eliminate embark embody embrace
employ empower emulate enable encourage end engage enhance enjoy ensure enter envision escape establish estimate
evaluate evolve examine exceed exchange exclude execute exercise expand expect experience experiment explain explore
express extend extract face facilitate fail fall feed feel fetch fight figure fill find finish fit fix flow fly focus
fold follow forget forgive form format formulate foster gain gather gaze generate get give go grab greet grind grow
guess guide handle happen harness have hear help hire hold honor hope hurry identify ignore illustrate imagine immerse
implement imply improve include incorporate increase indicate infer inform initiate innovate input insert inspect
inspire install integrate interpret introduce invent invest investigate invite involve join journey judge jump justify
keep kick know lead lean learn leave lend let leverage lie lift light limit list listen live load locate look lose
love maintain make manage mandate marvel master match maximize mean measure meet melt mention mind minimize mix modify
monitor motivate move multiply name narrate navigate need negotiate note notice nurture observe obtain offer open
optimize order organize outline overcome own paint paraphrase participate pass pause pay perform persuade pick picture
place plan plant play ponder pour practice pray predict prefer preheat prepare present preserve press pretend prevent
prioritize proceed process produce promote propose protect prove provide publish pull purchase pursue push put raise
range rank rate reach read realize rearrange recall receive recite recognize recommend reconsider record recreate
recycle reduce refer refine reflect reframe regard rehearse reimagine reject relate relax release relocate rely remain
remember remind remove rename render reorganize repeat rephrase replace reply report represent request require rescue
research resolve respect respond rest restate restore restrict retain retrieve return reveal review revise rewind
reword rework rewrite ride rise roll rotate run sail save savor say scan schedule search secure see seek seem select
sell send separate serve set settle shape share shine show shuffle simplify simulate sing sit skip sleep slice solve
sort sound spark speak specify spend split spread stand start state stay step stir stop store strengthen strive
structure study submit succeed suggest summarise summarize supply support suppose surround survive sustain swim switch
synthesize tackle tailor take talk taste teach tell tend test thank think thrive throw tie trace track trade train
transcribe transform translate travel treat trust try turn type understand unite unleash unlock unveil update upgrade
upload use utilize validate value verify view visit visualize volunteer vote wait wake walk want warm wash watch wear
weave weigh welcome whisper win wish witness wonder work worry wrap write yield
"""
VERBS = frozenset(_VERBS.split())
"""Base forms that open answers and instructions."""

_NOMINAL = """
access act aim answer approach attribute balance base book boost brush care catch challenge change charge chat check
claim click contact control copy count cover dance deal debug detail display dream dress drink drive drop end exercise
experience experiment face fall feed fight figure fit flow focus form format gain guide help honor hope hurry increase
input journey judge jump kick lead lie lift light limit list live load look love mandate master match measure mind mix
move name need note notice offer open order outline own paint pass pause pay pick picture place plan plant play
practice present press process produce purchase push range rank rate reach read record report request rescue research
respect rest return review rework ride rise roll run sail schedule search set shape share shine show sleep slice sort
sound spark split spread stand start state stay step stop store structure study support surround switch taste test tie
trace track trade train travel treat trust try turn type update upgrade use value view visit vote wait wake walk want
wash watch wear welcome whisper win wish witness wonder work worry wrap yield
"""
NOMINAL = frozenset(_NOMINAL.split())
"""Those that are nouns or adjectives as well, and verbs only before what a verb takes. "Craft" and "design", which the
tagger takes for nouns at the start, are in neither list."""

_IRREGULAR = """
am are is was were been being became began begun broke broken brought built bought came caught chose chosen cut did does
done drawn drew driven drove ate eaten fallen fell felt found flew flown forgot forgotten gave given gone went got
gotten grew grown had has heard held hidden kept knew known laid led left lent lost made meant met paid ran read ridden
risen rose said sang sat saw seen sent shaken shone shown sold sought spent spoke spoken stood sung swam taken taught
thought threw thrown told took understood woken won wore worn written wrote
"""
_FORMS = frozenset(_IRREGULAR.split())
_NO_PARTICIPLES = """
anything bring ceiling during evening everything king morning nothing ring something spring string thing wing
"""
_ENDING_IN_ING = frozenset(_NO_PARTICIPLES.split())
_AFTER_VERBS = """
a an the this that these those my your his her its our their me you him it us them myself yourself yourselves himself
herself itself ourselves themselves each every all both some any no one what who whom which when where why how whether
if to up out down off away back about around into onto over through with for from in on at by as like and together
carefully more not
"""
_TAKEN = frozenset(_AFTER_VERBS.split())
"""The words that show, right after it, that the first word is a verb."""


def starts_with_verb(tokens: Sequence[str]) -> bool:
    """Is the first of the tokens of the Penn Treebank a verb in any form but a modal?"""
    if not tokens:
        return False
    first = tokens[0].lower()
    following = tokens[1].lower() if len(tokens) > 1 else ""
    if first in NOMINAL:
        return following in _TAKEN
    return first in VERBS or first in _FORMS or _is_inflected(first, following)


def _is_inflected(word: str, following: str) -> bool:
    """Does the word end as a participle does, or as the third person of a verb that is no noun?"""
    if word.endswith("ing"):
        return len(word) > 4 and word not in _ENDING_IN_ING
    if word.endswith("ed"):
        return following in _TAKEN
    return bool({word.removesuffix("s"), word.removesuffix("es")} & (VERBS - NOMINAL))
