"""Labels without a judge (arXiv 2510.14420): an answer written with a constraint in view is taken to satisfy it, one
written without is not.

With o_j the answer to an instruction's first j constraints, (o_j, c_j) is a positive and (o_{j-1}, c_j) a negative,
for every soft c_j; where contrasts are wanted, (o_j, c) is one more negative for a c that asks for another value in
c_j's words. The labels are noisy: the more often the model does what it is asked for, the more of them are right.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seif.artifacts import Beside
from seif.atomic import damaged, read_json, read_object, write_atomically, write_json
from seif.engines.base import Completion, Engine, Request
from seif.engines.together import in_order
from seif.errors import UsageError
from seif.roles import follower
from seif.scoring import item_seed, within_limit
from seif.self_supervised.contrasts import contrasts
from seif.self_supervised.curriculum import check_some_are_soft, cut, levels
from seif.tables import read_rows
from seif.training.checkpoints import claim, finish_killed
from seif.types import Constraint, Instruction, Json

CHUNK = 256
"""Instructions that are answered together and written down together."""


@dataclass(frozen=True)
class Asking:
    """How answers are drawn: the model (its name is noted in every row), the prompts' style, the Follower's format, and
    the sampling.
    """

    model: str
    style: str
    response_format: str
    max_new_tokens: int
    temperature: float
    answers: int
    """Answers per level."""
    seed: int
    dtype: str = "float32"
    """What the model computes in."""
    contrasts: bool = False
    """Whether answers are also paired with contrasts of their constraints."""
    max_failed: float = 0.05
    """Share of a chunk's answers that may fail."""
    label_noise: float = 0.0
    """Share of the labels that are flipped."""


@dataclass(frozen=True)
class LevelAnswer:
    """One answer o_level of instruction number `index`. `text` None: bad format, or none at all for `error`."""

    index: int
    level: int
    sample: int
    text: str | None
    error: str = ""


@dataclass(frozen=True)
class Pair:
    """One labelled (response, constraint), with where it comes from.

    `instruction_id` and `kwargs` are for measuring alone.
    """

    seed_question: str
    constraints: tuple[str, ...]
    """The texts of the whole instruction."""
    constraint: str
    response: str
    label: int
    """1: taken to satisfy the constraint."""
    index: int
    """The instruction's place in its file, from 0."""
    level: int
    """j of c_j."""
    answer_level: int
    """The level whose answer this is: j for a positive and for a contrast, j - 1 for any other negative."""
    sample: int
    model: str
    temperature: float
    seed: int
    """The sampling seed of the answer."""
    contrast: bool
    """Whether `constraint` is not c_j, but the same with another value."""
    instruction_id: str
    kwargs: str
    """JSON."""

    @property
    def instruction(self) -> Instruction:
        """The whole instruction, as its texts."""
        return Instruction(self.seed_question, tuple(map(Constraint, self.constraints)))

    @property
    def judged(self) -> Constraint:
        """The constraint with what a verifier needs to check it."""
        return Constraint(self.constraint, self.instruction_id, json.loads(self.kwargs))


@dataclass(frozen=True)
class PairCounts:
    """How many pairs were made of how many answers: what lies beside the pairs as JSON."""

    instructions: int
    levels: Mapping[str, int]
    """Instructions of each level, by its number."""
    answers: int
    failed: int
    """Answers that there are none of, because the engine failed."""
    bad_format: int
    """Answers that are not in the Follower's format."""
    pairs: int
    positives: int
    contrasts: int
    identical: int
    """Dropped: their response stands for both labels of a constraint."""
    duplicates: int
    """Dropped: they are there already."""
    flipped: int = 0
    """Labels that `label_noise` has changed."""

    @classmethod
    def read(cls, path: Path) -> PairCounts:
        """As `pseudo_label` wrote them. Raises DamagedFile for anything else."""
        try:
            return cls(**read_object(path))
        except TypeError as error:
            raise damaged(path, str(error)) from error


