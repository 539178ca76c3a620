"""The stages of a turn. Each takes files and writes files, is skipped when its output is whole, and is also a command."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

from seif.config import Config, Grpo
from seif.constraints.conflicts import find_conflict
from seif.constraints.verifiers import verify
from seif.engines.base import Engine, Request
from seif.errors import RunError, UsageError
from seif.evaluation import held_out
from seif.frozen import Engines, make_filter, make_judger, model_judger
from seif.instructions import read_instructions, write_instructions
from seif.roles import follower, instructor
from seif.roles.filter import Decision
from seif.run_dir import new_directory, read_json, write_json
from seif.scoring import BAD_ANSWER, FollowerScorer, InstructorScorer, Score, check_unjudged, item_seed, type_of, within_limit
from seif.self_supervised import curriculum
from seif.self_supervised.general import Question, correct, load_questions
from seif.self_supervised.general import accuracy as general_accuracy
from seif.types import Instruction, Verdict


class StageLog(Protocol):
    """Where a stage reports: metrics and rollouts that a resume can wind back, and progress for people."""

    def begin(self, total: int) -> None: ...

    def resumed(self, step: int) -> None: ...

    def step(self, step: int, metrics: dict[str, Any], records: list[dict[str, Any]]) -> None: ...


# --- [1] train the Instructor -----------------------------------------------------------------------------------------


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
    if _done(out):
        return
    from seif.training.grpo import Payment, Sample

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

    async def reward(samples: list[Sample], step: int) -> Payment:
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
        return Payment([s.reward for s in scores], metrics, _records(samples, scores, [seeds[s.row] for s in samples], config), _checks(scores))

    prompts = [instructor.messages(config.prompts, t, s) for t, s in zip(templates, seeds, strict=True)]
    with closing(frozen):
        _train(config, turn, "instructor", start, prompts, instructor_steps(config, len(seeds)), settings.grpo, reward, out, log)


# --- [2] generate -----------------------------------------------------------------------------------------------------


def generate(config: Config, turn: int, writer: str, filter_model: str, seeds: Sequence[str], out: Path, stats: Path) -> None:
    """The Instructor writes constraints for every seed; what can't be parsed or the Filter rejects is drawn again or dropped.

    Writes `stats` (JSON, what was written, in numbers) and then `out` (the released schema).
    """
    if out.exists():
        return
    with closing(Engines(config, out)) as engines:
        raw, pool, parsable, drawn = asyncio.run(_generate(config, turn, engines, writer, filter_model, seeds))
    if not pool:
        raise RunError(f"none of {len(seeds)} seeds got a usable instruction ({parsable} of {drawn} replies could be parsed); the Instructor has collapsed")
    everything = held_out.describe_instructions(raw)
    accepted = held_out.describe_instructions(pool)
    write_json(
        stats,
        {
            "parsable": parsable / drawn,
            "conflict_share": everything["conflict_share"],
            "pool_conflict_share": accepted["conflict_share"],
            "top_type_share": accepted["top_type_share"],
            "type_entropy": accepted["type_entropy"],
            "drawn": drawn,
            "pool": accepted,
        },
    )
    write_instructions(out, pool)


async def _generate(
    config: Config, turn: int, engines: Engines, writer: str, filter_model: str, seeds: Sequence[str]
) -> tuple[list[Instruction], list[Instruction], int, int]:
    """All parsed instructions, the accepted ones in seed order, and how many replies were parsable and drawn."""
    settings = config.instructor
    raw: list[Instruction] = []
    accepted: dict[int, Instruction] = {}
    parsable = drawn = asked = 0
    unread: Counter[str] = Counter()
    open_seeds = list(range(len(seeds)))
    for attempt in range(settings.attempts):
        writing = engines.get(writer)
        requests = []
        templates = {i: instructor.choose_template(settings.templates, config.seed, turn, i) for i in open_seeds}
        for i, template in templates.items():
            seed = item_seed("generate", config.seed, turn, i, attempt)
            requests.append(
                Request(instructor.messages(config.prompts, template, seeds[i]), settings.grpo.max_new_tokens, settings.generation_temperature, seed)
            )
        completions = await asyncio.gather(*(writing.complete(r) for r in requests))
        drawn += len(completions)
        written: dict[int, Instruction] = {}
        for i, completion in zip(open_seeds, completions, strict=True):
            constraints = instructor.parse(completion.text, completion.finish_reason == "stop", templates[i].constraints)
            if constraints is not None:
                written[i] = Instruction(seeds[i], constraints)
        parsable += len(written)
        raw += written.values()
        candidates = {i: x for i, x in written.items() if not instructor.invalid(x.constraints, settings.known_types)}
        if config.filter.generation:
            checking = make_filter(config, engines.get(filter_model), engines.cache(filter_model))
            decisions = await asyncio.gather(*(checking.check(x) for x in candidates.values()))
        else:
            decisions = [Decision(Verdict.SATISFIED)] * len(candidates)
        asked += len(decisions)
        unread.update(d.reason for d in decisions if d.verdict is Verdict.UNJUDGED)
        accepted |= {i: x for (i, x), d in zip(candidates.items(), decisions, strict=True) if d.verdict is Verdict.SATISFIED}
        open_seeds = [i for i in open_seeds if i not in accepted]
        if not open_seeds:
            break
    within_limit(unread, asked, config.judger.max_unjudged)
    return raw, [accepted[i] for i in sorted(accepted)], parsable, drawn


def take(instructions: Path, seeds: Sequence[str], out: Path, stats: Path) -> None:
    """The user's instructions in place of generated ones, less those whose question is not among `seeds`; `stats` and `out` as `generate` writes them.

    Raises UsageError when none is left.
    """
    if out.exists():
        return
    wanted = set(seeds)
    pool = [x for x in read_instructions(instructions) if x.seed in wanted]
    if not pool:
        raise UsageError(f"no instruction of {instructions} is left to train on; give it questions that the held-out and benchmark files don't have")
    numbers = held_out.describe_instructions(pool)
    shares = {key: numbers[key] for key in ("conflict_share", "top_type_share", "type_entropy")}
    write_json(stats, {"parsable": None, "pool_conflict_share": numbers["conflict_share"], **shares, "drawn": len(pool), "pool": numbers})
    write_instructions(out, pool)


# --- the reward model, where a classifier judges ------------------------------------------------------------------------


def pseudo_label(config: Config, turn: int, answerer: str, instructions: Path, out: Path, counts: Path, log: StageLog) -> None:
    """`answerer` answers every level that a soft constraint needs; its answers become labelled pairs (`out`), told in numbers (`counts`)."""
    if out.exists():
        return
    from seif.self_supervised.pseudo_labels import Asking, pseudo_label

    settings = config.self_supervised
    seed = item_seed(config.seed, turn, "pseudo-label")
    length = config.follower.grpo.max_new_tokens
    asking = Asking(answerer, config.prompts, config.follower.format, length, settings.temperature, settings.answers, seed)

    def progress(done: int, chunks: int) -> None:
        if done == 1:
            log.begin(chunks)
        log.step(done, {}, [])

    with closing(Engines(config, out)) as engines:
        tasks, judged = read_instructions(instructions), curriculum.soft(config)
        pseudo_label(tasks, judged, engines.get(answerer), asking, settings.contrasts, config.judger.max_unjudged, out, counts, progress)


def train_reward_model(config: Config, turn: int, labels: Path, out: Path, numbers: Path, log: StageLog) -> None:
    """Pseudo-labels in, a calibrated sequence classifier (`out`) and how good it is (`numbers`) out."""
    if _done(out):
        return
    from seif.self_supervised import reward_model
    from seif.self_supervised.pseudo_labels import read_pairs

    settings = config.self_supervised.reward_model
    seed = item_seed(config.seed, turn, "reward model") % (1 << 31)
    job = reward_model.Job(settings.base or config.model, read_pairs(labels), settings, seed, _checkpoints(out), out, numbers, config.attn_implementation)
    reward_model.train(job, reward_model.Hooks(log.begin, log.resumed, lambda step, metrics: log.step(step, metrics, [])))


# --- [3] train the Follower -------------------------------------------------------------------------------------------


def train_follower(config: Config, turn: int, start: str, judger: str, instructions: Path, out: Path, log: StageLog, reward_model: str | None = None) -> None:
    """GRPO on the Follower: instructions in, a model directory out. `reward_model` judges instead of `judger` where the config has a classifier."""
    if _done(out):
        return
    from seif.training.grpo import Payment, Sample, fitting

    settings = config.self_supervised
    groups = curriculum.groups(read_instructions(instructions), settings.curriculum)
    questions = load_questions(Path(settings.general.train)) if settings.general.train else []
    everything: list[Instruction | Question] = [*(x for group in groups for x in group), *questions]
    asked = [follower.messages(config.prompts, _as_asked(task), config.follower.format) for task in everything]
    kept = fitting(start, asked, config.follower.grpo.max_prompt_tokens)
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

    async def pay(task: Instruction | Question, sample: Sample) -> Score:
        return await scorer.score(task, sample.text, sample.finished) if isinstance(task, Instruction) else _score_answer(config, task, sample)

    async def reward(samples: list[Sample], step: int) -> Payment:
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
        return Payment([s.reward for s in scores], metrics, _records(samples, scores, [tasks[s.row].prompt for s in samples], config), _checks(scores))

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
    from seif.training.grpo import Hooks, Job, train

    def save(model: Any, tokenizer: Any) -> None:
        with new_directory(out) as folder:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)

    work = _checkpoints(out)
    seed = item_seed(config.seed, turn, role) % (1 << 31)
    name = f"{out.parent.parent.name}-turn{turn}-{role}"
    log.begin(steps)
    train(
        Job(
            start, prompts, steps, settings, seed, work, out, config.report_to, name, config.engine.token_budget, config.attn_implementation, config.lora, order
        ),
        reward,
        Hooks(log.resumed, log.step),
        save,
    )


def _checkpoints(out: Path) -> Path:
    """Where a stage keeps its checkpoints while it runs."""
    return out.with_name(f"{out.name}.checkpoints")


def _done(out: Path) -> bool:
    """Whether a training stage is done; checkpoints that a kill left behind after that are dropped."""
    if out.exists():
        shutil.rmtree(_checkpoints(out), ignore_errors=True)
    return out.exists()


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


# --- [4] evaluate -----------------------------------------------------------------------------------------------------


def evaluate(
    config: Config,
    turn: int,
    model: str,
    judger: str | None,
    seeds: Sequence[str],
    instructions: Path | None,
    stats: Path | None,
    out: Path,
    showcase: Path,
    checks: Sequence[held_out.Tables] = (),
    reward_model: str | None = None,
) -> dict[str, Any]:
    """Held-out accuracy of one Follower, the Judger against the verifiers, and the Instructor's numbers of the turn.

    `checks` are the turn's verdicts in training on what rules can check, step by step.
    """
    if out.exists():
        return dict(read_json(out))
    began = time.time()
    with closing(Engines(config, out)) as engines:
        result = asyncio.run(measure(config, engines, turn, model, judger, reward_model))
        if instructions is not None:
            write_json(showcase, asyncio.run(_showcase(config, engines.get(model), seeds, read_instructions(instructions))))
    if checks:
        result["judger"]["in_training"] = held_out.describe_tables(held_out.add_up(checks))
    if stats is not None:
        numbers = read_json(stats)
        keys = ("parsable", "conflict_share", "pool_conflict_share", "top_type_share", "type_entropy")
        result["instructor"] = {k: numbers[k] for k in keys} | {"types": numbers["pool"]["types"], "mean_constraints": numbers["pool"]["mean_constraints"]}
    result["seconds"] = round(time.time() - began, 1)
    write_json(out, result)
    return result


async def measure(config: Config, engines: Engines, turn: int, model: str, judger: str | None, reward_model: str | None = None) -> dict[str, Any]:
    """Greedy and sampled held-out accuracy of `model`; with `judger`, how far that one agrees with the verifiers.

    Where the config's Judger is a classifier, `reward_model` is measured in its place, on what it judges; without one, nobody is.
    """
    result: dict[str, Any] = {"turn": turn, "held_out": {}, "judger": {}, "instructor": {}}
    if config.self_supervised.general.held_out is not None:
        questions = load_questions(Path(config.self_supervised.general.held_out))
        length = config.evaluation.max_new_tokens or config.follower.grpo.max_new_tokens
        result["general"] = await general_accuracy(engines.get(model), questions, config.prompts, config.follower.format, length)
    if config.held_out is None:
        return result
    tasks = held_out.load_tasks(Path(config.held_out))[: config.evaluation.tasks]
    limit = config.evaluation.max_new_tokens or config.follower.grpo.max_new_tokens
    engine = engines.get(model)
    # Asked at once, so that an engine can read every task once for both.
    both = (held_out.answer_tasks(engine, tasks, config.prompts, config.follower.format, limit, temperature, config.seed) for temperature in (0.0, 1.0))
    greedy, sampled = await asyncio.gather(*both)
    result["held_out"] = {"greedy": held_out.accuracy(greedy), "sampled": held_out.accuracy(sampled)}
    answers = greedy[: config.evaluation.judged]
    if config.evaluation.judger and config.judging_model == "classifier":
        if reward_model is not None or config.self_supervised.reward_model.given:
            classifier = engines.classifier(reward_model)
            assert classifier is not None
            result["judger"] = await held_out.judger_agreement(classifier, answers, curriculum.soft(config))
    elif config.evaluation.judger and judger is not None:
        result["judger"] = await held_out.judger_agreement(model_judger(config, engines.get(judger), engines.cache(judger)), answers)
    return result


async def _showcase(config: Config, engine: Engine, seeds: Sequence[str], instructions: list[Instruction]) -> list[dict[str, Any]]:
    """The first seeds, what the Instructor made of them, and the Follower's greedy answers."""
    by_seed = {x.seed: x for x in instructions}
    limit = config.evaluation.max_new_tokens or config.follower.grpo.max_new_tokens

    async def show(seed: str) -> dict[str, Any]:
        task = by_seed.get(seed)
        if task is None:
            return {"seed": seed, "constraints": [], "answer": None, "conflict": None}
        completion = await engine.complete(Request(follower.messages(config.prompts, task, config.follower.format), limit))
        reply = follower.parse(completion.text, completion.finish_reason == "stop", config.follower.format)
        constraints = [
            {
                "text": c.text,
                "holds": verify(reply, c.instruction_id, c.kwargs) if c.checkable and reply is not None else None,
            }
            for c in task.constraints
        ]
        return {"seed": seed, "constraints": constraints, "answer": reply, "conflict": find_conflict(task.constraints)}

    return list(await asyncio.gather(*map(show, seeds[: config.evaluation.showcase])))
