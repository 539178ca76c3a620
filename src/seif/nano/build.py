"""`seif nano build`: the embedded model again from nothing: tokenizer, weights, data, measured floors, model card."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from seif.atomic import new_directory
from seif.engines.base import Request
from seif.engines.local import LocalEngine
from seif.engines.weights import check_weights
from seif.errors import UsageError
from seif.instructions import write_instructions
from seif.nano import examples, world
from seif.nano.card import card
from seif.nano.floors import Floors
from seif.nano.measure import measure_floors
from seif.nano.pretrain import Recipe, new_model, pretrain
from seif.nano.tasks import RUN_SEEDS, audit_tasks, held_out_tasks, held_out_type_tasks, split_seeds, split_sums
from seif.nano.tokenizer import train_tokenizer
from seif.roles import follower
from seif.types import Instruction

Make = Callable[[random.Random, str], examples.Example]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Phase:
    """A stretch of the training: which examples, how often, and with which recipe."""

    mixture: dict[Make, float]
    recipe: Recipe


ROLES = Phase(
    {
        examples.judger_example: 0.42,
        examples.follower_example: 0.26,
        examples.instructor_example: 0.18,
        examples.filter_example: 0.14,
    },
    Recipe(),
)
PLEAS = Phase(
    {
        examples.judger_example: 0.25,
        examples.wary_judger_example: 0.20,
        examples.follower_example: 0.25,
        examples.instructor_example: 0.13,
        examples.filter_example: 0.09,
        examples.sum_example: 0.08,
    },
    Recipe(steps=600, lr=1e-3, decay_share=0.8, listen_at=(0.0, 0.4, 0.7)),
)
MORE_PLEAS = Phase(
    {
        examples.judger_example: 0.20,
        examples.wary_judger_example: 0.26,
        examples.follower_example: 0.25,
        examples.instructor_example: 0.10,
        examples.filter_example: 0.06,
        examples.sum_example: 0.13,
    },
    Recipe(steps=600, lr=8e-4, decay_share=0.8, listen_at=(0.0, 0.4, 0.7)),
)
SUMS_FIRM = Phase(
    {
        examples.judger_example: 0.161,
        examples.wary_judger_example: 0.189,
        examples.follower_example: 0.217,
        examples.instructor_example: 0.084,
        examples.filter_example: 0.049,
        examples.sum_example: 0.30,
    },
    Recipe(steps=400, lr=6e-4, decay_share=0.8, listen_at=(0.0, 0.5)),
)
HABITS = Phase(
    {
        examples.judger_example: 0.11,
        examples.wary_judger_example: 0.12,
        examples.follower_example: 0.15,
        examples.held_out_follower_example: 0.05,
        examples.habitual_instructor_example: 0.14,
        examples.asked_instructor_example: 0.25,
        examples.filter_example: 0.04,
        examples.sum_example: 0.14,
    },
    Recipe(steps=1000, lr=1e-3, decay_share=0.8, listen_at=(0.0, 0.4, 0.7)),
)
PHASES = (ROLES, PLEAS, MORE_PLEAS, SUMS_FIRM, HABITS)
"""First the roles.

