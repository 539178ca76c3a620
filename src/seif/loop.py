"""A whole run: which recipe the config asks for, and what it will do in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from seif import datasets
from seif.artifacts import RunDir
from seif.config import Config
from seif.judges import judging_kind
from seif.pipeline import Pipeline
from seif.progress import Progress
from seif.recipes import self_evolving, self_supervised
from seif.recipes.turns import Turns
from seif.results import Plan, PlannedTurn
from seif.roles.assignment import assign
from seif.tracking import open_tracker

if TYPE_CHECKING:
    from seif.distributed.nodes import Nodes


def run(config: Config, run_dir: RunDir, seeds: Sequence[str], progress: Progress, nodes: Nodes | None = None) -> None:
    """Run or resume all turns in an opened, locked run directory. `nodes`: further machines that train."""
    from seif.distributed.launch import Launcher

    recipe = self_supervised if config.trains_reward_model else self_evolving
    with open_tracker(config.report_to, run_dir.root, config.model_dump(mode="json")) as tracker:
        pipeline = Pipeline(run_dir, progress, tracker)
        recipe.run(Turns(config, run_dir, seeds, pipeline, Launcher(config, nodes)))


def plan(config: Config, seeds: int, constraints: float | None = None) -> Plan:
    """What a run will do, in numbers, from the config and the number of seeds alone: no model is loaded.

    `constraints` is how many an instruction has on average; by default what the Instructor is asked for.
    """
    settings = config.instructor
    n, prompts = settings.grpo.samples, settings.grpo.prompts_per_step
    constraints = constraints or sum(t.constraints for t in settings.templates) / len(settings.templates)
    written = seeds if settings.seeds_per_turn is None else min(seeds, settings.seeds_per_turn)
    # A curriculum makes an instruction of every level, and general questions take their share of the places.
    general = config.self_supervised.general
    tasks = (
        written
        * (constraints if config.self_supervised.curriculum != "none" else 1)
        / (1 - general.share if general.train else 1)
    )
    trained = config.trains_reward_model
    no_model = "rules" if config.filter.rules else "none"
    turns = []
    for turn in range(1, config.turns + 1):
        roles = assign(turn, config.judger.weights, settings.train)
        turns.append(
            PlannedTurn(
                turn=turn,
                instructor_starts_from=str(roles.instructor_start) if settings.train else None,
                instructions_written_by=str(roles.instruction_writer),
                filter=(config.judger.checkpoint or str(roles.filter)) if config.filter.model else no_model,
                answerer=str(roles.answerer),
                judger=(config.judger.checkpoint or str(roles.judger))
                if judging_kind(config).uses_model
                else config.judging_model,
                follower_starts_from=str(roles.follower_start),
                instructor_steps=datasets.instructor_steps(config, seeds) if settings.train else 0,
                reward_model_for_instructor=str(roles.instructor_reward_model) if trained and settings.train else None,
                reward_model_for_follower=str(roles.follower_reward_model) if trained else None,
                follower_steps=datasets.follower_steps(config, turn, round(tasks)),
            )
        )
    samples = prompts * n
    # At most: of each candidate; an edited instruction of the turn before, from turn 2 on, is one more.
    probes = written * (settings.candidates + settings.edits) * settings.probes
    # A classifier is no language model, but it is asked all the same.
    asks = judging_kind(config).uses_model or config.judging_model == "classifier"
    follower = config.follower.grpo.prompts_per_step * config.follower.grpo.samples
    return Plan(
        model=config.model,
        seeds=seeds,
        seeds_per_turn=settings.seeds_per_turn and written,
        instructions=config.instructions,
        turns=tuple(turns),
        instructor_step={
            "filter_calls": samples if config.filter.model else 0,
            "answer_calls": samples * settings.answers,
            "judge_calls": round(samples * settings.answers * constraints) if asks else 0,
        },
        follower_step={"answers": follower, "judge_calls": round(follower * constraints) if asks else 0},
        probes={"answers": round(probes), "judge_calls": round(probes * constraints) if asks else 0}
        if probes
        else None,
        reward_model={
            "starts_from": config.self_supervised.reward_model.base or config.model,
            "answers": round(written * (constraints + 1)) * config.self_supervised.answers,
            "epochs": config.self_supervised.reward_model.epochs,
        }
        if trained
        else None,
    )
