"""Types that only a model can judge, which CFBench (arXiv 2408.01122) and SEIF (arXiv 2605.07465) use.

From the most special cues to the most general: of a text that no rule checks, the first type with a find is the guess.
"""

from __future__ import annotations

from seif.constraints.specification import ConstraintType, register

register(
    ConstraintType(
        id="soft:word_count",
        category="Numbers",
        definition="how many words or characters",
        example="Use exactly 50 words.",
        cues=(
            r"\b(\d+|one|two|three|four|five|ten)\W+(words?|characters?|letters?|syllables?)\b|\b(words|"
            r"characters)\b.*\d|字"
        ),
    )
)

register(
    ConstraintType(
        id="soft:sentence_count",
        category="Numbers",
        definition="how many sentences",
        example="Write exactly 3 sentences.",
        cues=r"\b(\d+|one|two|three|four|five|single)\W+sentences?\b|\bsentences?\b.*\d|句",
    )
)

register(
    ConstraintType(
        id="soft:paragraph_count",
        category="Numbers",
        definition="how many paragraphs",
        example="Write two paragraphs.",
        cues=r"\b(\d+|one|two|three|four|five|single)\W+(paragraphs?|sections?|stanzas?|lines?)\b|段",
    )
)

register(
    ConstraintType(
        id="soft:document_count",
        category="Numbers",
        definition="how many pieces, items or answers",
        example="Offer three different letters.",
        cues=(
            r"\b(\d+|one|two|three|four|five)\W+(\w+ )?(examples?|items?|points?|bullets?|bullet points?|questions?|"
            r"options?|steps?|reasons?|versions?|letters|answers|responses)\b"
        ),
    )
)

register(
    ConstraintType(
        id="soft:phonological",
        category="Language",
        definition="how it sounds",
        example="Let every line rhyme.",
        cues=r"\b(rhym\w+|alliterat\w+|rhythm\w*|onomatopoe\w*|assonance)\b",
    )
)

register(
    ConstraintType(
        id="soft:morphological",
        category="Language",
        definition="the forms of words",
        example="Use only compound nouns.",
        cues=(
            r"\b(prefix\w*|suffix\w*|plural|singular|adjectives?|adverbs?|nouns?|pronouns?|contractions?|abbreviat\w+|"
            r"acronyms?)\b"
        ),
    )
)

register(
    ConstraintType(
        id="soft:syntactic",
        category="Language",
        definition="the grammar of the sentences",
        example="Use only questions.",
        cues=(
            r"\b(passive|active voice|tense|clauses?|first person|second person|third person|imperative|conjunction|"
            r"grammar\w*|verbs?|only questions|interrogative)\b"
        ),
    )
)

register(
    ConstraintType(
        id="soft:pragmatic",
        category="Language",
        definition="what the text does to its reader",
        example="Let it sound like a warning.",
        cues=r"\b(persua\w+|convinc\w+|warn\w*|apolog\w+|question form|rhetorical|call to action|greet\w*|invit\w+)\b",
    )
)

register(
    ConstraintType(
        id="soft:inverse",
        category="Inverse",
        definition="something to keep out",
        example="Do not name any animal.",
        cues=r"\b(not|avoid|without|never|exclude|no|refrain|don't|prohibited?|forbidden)\b|避免|不要|不得",
    )
)

register(
    ConstraintType(
        id="soft:tone_and_emotion",
        category="Style",
        definition="the feeling of the text",
        example="Sound calm and a little sad.",
        cues=(
            r"\b(tone|emotion\w*|mood|humou?r\w*|friendly|polite|cheerful|serious|enthusias\w+|empath\w+|calm|sad)\b|"
            r"语气"
        ),
    )
)

register(
    ConstraintType(
        id="soft:role_based",
        category="Situation",
        definition="a role to speak in",
        example="Answer as a ship's doctor.",
        cues=(
            r"\b(roles?|role-play\w*|persona|act as|imagine you|from the perspective|point of view|you are|(answer|"
            r"write|speak|respond|reply) as an?)\b"
        ),
    )
)

