"""The reward model, where a classifier judges: pseudo-labels, and training on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seif.artifacts import Beside
from seif.config import Config
from seif.instructions import read_instructions
from seif.models import ModelPool
from seif.scoring import item_seed
from seif.self_supervised import curriculum
from seif.stage_log import StageLog


def pseudo_label(
    config: Config, turn: int, answerer: str, instructions: Path, out: Path, counts: Path, log: StageLog
) -> None:
    """`answerer` answers every level that a soft constraint needs; its answers become labelled pairs (`out`), and
    their numbers are in `counts`.
    """
    from seif.self_supervised.pseudo_labels import Asking, pseudo_label

    settings = config.self_supervised
    seed = item_seed(config.seed, turn, "pseudo-label")
    length = config.follower.grpo.max_new_tokens
    asking = Asking(
        answerer,
        config.prompts,
        config.follower.format,
        length,
        settings.temperature,
        settings.answers,
        seed,
        config.dtype,
        settings.contrasts,
        config.judger.max_unjudged,
        settings.label_noise,
    )

    def progress(done: int, chunks: int) -> None:
        if done == 1:
            log.begin(chunks)
            # Every chunk is logged anew, also those that were answered before a kill.
            log.resumed(0)
        log.step(done, {})

    with ModelPool(config, out) as pool, pool.use(answerer) as engine:
        tasks, judged = read_instructions(instructions), curriculum.soft(config)
        pseudo_label(tasks, judged, engine, asking, out, counts, progress)


@dataclass(frozen=True)
class RewardModelTraining:
    """What a reward model is trained on."""

    turn: int
    labels: Path
    """Pseudo-labels."""
    out: Path
    """The trained classifier; it appears only when the stage is done."""
    numbers: Path
    """How good it is (JSON); written before it."""


def train_reward_model(config: Config, training: RewardModelTraining, log: StageLog) -> None:
    """Pseudo-labels in, a calibrated sequence classifier out. Raises as `seif.self_supervised.reward_model.train`
    does."""
    from seif.self_supervised import reward_model
    from seif.self_supervised.pseudo_labels import read_pairs

    settings, out = config.self_supervised.reward_model, training.out
    seed = item_seed(config.seed, training.turn, "reward model") % (1 << 31)
    job = reward_model.ClassifierJob(
        model=settings.base or config.model,
        pairs=read_pairs(training.labels),
        settings=settings,
        seed=seed,
        work=Beside(out).checkpoints,
        out=out,
        numbers=training.numbers,
        dtype=config.dtype,
        attn_implementation=config.attn_implementation,
    )
    reward_model.train(job, log)
