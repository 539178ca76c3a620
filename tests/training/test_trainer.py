from typing import get_args

import pytest
import torch
from safetensors.torch import load_file
from transformers import Qwen3Model
from trl import GRPOTrainer
from trl.trainer import grpo_trainer

from seif.config import Grpo, Loss
from seif.errors import UsageError
from seif.training import grpo, trainer
from seif.training.job import GrpoJob
from seif.training.rollouts import RewardBatch
from seif.training.trainer import GroupedTrainer, check_methods, joined, micro_batches, updates_of
from support import NANO, RecordingLog

SETTINGS = Grpo(
    learning_rate=1e-3, prompts_per_step=4, samples=3, updates_per_step=2, micro_batch=3, kl=0.05,
    max_prompt_tokens=128, max_new_tokens=48, gradient_checkpointing=False,
)  # fmt: skip
PROMPTS = [
    [{"role": "user", "content": "Tell me about the " + " and the ".join(["river"] * n) + "."}] for n in (1, 2, 8, 16)
]


async def short_is_good(rollouts, step):
    return RewardBatch([1 / (1 + len(r.text)) for r in rollouts], {}, [{"text": r.text} for r in rollouts])


def run(folder, settings=SETTINGS, dtype="float32"):
    """One step on the embedded model: (loss, texts, weights)."""
    log, out = RecordingLog(), folder / "out"
    job = GrpoJob(
        model=str(NANO / "model"),
        prompts=PROMPTS,
        steps=1,
        settings=settings,
        seed=3,
        work=folder / "work",
        out=out,
        dtype=dtype,
    )
    grpo.train(job, short_is_good, log)
    ((_, metrics, records),) = log.steps
    return metrics["loss"], records, load_file(out / "model.safetensors")


@pytest.fixture
def same_updates(monkeypatch):
    """TRL's own trainer puts the same rows into an update: it shuffles them, as the only thing that differs."""

    def in_our_order(rows):
        # The seed of the job, and its only step.
        updates = updates_of(range(len(rows["prompt_ids"])), SETTINGS.updates_per_step, "3/0")
        order = [i for update in updates for i in update]
        return {key: value[order] if value is not None and value.ndim else value for key, value in rows.items()}

    monkeypatch.setattr(grpo_trainer, "shuffle_sequence_dict", in_our_order)


def batch(*rows):
    """Rows of (prompt token, completion length), padded to 2 and 6 columns."""
    lengths = torch.tensor([length for _, length in rows])
    return {
        "prompt_ids": torch.tensor([[0, token] for token, _ in rows]),
        "prompt_mask": torch.tensor([[0, 1]] * len(rows)),
        "completion_ids": torch.ones(len(rows), 6, dtype=torch.long),
        "completion_mask": (torch.arange(6) < lengths[:, None]).long(),
        "advantages": lengths / 10,
        "num_items_in_batch": torch.tensor(9),
    }


def test_groups_stay_together_beside_those_of_like_length():
    rows = joined([batch((5, 4), (7, 1)), batch((7, 2), (5, 6))])
    first, second = micro_batches(rows, 2, exchangeable=True)
    assert first["prompt_ids"][:, 1].tolist() == [7, 7]
    assert second["completion_mask"].sum(1).tolist() == [4, 6]
    assert second["advantages"].tolist() == pytest.approx([0.4, 0.6])
    assert second["num_items_in_batch"] == 9


def test_rows_that_are_not_exchangeable_keep_their_order():
    rows = joined([batch((5, 4), (7, 1)), batch((7, 2), (5, 6))])
    found = micro_batches(rows, 2, exchangeable=False)
    assert [b["prompt_ids"][:, 1].tolist() for b in found] == [[5, 7], [7, 5]]