SCHEMA = pa.schema(
    [
        ("seed_question", pa.string()),
        ("constraints", pa.list_(pa.string())),
        ("constraint", pa.string()),
        ("response", pa.string()),
        ("label", pa.int8()),
        ("index", pa.int64()),
        ("level", pa.int64()),
        ("answer_level", pa.int64()),
        ("sample", pa.int64()),
        ("model", pa.string()),
        ("temperature", pa.float64()),
        ("seed", pa.int64()),
        ("contrast", pa.bool_()),
        ("instruction_id", pa.string()),
        ("kwargs", pa.string()),
    ]
)


def wanted_levels(instruction: Instruction, soft: Callable[[Constraint], bool]) -> list[int]:
    """The levels whose answers some soft constraint needs: j and j - 1 of every soft c_j."""
    return sorted({level for j, c in enumerate(instruction.constraints, 1) if soft(c) for level in (j - 1, j)})


def pseudo_label(
    instructions: Sequence[Instruction],
    soft: Callable[[Constraint], bool],
    engine: Engine,
    asking: Asking,
    out: Path,
    counts: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Answer, pair, and write `out` (parquet) with its `counts` (JSON). `progress` gets (chunks done, chunks in all).

    Every chunk of answers is written as soon as it is whole, so the same call after a kill asks for the rest alone.
    Raises UsageError when no constraint is soft, a level is empty, or the chunks are another job's; RunError when
    more than `asking.max_failed` of a chunk's answers failed.
    """
    sizes = {str(level.number): len(level.instructions) for level in levels(instructions)}
    chunks = [range(i, min(i + CHUNK, len(instructions))) for i in range(0, len(instructions), CHUNK)]
    check_some_are_soft(instructions, soft)
    work = Beside(out).chunks
    claim(
        work,
        [asdict(asking), [x.prompt for x in instructions], [wanted_levels(x, soft) for x in instructions]],
        asking.dtype,
    )
    if finish_killed(work, out):
        return
    answers: list[LevelAnswer] = []
    for number, chunk in enumerate(chunks):
        file = work / f"{number:05d}.json"
        if not file.exists():
            wanted = [(i, level) for i in chunk for level in wanted_levels(instructions[i], soft)]
            found = asyncio.run(_answer(engine, instructions, wanted, asking))
            within_limit(Counter(a.error for a in found if a.error), len(found), asking.max_failed)
            write_json(file, [asdict(a) for a in found])
        answers += [LevelAnswer(**record) for record in read_json(file)]
        progress(number + 1, len(chunks))
    sound, dropped = pair_up(instructions, soft, answers, asking, asking.contrasts)
    pairs = [flipped(pair, asking.label_noise) for pair in sound]
    numbers = PairCounts(
        instructions=len(instructions),
        levels=sizes,
        answers=len(answers),
        failed=sum(bool(a.error) for a in answers),
        bad_format=sum(a.text is None and not a.error for a in answers),
        pairs=len(pairs),
        positives=sum(p.label for p in pairs),
        contrasts=sum(p.contrast for p in pairs),
        flipped=sum(a.label != b.label for a, b in zip(sound, pairs, strict=True)),
        **dropped,
    )
    write_json(counts, asdict(numbers))
    write_pairs(out, pairs)
    shutil.rmtree(work)


async def _answer(
    engine: Engine, instructions: Sequence[Instruction], wanted: Sequence[tuple[int, int]], asking: Asking
) -> list[LevelAnswer]:
    places = [(i, level, sample) for i, level in wanted for sample in range(asking.answers)]

    async def ask(place: tuple[int, int, int]) -> Completion:
        i, level, sample = place
        prompt = follower.messages(asking.style, cut(instructions[i], level), asking.response_format)
        return await engine.complete(
            Request(prompt, asking.max_new_tokens, asking.temperature, _seed(asking, i, level, sample))
        )

    completions = await in_order(ask, places)
    return [
        LevelAnswer(
            *place,
            None if c.error else follower.parse(c.text, c.finish_reason == "stop", asking.response_format),
            c.error,
        )
        for place, c in zip(places, completions, strict=True)
    ]


def _seed(asking: Asking, index: int, level: int, sample: int) -> int:
    return item_seed("pseudo-label", asking.seed, index, level, sample)


def pair_up(
    instructions: Sequence[Instruction],
    soft: Callable[[Constraint], bool],
    answers: Sequence[LevelAnswer],
    asking: Asking,
    contrast: bool,
) -> tuple[list[Pair], dict[str, int]]:
    """Positives and negatives of every soft constraint, with `contrast` one of its contrasts for every positive, and
    how many were dropped.

    `identical`: the same response stands for both labels of a constraint and says nothing. `duplicates`: a row that
    is there already.
    """
    said = {(a.index, a.level, a.sample): a.text for a in answers if a.text is not None}
    others = contrasts(c for x in instructions for c in x.constraints if soft(c)) if contrast else {}
    pairs: list[Pair] = []
    identical = duplicates = 0
    for i, x in enumerate(instructions):
        for j, c in enumerate(x.constraints, 1):
            if not soft(c):
                continue
            rows = [
                (said[i, level, s], label, level, s)
                for s in range(asking.answers)
                for label, level in ((1, j), (0, j - 1))
                if (i, level, s) in said
            ]
            labels: dict[str, set[int]] = {}
            for text, label, _, _ in rows:
                labels.setdefault(text, set()).add(label)
            seen: set[str] = set()
            for text, label, level, sample in rows:
                if len(labels[text]) == 2:
                    identical += 1
                elif text in seen:
                    duplicates += 1
                else:
                    seen.add(text)
                    seed = _seed(asking, i, level, sample)
                    pair = Pair(
                        seed_question=x.seed,
                        constraints=tuple(k.text for k in x.constraints),
                        constraint=c.text,
                        response=text,
                        label=label,
                        index=i,
                        level=j,
                        answer_level=level,
                        sample=sample,
                        model=asking.model,
                        temperature=asking.temperature,
                        seed=seed,
                        contrast=False,
                        instruction_id=c.instruction_id,
                        kwargs=json.dumps(dict(c.kwargs)),
                    )
                    pairs.append(pair)
                    if label and others.get(c.text):
                        other = random.Random(f"contrast/{seed}/{j}").choice(others[c.text])
                        pairs.append(_contrasted(pair, other))
    return pairs, {"identical": identical, "duplicates": duplicates}


def _contrasted(pair: Pair, other: Constraint) -> Pair:
    """The positive `pair` as a negative of another constraint."""
    return replace(
        pair,
        constraint=other.text,
        label=0,
        contrast=True,
        instruction_id=other.instruction_id,
        kwargs=json.dumps(dict(other.kwargs)),
    )


def flipped(pair: Pair, share: float) -> Pair:
    """The pair with the other label in `share` of all cases: each pair has a draw of its own, and what a smaller share
    flips, a larger one flips too."""
    draw = random.Random(f"label noise/{pair.seed}/{pair.level}/{pair.contrast}").random()
    return replace(pair, label=1 - pair.label) if draw < share else pair


def write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    """Write labelled pairs as parquet, atomically."""
    rows = [asdict(p) for p in pairs]
    write_atomically(path, lambda partial: pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), partial))


def read_pairs(path: Path) -> list[Pair]:
    """Labelled pairs from parquet, JSONL or JSON; only seed_question, constraint, response and label must be there.

    Raises UsageError naming the row that lacks one of them or whose label is neither 0 nor 1.
    """
    return [_pair(row, number, f"{path} row {number}") for number, row in enumerate(read_rows(path), 1)]


def _pair(row: Json, number: int, where: str) -> Pair:
    texts = [row.get(key) for key in ("seed_question", "constraint", "response")]
    if not all(isinstance(text, str) for text in texts):
        raise UsageError(f"{where}: needs `seed_question`, `constraint` and `response`, all texts")
    label = row.get("label")
    if isinstance(label, bool) or label not in (0, 1):
        raise UsageError(f"{where}: `label` is 1 (satisfied) or 0, got {label!r}")
    defaults: Json = {
        "constraints": [row["constraint"]], "index": number - 1, "level": 1, "answer_level": label, "sample": 0,
        "model": "", "temperature": 0.0, "seed": 0, "contrast": False, "instruction_id": "soft", "kwargs": "{}",
    }  # fmt: skip
    known: dict[str, Any] = {name: defaults.get(name) if row.get(name) is None else row[name] for name in SCHEMA.names}
    return Pair(**{**known, "constraints": tuple(known["constraints"])})
