"""Types of constraint, and what follows from them: exact checks, the compiler from text, conflicts, witnesses.

A type is one `ConstraintType`, which `register` adds:

    from seif.constraints import ConstraintType, Wording, register

The built-in types stand in `types/`, those of IFBench in `ifbench/`; they are registered as soon as any module of this
package is imported.
"""

from seif.constraints.specification import TYPES, ConstraintType, register
from seif.constraints.wordings import Wording

# Last, because the types import the modules above.
from seif.constraints import types  # isort: skip
from seif.constraints import ifbench  # isort: skip

__all__ = ["TYPES", "ConstraintType", "Wording", "ifbench", "register", "types"]
