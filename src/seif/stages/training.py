"""[1] and [3] Train: GRPO on the Instructor and on the Follower."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from seif.chat import chat_format
from seif.config import Config, Grpo
from seif.errors import UsageError
from seif.evaluation import held_out
from seif.frozen import Engines, make_filter, make_judger
from seif.instructions import read_instructions
from seif.metrics import ScoredRollout, measure
from seif.roles import follower, instructor
from seif.run_dir import new_directory
from seif.scoring import BAD_ANSWER, FollowerScorer, InstructorScorer, Score, check_unjudged, item_seed, type_of
from seif.self_supervised import curriculum
from seif.self_supervised.general import Question, correct, load_questions
from seif.stages.common import StageLog, checkpoints_of, done
from seif.types import Instruction


def instructor_steps(config: Config, seeds: int) -> int:
    """Steps of one Instructor turn: whole batches of seeds, times epochs; at least one."""
    if config.instructor.steps is not None:
        return config.instructor.steps
    return max(1, seeds // config.instructor.grpo.prompts_per_step) * config.instructor.epochs


def follower_epochs(config: Config, turn: int) -> int:
    """Epochs of the Follower in `turn`; the last one given repeats."""
    return config.follower.epochs[min(turn, len(config.follower.epochs)) - 1]


def follower_steps(config: Config, turn: int, instructions: int) -> int:
    """Steps of one Follower turn."""
    if config.follower.steps is not None:
        return config.follower.steps
    return max(1, instructions // config.follower.grpo.prompts_per_step) * follower_epochs(config, turn)


def train_instructor(
    config: Config, turn: int, start: str, answerer: str, judger: str, seeds: Sequence[str], out: Path, log: StageLog, reward_model: str | None = None
) -> None:
    """GRPO on the Instructor: seeds in, a model directory out. Filter and Judger share the weights `judger`, but for a classifier, which is `reward_model`."""
    if done(out):
        return
    from seif.training.rollouts import RewardBatch, Rollout

    settings = config.instructor
    templates = [instructor.choose_template(settings.templates, config.seed, turn, i) for i in range(len(seeds))]
    frozen = Engines(config, out)
    judging, answering = frozen.together(judger, answerer)
    cache = frozen.cache(judger)
    scorer = InstructorScorer(
        filter=make_filter(config, judging, cache),
        answerer=answering,
        judger=make_judger(config, judging, cache, frozen.classifier(reward_model)),
        style=config.prompts,
        response_format=config.follower.format,
        answers=settings.answers,
        max_answer_tokens=config.follower.grpo.max_new_tokens,
        temperature=config.follower.grpo.temperature,
        reward=settings.reward,
        share_penalty=settings.share_penalty,
        known_types=settings.known_types,
        seed=item_seed(config.seed, turn, "instructor"),
    )

    async def reward(samples: list[Rollout], step: int) -> RewardBatch:
        scores = await scorer.score_batch([(seeds[s.row], templates[s.row].constraints, s.text, s.finished) for s in samples], step)
        types = [type_of(c) for s in scores for c in s.constraints]
        top = max((types.count(t) for t in set(types)), default=0)
        metrics = {
            "parsable": _share(scores, lambda s: s.outcome != "bad format"),
            "contradictory": _share(scores, lambda s: s.outcome == "contradictory"),
            "bad_answers": sum(BAD_ANSWER in s.causes for s in scores) / len(scores),
            "top_type_share": top / max(1, len(types)),
            **_judged_metrics(scores, config),
        }
        metrics = {**_own_metrics("instructor", samples, scores, [seeds[s.row] for s in samples]), **metrics}
        return RewardBatch([s.reward for s in scores], metrics, _records(samples, scores, [seeds[s.row] for s in samples], config), _checks(scores))

    prompts = [instructor.messages(config.prompts, t, s) for t, s in zip(templates, seeds, strict=True)]
    with closing(frozen):
        _train(config, turn, "instructor", start, prompts, instructor_steps(config, len(seeds)), settings.grpo, reward, out, log)


def train_follower(config: Config, turn: int, start: str, judger: str, instructions: Path, out: Path, log: StageLog, reward_model: str | None = None) -> None:
    """GRPO on the Follower: instructions in, a model directory out. `reward_model` judges instead of `judger` where the config has a classifier."""
    if done(out):
        return
    from seif.training.data import fitting
    from seif.training.rollouts import RewardBatch, Rollout

    settings = config.self_supervised
    groups = curriculum.groups(read_instructions(instructions), settings.curriculum)
    questions = load_questions(Path(settings.general.train)) if settings.general.train else []
    everything: list[Instruction | Question] = [*(x for group in groups for x in group), *questions]
    asked = [follower.messages(config.prompts, _as_asked(task), config.follower.format) for task in everything]
    kept = fitting(start, asked, config.follower.grpo.max_prompt_tokens, chat_format(config.chat))
    tasks, prompts = [everything[i] for i in kept], [asked[i] for i in kept]
    own = [row for row, task in enumerate(tasks) if isinstance(task, Instruction)]
    if not own or (questions and len(own) == len(tasks)):
        what = "question of self_supervised.general" if own else f"instruction of {instructions}"
        raise UsageError(f"every {what} is longer than max_prompt_tokens={config.follower.grpo.max_prompt_tokens}")
    steps = follower_steps(config, turn, round(len(own) / (1 - settings.general.share)) if questions else len(own))
    order = _follower_order(config, turn, groups, kept, own, len(tasks), steps) if len(groups) > 1 or questions else ()
    engines = Engines(config, out)
    classifier = engines.classifier(reward_model)
    judging = None if classifier else engines.get(judger)
    scorer = FollowerScorer(make_judger(config, judging, engines.cache(judger) if judging else None, classifier), config.follower.format)

    async def pay(task: Instruction | Question, sample: Rollout) -> Score:
        return await scorer.score(task, sample.text, sample.finished) if isinstance(task, Instruction) else _score_answer(config, task, sample)

    async def reward(samples: list[Rollout], step: int) -> RewardBatch:
        scores = await asyncio.gather(*(pay(tasks[s.row], s) for s in samples))
        metrics = {"well_formed": _share(scores, lambda s: s.outcome != "bad format"), **_judged_metrics(scores, config)}
        metrics["too_long"] = float(len(everything) - len(tasks))
        metrics["repetition"] = sum(held_out.repetition(s.text) for s in samples) / len(samples)
        general = [score.reward or 0.0 for s, score in zip(samples, scores, strict=True) if isinstance(tasks[s.row], Question)]
        if general:
            metrics["general"] = sum(general) / len(general)
        if len(groups) > 1:
            lengths = [len(task.constraints) for s in samples if isinstance(task := tasks[s.row], Instruction)]
            metrics["level"] = sum(lengths) / max(1, len(lengths))
        shown = [tasks[s.row].prompt for s in samples]
        metrics = {**_own_metrics("follower", samples, scores, shown), **metrics}
        return RewardBatch([s.reward for s in scores], metrics, _records(samples, scores, shown, config), _checks(scores))

    with closing(engines):
        _train(config, turn, "follower", start, prompts, steps, config.follower.grpo, reward, out, log, order)


def _as_asked(task: Instruction | Question) -> Instruction:
    return task if isinstance(task, Instruction) else task.instruction


def _follower_order(config: Config, turn: int, groups: list[list[Instruction]], kept: list[int], own: list[int], tasks: int, steps: int) -> tuple[int, ...]:
    """The Follower's data order where that is not plain: levels one after another, general questions in every batch."""
    bounds = [sum(map(len, groups[:i])) for i in range(len(groups) + 1)]
    by_level = [[row for row in own if low <= kept[row] < high] for low, high in pairwise(bounds)]
    general, seed = range(len(own), tasks), item_seed(config.seed, turn, "curriculum")
    per_step = config.follower.grpo.prompts_per_step
    return tuple(curriculum.data_order([g for g in by_level if g], general, config.self_supervised.general.share, per_step, steps, seed))


