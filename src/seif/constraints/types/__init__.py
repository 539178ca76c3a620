"""The built-in types, registered in the order in which prompts and docs/types.md list them.

The hard types are IFEval's 25 (Zhou et al. 2023, arXiv 2311.07911), the soft ones CFBench's 25 (arXiv 2408.01122).
Definitions and examples are our own.
"""

from __future__ import annotations

# The order of import is that of registration.
# isort: off
from seif.constraints.types import words, letters, language, length, content, layout, case, patterns, soft

__all__ = ["case", "content", "language", "layout", "length", "letters", "patterns", "soft", "words"]
