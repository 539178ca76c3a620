"""The 58 types of IFBench (Pyatkin et al. 2025, arXiv 2507.02833), for evaluation alone.

Ids, parameters and verdicts are those of the checkers in the repository allenai/IFBench as of 2026, quirks included;
the code is our own. No prompt names these types and no wording leads to them, so that nothing trains on them by
accident.

Two things are read from elsewhere than there, so that nothing is downloaded: sentences are split by NLTK's Punkt with
the short parameter lists of `constraints.text`, and the first word's part of speech is told by `verbs`, an
approximation. `words:odd_even_syllables` needs syllapy, an extra.
"""

from __future__ import annotations

# The order of import is that of registration.
# isort: off
from seif.constraints.ifbench import counts, ratios, words, sentences, layout, tasks, copying

__all__ = ["copying", "counts", "layout", "ratios", "sentences", "tasks", "words"]
