"""The instruction dataset in the released schema: `seed_question`, `constraint`, `prompt`, `kwargs`,
`instruction_id_list`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa

from seif.atomic import write_atomically
from seif.constraints import TYPES
from seif.constraints.compiler import compile_text
from seif.constraints.verifiers import check_kwargs
from seif.errors import UsageError
from seif.tables import iter_rows, text_in, write_parquet
from seif.types import SOFT, Constraint, Instruction, Json, Kwargs

COLUMNS = ("seed_question", "constraint", "prompt", "kwargs", "instruction_id_list")
"""What is read of a file."""
_RELEASED = {
    **dict.fromkeys(
        (
            *("num_sentences", "num_words", "num_bullets", "num_highlights", "num_paragraphs", "num_placeholders"),
            *("num_sections", "frequency", "let_frequency", "capital_frequency", "nth_paragraph"),
        ),
        pa.int64(),
    ),
    **dict.fromkeys(
        (
            *("relation", "let_relation", "capital_relation", "end_phrase", "first_word", "keyword", "language"),
            *("letter", "postscript_marker", "prompt_to_repeat", "section_spliter"),
        ),
        pa.string(),
    ),
    **dict.fromkeys(("keywords", "forbidden_words"), pa.list_(pa.string())),
}
"""The fields of `kwargs` in the released data. They are in every file, in this order, null where absent."""
_ARROW = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string(), list[str]: pa.list_(pa.string())}


def write_instructions(path: Path, instructions: Iterable[Instruction]) -> None:
    """Write the released schema atomically; kwargs carry IFEval's argument names, absent ones null.

    The parameters of a user's own types are further fields of `kwargs`. `instructions` are read twice, and may be more
    than memory holds. Raises UsageError for a kwarg that could not be read again: its type has no such parameter or
    takes another kind of value, or two types disagree about the kind.
    """
    schema = _schema(c for x in instructions for c in x.constraints)
    write_atomically(path, lambda partial: write_parquet(partial, map(_row, instructions), schema))


def _row(instruction: Instruction) -> Json:
    constraints = instruction.constraints
    return {
        "seed_question": instruction.seed,
        "constraint": [c.text for c in constraints],
        "prompt": instruction.prompt,
        "kwargs": [_written(c) for c in constraints],
        "instruction_id_list": [c.instruction_id for c in constraints],
    }


def _written(constraint: Constraint) -> Kwargs:
    """The kwargs of a constraint, nulls left out. Raises UsageError for one that its type doesn't take."""
    given = {name: value for name, value in constraint.kwargs.items() if value is not None}
    fields = _fields(constraint.instruction_id)
    for name in given:
        if name not in fields:
            known = constraint.instruction_id in TYPES
            fix = f"it takes {', '.join(fields) or 'none'}" if known else "load the plugin that has this type"
            raise UsageError(f"{constraint.instruction_id} has no kwarg {name!r}; {fix}")
    if constraint.instruction_id not in TYPES:
        return given
    parameters = TYPES.get(constraint.instruction_id).parameters
    try:
        return {name: parameters[name].convert(value) for name, value in given.items()}
    except UsageError as error:
        raise UsageError(f"{constraint.instruction_id}: {error}") from error


def _fields(instruction_id: str) -> dict[str, pa.DataType]:
    """The kwargs that a type has. Of an id from another project's files, any field of the released data is kept."""
    if instruction_id not in TYPES:
        return _RELEASED
    return {name: _ARROW[parameter.kind] for name, parameter in TYPES.get(instruction_id).parameters.items()}


def _schema(constraints: Iterable[Constraint]) -> pa.Schema:
    """The released schema, and in `kwargs` the fields of these constraints' types that it lacks."""
    fields = dict(_RELEASED)
    for instruction_id in dict.fromkeys(constraint.instruction_id for constraint in constraints):
        for name, kind in _fields(instruction_id).items():
            if fields.setdefault(name, kind) != kind:
                clash = f"its kwarg {name!r} is {kind}, but {fields[name]} in another type"
                raise UsageError(f"{instruction_id}: {clash}; give the parameter another name")
    return pa.schema(
        [
            ("seed_question", pa.string()),
            ("constraint", pa.list_(pa.string())),
            ("prompt", pa.string()),
            ("kwargs", pa.list_(pa.struct(list(fields.items())))),
            ("instruction_id_list", pa.list_(pa.string())),
        ]
    )


def read_instructions(path: Path) -> list[Instruction]:
    """All instructions at once, as `iter_instructions` reads them."""
    return list(iter_instructions(path))


