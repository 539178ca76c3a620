"""A run's Follower as a model folder for others: weights, tokenizer, chat template, settings and a model card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seif.activity import doing
from seif.artifacts import RunDir
from seif.atomic import new_directory, write_text
from seif.engines.adapter import is_adapter
from seif.engines.quiet import quiet
from seif.errors import UsageError
from seif.outputs import check_new
from seif.selection import trained_follower


@dataclass(frozen=True)
class Export:
    """A model folder that was written."""

    path: Path
    turn: int
    """Whose Follower it is."""
    adapter: bool
    """Whether it holds an adapter alone, which needs its base."""
    url: str | None = None
    """Its page on the hub, where it was pushed."""


@dataclass(frozen=True)
class Push:
    """Where on the hub a folder goes."""

    name: str
    """USER/NAME, or NAME under the user's own."""
    public: bool = False


def export(
    run: str | Path, out: str | Path, turn: str | None = None, adapter: bool = False, push: Push | None = None
) -> Export:
    """Write the Follower of a turn (`best`, `last` or a number; by default the best by the audit, or the last without
    one) to the new folder `out`, and push it.

    An adapter is merged into its base, in the base's type; with `adapter` it is kept alone. Raises UsageError for a
    directory that is no run or has no such Follower, for a folder that isn't empty, and for an `adapter` where all
    weights were trained; RunError where the hub breaks, and then the folder is whole.
    """
    from seif.model_card import model_card

    target = Path(out)
    if not target.exists():
        check_new(target)
    elif not target.is_dir() or any(target.iterdir()):
        raise UsageError(f"{target} exists already and is not empty; remove it or choose another --out")
    number, model = trained_follower(Path(run), turn)
    if adapter and not is_adapter(model):
        raise UsageError(f"turn {number} of {run} trained all weights, so there is no adapter; leave out --adapter")
    quiet()
    # They load torch, which a mistake should not wait for.
    from seif.engines import merging, publishing
    from seif.engines.checkpoint import check_checkpoint

    check_checkpoint(str(model))
    if push is not None:
        publishing.check_push(push.name, push.public)
    card = model_card(RunDir(Path(run)), number, adapter)
    with doing("writing the model"), new_directory(target) as folder:
        (merging.write_adapter if adapter else merging.write_merged)(model, folder)
        write_text(folder / "README.md", card)
    if push is None:
        return Export(target, number, adapter)
    with doing(f"pushing to {push.name}"):
        return Export(target, number, adapter, publishing.push(target, push.name, push.public))
