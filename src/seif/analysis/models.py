"""What takes a model: where the instructions of each turn lie, and how hard they are for one fixed model."""

from __future__ import annotations

from collections.abc import Sequence

from seif.analysis.pools import Adherence, Map, Point, spread
from seif.artifacts import RunDir
from seif.config import Config
from seif.errors import UsageError
from seif.evaluation.held_out import Sampling, accuracy, answer_tasks
from seif.instructions import read_instructions
from seif.listener import Listener
from seif.models import ModelPool
from seif.types import Instruction


def embed_pools(run: RunDir, embedder: str, most: int, listener: Listener) -> Map:
    """At most `most` instructions of each turn, embedded and projected by PCA (scikit-learn).

    `embedder` is a checkpoint directory or hub id. Raises UsageError where scikit-learn is missing, and for fewer than
    three instructions.
    """
    try:
        from sklearn.decomposition import PCA
    except ImportError:
        raise UsageError("embeddings need scikit-learn: pip install 'seif[analyze]'") from None
    from seif.analysis.embeddings import embed

    chosen = [(turn, instruction) for turn, pool in _pools(run) for instruction in spread(pool, most)]
    if len(chosen) < 3:
        raise UsageError(f"{run.root} has too few instructions to compare: {len(chosen)}")
    listener.note(f"embedding {len(chosen)} instructions with {embedder}")
    vectors = embed(embedder, [instruction.prompt for _, instruction in chosen], run.config().dtype)
    components = PCA(n_components=2, random_state=0)
    places = components.fit_transform(vectors)
    first, second = (float(share) for share in components.explained_variance_ratio_)
    points = [
        Point(turn=turn, seed=instruction.seed, x=float(x), y=float(y))
        for (turn, instruction), (x, y) in zip(chosen, places, strict=True)
    ]
    return Map(points=points, explained=(first, second))


async def adherence_of_base(run: RunDir, config: Config, most: int, listener: Listener) -> list[Adherence]:
    """The run's base on at most `most` instructions of each turn, at the temperature of rollouts: the same model in all
    turns, so what changes is the instructions. Constraints that no rule checks are left out."""
    grpo = config.follower.grpo
    sampling = Sampling(config.prompts, config.follower.format, grpo.max_new_tokens, grpo.temperature, config.seed)
    found = []
    with ModelPool(config) as models, models.use(config.model) as engine:
        for turn, pool in _pools(run):
            tasks = spread([task for task in map(_checkable, pool) if task.constraints], most)
            listener.note(f"turn {turn}: the base answers {len(tasks)} instructions")
            answers = await answer_tasks(engine, tasks, sampling)
            measured = accuracy(answers)
            found.append(
                Adherence(
                    turn=turn,
                    instructions=len(tasks),
                    constraints=sum(len(task.constraints) for task in tasks),
                    accuracy=measured.constraint_accuracy,
                    stderr=measured.stderr,
                )
            )
    return found


def _pools(run: RunDir) -> list[tuple[int, Sequence[Instruction]]]:
    turns = [turn for turn in range(run.config().turns + 1) if run.instructions(turn).exists()]
    return [(turn, read_instructions(run.instructions(turn))) for turn in turns]


def _checkable(instruction: Instruction) -> Instruction:
    """With the constraints alone that a rule checks."""
    return Instruction(instruction.seed, tuple(c for c in instruction.constraints if c.checkable))