def types_in(path: str | None) -> frozenset[str]:
    """The ids of the types of a file's constraints, soft ones left out; none without a file. Raises as
    `iter_instructions` does."""
    if path is None:
        return frozenset()
    return frozenset(c.instruction_id for x in iter_instructions(Path(path)) for c in x.constraints if c.checkable)


def iter_instructions(path: Path, wanted: Container[int] | None = None) -> Iterator[Instruction]:
    """The instructions of a file in order, one after the other; with `wanted`, only those in these places, from 0.

    Read is the released schema, or verl-if's: `prompt` and `constraint` without `seed_question`, and ids of its own
    for what no rule checks. A constraint labelled `soft` is compiled from its text where that is certain (the released
    files label even countable ones `soft`); any other label is kept with its kwargs. Raises UsageError naming the row,
    and for a file without rows.
    """
    for parts in _parts(path, wanted):
        if parts is not None:
            seed, texts, ids, kwargs = parts
            yield Instruction(seed, tuple(map(_constraint, texts, ids, kwargs)))


def iter_seed_questions(path: Path) -> Iterator[tuple[str, int]]:
    """Of each instruction of a file its seed question, and how many constraints it has; no text is compiled.

    Raises as `iter_instructions` does.
    """
    return ((parts[0], len(parts[1])) for parts in _parts(path) if parts is not None)


_Parts = tuple[str, list[str], list[str], list[Kwargs | None]]
"""Of a row: the seed question, and text, id and kwargs of each constraint."""


def _parts(path: Path, wanted: Container[int] | None = None) -> Iterator[_Parts | None]:
    """The rows of a file, checked; None for one that is not `wanted`."""
    place = -1
    for place, row in enumerate(iter_rows(path, COLUMNS)):
        yield _checked(row, f"{path} row {place + 1}") if wanted is None or place in wanted else None
    if place < 0:
        raise UsageError(f"{path} holds no instructions")


def _checked(row: Json, where: str) -> _Parts:
    if "seed_question" not in row:
        row = _from_verl_if(row)
    texts = row.get("constraint")
    seed = row.get("seed_question")
    if (
        not isinstance(seed, str)
        or not isinstance(texts, list)
        or not all(isinstance(t, str) and t.strip() for t in texts)
    ):
        raise UsageError(f"{where}: needs `seed_question` (text) and `constraint` (list of texts)")
    ids = row.get("instruction_id_list") or [SOFT] * len(texts)
    kwargs = row.get("kwargs") or [{}] * len(texts)
    if (
        not isinstance(ids, list)
        or not isinstance(kwargs, list)
        or not all(isinstance(i, str) for i in ids)
        or not all(k is None or isinstance(k, dict) for k in kwargs)
    ):
        raise UsageError(f"{where}: instruction_id_list holds texts and kwargs holds objects")
    if not len(texts) == len(ids) == len(kwargs):
        raise UsageError(
            f"{where}: constraint, instruction_id_list and kwargs have "
            f"{len(texts)}, {len(ids)} and {len(kwargs)} items; they must match"
        )
    text_in(seed, where, "seed_question")
    for text in texts:
        text_in(text, where, "constraint")
    return seed, texts, ids, kwargs


def _constraint(text: str, instruction_id: str, kwargs: Kwargs | None) -> Constraint:
    if instruction_id == SOFT:
        return compile_text(text)
    # Where a column has nulls, some writers make its whole numbers floats.
    given = {
        k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in (kwargs or {}).items() if v is not None
    }
    return Constraint(text, instruction_id, given)


def _from_verl_if(row: Json) -> Json:
    """The row in the released schema: the question is what stands in the prompt before its first constraint; what no
    rule can check is soft.
    """
    prompt, texts, ids, kwargs = (row.get(key) for key in ("prompt", "constraint", "instruction_id_list", "kwargs"))
    if (
        not isinstance(prompt, str)
        or not isinstance(texts, list)
        or not texts
        or not isinstance(texts[0], str)
        or texts[0] not in prompt
    ):
        return row
    if isinstance(ids, list) and isinstance(kwargs, list) and len(ids) == len(kwargs):
        ids = [i if _checkable(i, k) else SOFT for i, k in zip(ids, kwargs, strict=True)]
    return {**row, "seed_question": prompt[: prompt.index(texts[0])].strip(), "instruction_id_list": ids}


def _checkable(instruction_id: object, kwargs: object) -> bool:
    kwargs = kwargs or {}
    if not isinstance(instruction_id, str) or not isinstance(kwargs, Mapping):
        return False
    try:
        check_kwargs(instruction_id, kwargs)
    except UsageError:
        return False
    return True