def test_which_rows_are_in_an_update_does_not_depend_on_who_holds_them():
    """24 rows in 3 updates, held by one process or by two or four."""
    whole = [sorted(update) for update in updates_of(range(24), 3, "0/7")]
    assert sorted(row for update in whole for row in update) == list(range(24))
    for world in (2, 4):
        size = 24 // world
        parts = [updates_of(range(rank * size, (rank + 1) * size), 3, "0/7") for rank in range(world)]
        assert all(len(update) == size // 3 for part in parts for update in part)
        together = [sorted(rank * size + i for rank in range(world) for i in parts[rank][u]) for u in range(3)]
        assert together == whole
    assert [sorted(update) for update in updates_of(range(24), 3, "0/8")] != whole


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-4), ("bfloat16", 0.1)])
@pytest.mark.usefixtures("same_updates")
def test_the_update_is_trls_own_with_less_to_read(tmp_path, monkeypatch, dtype, bound):
    read, furthest = [], []
    forward = Qwen3Model.forward

    def counted(self, input_ids=None, past_key_values=None, **kwargs):
        if past_key_values is None:
            read.append(input_ids.numel())
        return forward(self, input_ids=input_ids, past_key_values=past_key_values, **kwargs)

    class Compared(GroupedTrainer):
        """Compares every completion token's log-probability with TRL's own."""

        def _get_per_token_logps_and_entropies(
            self, model, input_ids, attention_mask, logits_to_keep, batch_size=None, **options
        ):
            given = (model, input_ids, attention_mask, logits_to_keep, batch_size)
            found = super()._get_per_token_logps_and_entropies(*given, **options)
            reads = len(read)
            with torch.no_grad():
                whole = GRPOTrainer._get_per_token_logps_and_entropies(self, *given, **options)
            del read[reads:]
            counts = attention_mask[:, -logits_to_keep:].bool()
            furthest.append((found[0].detach() - whole[0])[counts].abs().max().item())
            return found

    monkeypatch.setattr(Qwen3Model, "forward", counted)
    results, positions = [], []
    for kind in (Compared, GRPOTrainer):
        monkeypatch.setattr(grpo, "GroupedTrainer", kind)
        read.clear()
        results.append(run(tmp_path / kind.__name__, dtype=dtype))
        positions.append(sum(read))
    (grouped, texts, grouped_weights), (plain, the_same, plain_weights) = results
    assert texts == the_same
    assert grouped == pytest.approx(plain, rel=2e-2, abs=1e-4)
    assert max(furthest) < bound
    start = load_file(NANO / "model" / "model.safetensors")
    for name, before in start.items():
        updates = ((weights[name] - before.float()).flatten() for weights in (grouped_weights, plain_weights))
        assert torch.cosine_similarity(*updates, dim=0) > 0.9, name
    assert positions[0] < 0.8 * positions[1]


@pytest.mark.slow
@pytest.mark.parametrize("loss", get_args(Loss))
@pytest.mark.usefixtures("same_updates")
def test_every_loss_is_trls_own(tmp_path, monkeypatch, loss):
    extra = {"importance_sampling_level": "sequence"} if loss == "luspo" else {}
    settings = SETTINGS.model_copy(update={"loss": loss, "extra": extra, "max_new_tokens": 16, "kl": 0.5})
    grouped, texts, _ = run(tmp_path / "grouped", settings)
    monkeypatch.setattr(grpo, "GroupedTrainer", GRPOTrainer)
    plain, the_same, _ = run(tmp_path / "plain", settings)
    assert texts == the_same
    assert grouped == pytest.approx(plain, rel=1e-3, abs=1e-6)


class WithoutThem:
    pass


class WithAnotherParameter:
    def _prepare_inputs(self, generation_batch, mode):
        pass


class WithAnOptionalOne(GRPOTrainer):
    def _prepare_inputs(self, generation_batch, mode=None, **options):
        pass


def test_another_trl_is_refused_in_one_line():
    check_methods(GRPOTrainer)
    check_methods(WithAnOptionalOne)
    with pytest.raises(
        UsageError, match=r"the installed trl \S+ has no _prepare_inputs.*pip install 'trl>=1.16,<1.17'"
    ):
        check_methods(WithoutThem)
    with pytest.raises(UsageError, match="other parameters of _prepare_inputs"):
        check_methods(WithAnotherParameter)


def test_a_trl_without_the_buffer_is_refused(monkeypatch):
    monkeypatch.setattr(GRPOTrainer, "__init__", lambda self: setattr(self, "_step", 0))
    with pytest.raises(UsageError, match="has no _buffered_inputs"):
        GroupedTrainer()


def test_the_trl_that_is_named_is_the_one_that_is_required(root):
    assert f'"{trainer.TRL}"' in (root / "pyproject.toml").read_text(encoding="utf-8")
