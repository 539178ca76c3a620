"""A judge of one's own: a constraint is satisfied when the answer holds every word that the constraint quotes.

plugins: [../examples/judge.py]                      # in a config
judger: {kind: hybrid, model: quoted_words, options: {case_sensitive: true}}

It judges only constraints that quote words, so rules come first; alone it would leave too many verdicts missing.

It asks no language model, so none is loaded for it. One that does leaves out `uses_model=False` and asks
`context.engine`.
"""

import re

from pydantic import BaseModel, ConfigDict

from seif.judges import Judge, JudgeContext, Judgement, register_judge
from seif.types import Constraint, Instruction, Verdict


class Options(BaseModel):
    """What `judger.options` may hold."""

    model_config = ConfigDict(extra="forbid")

    case_sensitive: bool = False


class QuotedWords:
    """Looks for quoted words; a constraint without any is left unjudged."""

    def __init__(self, options: Options) -> None:
        self.options = options

    async def judge(self, instruction: Instruction, response: str, constraint: Constraint) -> Judgement:
        """Satisfied: every quoted word is in the response."""
        words = re.findall(r'"([^"]+)"', constraint.text)
        if not words:
            return Judgement(Verdict.UNJUDGED, cause="no quoted word")
        if not self.options.case_sensitive:
            response, words = response.lower(), [word.lower() for word in words]
        return Judgement(Verdict.of(all(word in response for word in words)))


@register_judge("quoted_words", uses_model=False, options=Options)
def make(context: JudgeContext) -> Judge:
    """The judge that a config names."""
    return QuotedWords(Options.model_validate(context.options.model_dump()))