def _score_answer(config: Config, question: Question, sample: Any) -> Score:
    """1 for the known answer in \\boxed{}, 0 for any other."""
    reply = follower.parse(sample.text, sample.finished, config.follower.format)
    if reply is None:
        return Score(0.0, "bad format")
    right = correct(reply, question.answer)
    return Score(float(right), "right" if right else "wrong")


def _train(
    config: Config,
    turn: int,
    role: str,
    start: str,
    prompts: list[Any],
    steps: int,
    settings: Grpo,
    reward: Any,
    out: Path,
    log: StageLog,
    order: tuple[int, ...] = (),
) -> None:
    from seif.training.grpo import train
    from seif.training.job import GrpoJob

    def save(model: Any, tokenizer: Any) -> None:
        with new_directory(out) as folder:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)

    log.begin(steps)
    train(
        GrpoJob(
            model=start,
            prompts=prompts,
            steps=steps,
            settings=settings,
            seed=item_seed(config.seed, turn, role) % (1 << 31),
            work=checkpoints_of(out),
            out=out,
            chat=chat_format(config.chat),
            token_budget=config.engine.token_budget,
            dtype=config.dtype,
            attn_implementation=config.attn_implementation,
            lora=config.lora,
            order=order,
        ),
        reward,
        log,
        save,
    )


def _own_metrics(role: Literal["instructor", "follower"], rollouts: Sequence[Any], scores: Sequence[Score], prompts: Sequence[str]) -> dict[str, float]:
    """The metrics that plugins have registered."""
    return measure([ScoredRollout(role, prompt, r.text, r.finished, score) for r, score, prompt in zip(rollouts, scores, prompts, strict=True)])


def _share(scores: Sequence[Score], holds: Callable[[Score], bool]) -> float:
    return sum(map(holds, scores)) / len(scores)


def _judged_metrics(scores: Sequence[Score], config: Config) -> dict[str, float]:
    known = [s.adherence for s in scores if s.adherence is not None]
    metrics = {"unjudged": check_unjudged(scores, config.judger.max_unjudged)}
    if known:
        metrics["adherence"] = sum(known) / len(known)
    tables = _checks(scores)
    if tables:
        whole = held_out.reliability(held_out.whole(tables))
        metrics |= {f"judger_{k}": whole[k] for k in ("precision_violated", "recall_violated") if whole[k] is not None}
    return metrics


def _checks(scores: Sequence[Score]) -> held_out.Tables:
    """How often, per type, rule and model said what of the same answers."""
    return held_out.tabulate((c.kind, c.rule, c.model) for s in scores for c in s.checks)


def _records(samples: Sequence[Any], scores: Sequence[Score], prompts: Sequence[str], config: Config) -> list[dict[str, Any]]:
    return [
        {
            **({"worths": score.worths} if any(w is not None for w in score.worths) else {}),
            "prompt": prompt,
            "completion": sample.text,
            "finished": sample.finished,
            "reward": score.reward,
            "outcome": score.outcome,
            "verdicts": [v.name.lower() for v in score.verdicts],
            "constraints": [c.text for c in score.constraints],
        }
        for sample, score, prompt in list(zip(samples, scores, prompts, strict=True))[: config.rollouts]
    ]