Sums and replies that try to persuade the Judger come in two later phases: from the start, they kept the Follower from
learning some rules at all. The fourth phase trains sums until the model is sure of them: an answer that is barely the
likeliest is lost after any update, and then forgetting looks like chance. The last one gives the Instructor a
real model's habits, teaches it to write the types that it is asked for, and the Follower two types that no Instructor
writes.
"""


def build(out: Path, steps: int | None, seed: int, say: Say, start: Path | None = None, phase: int = 1) -> Floors:
    """Train, measure, and write `out/model` and `out/data`. Returns the measured floors, as in `out/model/floors.json`.

    `steps` replaces the steps of every phase. With `start`, a model directory, training goes on from it, with phase
    number `phase`. Raises UsageError for a phase that there is not, or that needs a start.
    """
    if not 1 <= phase <= len(PHASES):
        raise UsageError(f"there is no phase {phase}; give --phase 1 to {len(PHASES)}")
    if phase > 1 and start is None:
        raise UsageError(f"phase {phase} goes on from a model; give it as --start")
    with new_directory(out) as folder:
        return _build(folder, steps, seed, say, start, phase)


def _build(out: Path, steps: int | None, seed: int, say: Say, start: Path | None, phase: int) -> Floors:
    seen, unseen = split_seeds()
    data = out / "data"
    data.mkdir(parents=True)
    pq.write_table(pa.table({"prompt": seen[:RUN_SEEDS]}), data / "seeds.parquet")
    write_instructions(data / "held_out.parquet", held_out_tasks(unseen))
    write_instructions(data / "held_out_types.parquet", held_out_type_tasks(unseen))
    write_instructions(data / "audit.parquet", audit_tasks(seen[RUN_SEEDS:]))
    for name, rows in zip(("sums", "sums_held_out"), split_sums(), strict=True):
        pq.write_table(
            pa.table({"prompt": [q for q, _ in rows], "answer": [str(a) for _, a in rows]}), data / f"{name}.parquet"
        )

    torch.manual_seed(seed)
    if start is None:
        tokenizer = _tokenizer(seed, seen)
        model = new_model(tokenizer)
    else:
        check_weights(start)
        tokenizer, model = AutoTokenizer.from_pretrained(start), AutoModelForCausalLM.from_pretrained(start)
    for number in range(phase, len(PHASES) + 1):
        mixture, recipe = PHASES[number - 1].mixture, PHASES[number - 1].recipe
        recipe = replace(recipe, seed=seed + number - 1, steps=steps or recipe.steps)
        model = _train(model, tokenizer, mixture, recipe, seen, f"phase {number}/{len(PHASES)}", say)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    floors = measure_floors(out)
    (out / "model" / "floors.json").write_text(json.dumps(asdict(floors), indent=2) + "\n", encoding="utf-8")
    parameters = sum(p.numel() for p in model.parameters())
    about = card(floors, parameters, [p.recipe for p in PHASES])
    (out / "model" / "README.md").write_text(about, encoding="utf-8")
    say(json.dumps({k: v for k, v in asdict(floors).items() if not isinstance(v, dict)}, indent=2))
    return floors


def _tokenizer(seed: int, seeds: Sequence[str]) -> Any:
    rng = random.Random(f"tokenizer/{seed}")
    drawn = [_draw(ROLES.mixture, rng, seeds, []) for _ in range(8000)]
    return train_tokenizer(
        text for e in drawn for text in (e.messages[0]["content"], *(part for branch in e.branches for part in branch))
    )


def _draw(
    mixture: dict[Make, float], rng: random.Random, seeds: Sequence[str], own: Sequence[tuple[Instruction, str]]
) -> examples.Example:
    """One training example; half of what the Judger reads are replies of the model's `own`, once there are some."""
    make = rng.choices(list(mixture), list(mixture.values()))[0]
    judged = make in (examples.judger_example, examples.wary_judger_example)
    if judged and own and rng.random() < 0.5:
        task, reply = rng.choice(own)
        return examples.judger_example_of(
            rng, task, reply if make is examples.judger_example else examples.plead(rng, task, reply)
        )
    return make(rng, rng.choice(seeds))


def _train(
    model: Any, tokenizer: Any, mixture: dict[Make, float], recipe: Recipe, seeds: Sequence[str], name: str, say: Say
) -> Any:
    own: list[tuple[Instruction, str]] = []
    rounds: list[int] = []

    def progress(step: int, loss: float, seconds: float) -> None:
        say(f"{name}  step {step}/{recipe.steps}  loss {loss:.4f}  {seconds:.0f} s")

    def listen(model: Any) -> None:
        own[:] = own_replies(LocalEngine(model, tokenizer), random.Random(f"own/{recipe.seed}/{len(rounds)}"), seeds)
        rounds.append(len(own))

    return pretrain(model, tokenizer, lambda rng: _draw(mixture, rng, seeds, own), recipe, progress, listen)


def own_replies(
    engine: LocalEngine, rng: random.Random, seeds: Sequence[str], count: int = 3000
) -> list[tuple[Instruction, str]]:
    """What the model itself answers, greedily and at rising temperatures: the text its Judger will have to judge.

    Low temperatures stand for a Follower that RL has made more certain, repetitions included.
    """
    tasks = [
        Instruction(rng.choice(seeds), world.draw_constraints(rng, rng.choice((1, 2, 3, 4)))) for _ in range(count)
    ]
    requests = [
        Request(
            follower.messages(examples.STYLE, task, "plain"),
            80,
            rng.choice((0.0, 0.4, 0.7, 1.0)),
            rng.randrange(1 << 31),
        )
        for task in tasks
    ]
    completions = engine.answer(requests)
    return [
        (task, c.text.strip())
        for task, c in zip(tasks, completions, strict=True)
        if c.finish_reason == "stop" and c.text.strip()
    ]