register(
    ConstraintType(
        id="soft:audience_specific",
        category="Style",
        definition="who it is written for",
        example="Write for eight-year-olds.",
        cues=r"\b(audience|readers?|children|beginners?|laypersons?|experts?|general public|students?|year-olds?)\b",
    )
)

register(
    ConstraintType(
        id="soft:authorial_style",
        category="Style",
        definition="the manner of a known author",
        example="Write like a nineteenth-century naturalist.",
        cues=r"\b(write like|in the (style|manner|voice) of|emulat\w+|imitat\w+)\b",
    )
)

register(
    ConstraintType(
        id="soft:specialised_format",
        category="Format",
        definition="a format of some profession",
        example="Write it as a patent claim.",
        cues=(
            r"\b(citation|apa|mla|latex|bibtex|resume|memo|invoice|recipe|script|syntax|equation|patent|contract|"
            r"legal)\b"
        ),
    )
)

register(
    ConstraintType(
        id="soft:form_and_style",
        category="Style",
        definition="the manner of writing",
        example="Write it as a sonnet.",
        cues=(
            r"\b(style|formal|informal|poe\w+|sonnet|essay|letter|story|dialogue|narrative|haiku|speech|report)\b|正式"
        ),
    )
)

register(
    ConstraintType(
        id="soft:complex_context",
        category="Situation",
        definition="a situation to respect",
        example="It is read aloud at a funeral.",
        cues=(
            r"\b(context|scenario|situation|setting|background|assum\w+|given that|suppos\w+|deadline|within \d+|"
            r"at an? \w+)\b"
        ),
    )
)

register(
    ConstraintType(
        id="soft:contradictory",
        category="Inverse",
        definition="two demands in tension that can still both be met",
        example="Be brief, but leave nothing out.",
        cues=r"\b(but|yet|at the same time|although)\b",
        asked=False,  # the Filter drops contradictions
    )
)

register(
    ConstraintType(
        id="soft:bespoke_format",
        category="Format",
        definition="a format made up for this request",
        example="Put every date as day/month.",
        cues=(
            r"\b(separated by|enclosed|brackets?|start\w* with|end\w* with|begin\w* with|quotation marks|in the (form|"
            r"format) of)\b|\w/\w"
        ),
    )
)

register(
    ConstraintType(
        id="soft:fundamental_format",
        category="Format",
        definition="a common format",
        example="Use a table.",
        cues=(
            r"\b(lists?|table|bullet\w*|numbered|markdown|bold\w*|italics?|headings?|json|xml|csv|html|code block|"
            r"uppercase|lowercase|capital\w*|format\w*)\b|格式"
        ),
    )
)

register(
    ConstraintType(
        id="soft:example",
        category="Example",
        definition="an example to follow or to give",
        example="Follow the form of my example.",
        cues=r"\b(examples?|such as|for instance|e\.g\.|illustrat\w+|analog\w+)\b",
    )
)

register(
    ConstraintType(
        id="soft:lexical_content",
        category="Content",
        definition="which words are chosen",
        example="Name the bird by its Latin name.",
        cues=r"\b(words?|terms?|terminology|vocabulary|phrases?|keywords?|name)\b",
    )
)

register(
    ConstraintType(
        id="soft:semantic",
        category="Content",
        definition="a meaning that must come across",
        example="Make clear that the storm was expected.",
        cues=r"\b(meaning|convey|explain|emphasi[sz]e|focus|theme|topic|message|clear|relat\w+ to)\b",
    )
)

register(
    ConstraintType(
        id="soft:element",
        category="Content",
        definition="a thing, person or fact that must appear",
        example="Include a lighthouse keeper.",
        cues=r"\b(include|mention|feature|refer\w* to|contain)\b",
    )
)

register(
    ConstraintType(
        id="soft:task_specific",
        category="Situation",
        definition="a further task to carry out",
        example="Translate the last line as well.",
        cues=(
            r"\b(also|then|additionally|translate|summari[sz]e|calculate|compare|rewrite|identify|provide|describe|"
            r"use)\b"
        ),
    )
)

register(
    ConstraintType(
        id="soft:rule",
        category="Rule",
        definition="a rule to obey throughout",
        example="All heroes are bakers.",
        cues=r"\b(each|every|all|always|must|only|rule)\b",
    )
)
