"""An evaluation suite of one's own: does the model keep to a few words when it is asked to?

seif evaluate MODEL --suite few-words --config my.yaml

my.yaml, where it also runs after every turn:
    plugins: [examples/suite.py]
    evaluation: {suites: [few-words]}
"""

import asyncio
import math

from seif.engines.base import Engine, Request
from seif.evaluation.results import SuiteResult
from seif.evaluation.suites import SuiteSettings, suite

SUBJECTS = ("the river", "the cat", "the old train", "the clock", "the owl", "the boat", "the baker", "the storm")
MOST = 12


@suite("few-words", takes=("limit",))
async def few_words(engine: Engine, settings: SuiteSettings) -> SuiteResult:
    """The share of greedy replies that have at most twelve words."""
    prompts = [f"Tell me about {subject}. Answer with at most {MOST} words." for subject in SUBJECTS][: settings.limit]
    requests = [Request([{"role": "user", "content": prompt}], settings.config.answer_tokens) for prompt in prompts]
    replies = await asyncio.gather(*(engine.complete(request) for request in requests))
    lengths = [len(reply.text.split()) for reply in replies]
    share = sum(0 < length <= MOST for length in lengths) / len(lengths)
    stderr = math.sqrt(share * (1 - share) / len(lengths))
    return SuiteResult(numbers={"few words": share}, stderr={"few words": stderr}, n=len(lengths))
