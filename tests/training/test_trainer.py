import pytest
import torch
from safetensors.torch import load_file
from transformers import Qwen3Model
from trl import GRPOTrainer

from seif.config import Grpo
from seif.training import grpo
from seif.training.trainer import regroup
from support import NANO


def batch(*rows, columns=6):
    """Rows as (prompt's token, tokens of the completion)."""
    mask = torch.tensor([[1] * n + [0] * (columns - n) for _, n in rows])
    prompts = torch.tensor([[0, token] for token, _ in rows])
    return {
        "prompt_ids": prompts,
        "prompt_mask": torch.ones_like(prompts),
        "completion_ids": torch.full(mask.shape, 7),
        "completion_mask": mask,
        "advantages": torch.tensor([n for _, n in rows]) / 10,
        "num_items_in_batch": torch.tensor(9),
    }


def test_groups_stay_together_those_of_like_length_beside_each_other_and_rows_whole():
    first, second = regroup([batch((4, 5), (3, 1), (4, 4)), batch((3, 2), (4, 6), (3, 3))])
    for part, prompt, lengths in ((first, 3, [1, 2, 3]), (second, 4, [4, 5, 6])):
        assert part["prompt_ids"][:, 1].tolist() == [prompt] * 3
        assert part["completion_mask"].sum(1).tolist() == lengths
        assert part["advantages"].tolist() == pytest.approx([n / 10 for n in lengths])
        assert part["num_items_in_batch"] == 9


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 1e-4), ("bfloat16", 0.1)])
def test_the_update_is_trls_own_with_less_to_read(tmp_path, monkeypatch, dtype, bound):
    read = []
    forward = Qwen3Model.forward

    def counted(self, input_ids=None, past_key_values=None, **kwargs):
        if past_key_values is None:
            read.append(input_ids.numel())
        return forward(self, input_ids=input_ids, past_key_values=past_key_values, **kwargs)

    monkeypatch.setattr(Qwen3Model, "forward", counted)
    settings = Grpo(
        learning_rate=1e-3, prompts_per_step=4, samples=3, updates_per_step=2, micro_batch=3, kl=0.05,
        max_prompt_tokens=128, max_new_tokens=48, gradient_checkpointing=False,
    )  # fmt: skip

    class Compared(grpo.GroupedTrainer):
        """Checks on the way that no token that counts was left out, and none is another's."""

        def _get_per_token_logps_and_entropies(self, model, input_ids, attention_mask, logits_to_keep, batch_size=None, **options):
            found = super()._get_per_token_logps_and_entropies(model, input_ids, attention_mask, logits_to_keep, batch_size, **options)
            reads = len(read)
            with torch.no_grad():
                whole = GRPOTrainer._get_per_token_logps_and_entropies(self, model, input_ids, attention_mask, logits_to_keep, batch_size, **options)
            del read[reads:]
            counts = attention_mask[:, -logits_to_keep:].bool()
            furthest.append((found[0].detach() - whole[0])[counts].abs().max().item())
            return found

    furthest = []
    prompts = [[{"role": "user", "content": "Tell me about the " + " and the ".join(["river"] * n) + "."}] for n in (1, 2, 8, 16)]

    async def reward(samples, step):
        return grpo.Payment([1 / (1 + len(s.text)) for s in samples], {}, [{"text": s.text} for s in samples])

    losses, cells, weights = [], [], []
    for name, trainer in (("grouped", Compared), ("plain", GRPOTrainer)):
        monkeypatch.setattr(grpo, "GroupedTrainer", trainer)
        read.clear()
        log = []
        out = tmp_path / name

        def save(model, tokenizer, out=out):
            model.save_pretrained(out)

        hooks = grpo.Hooks(lambda step: None, lambda step, metrics, records, log=log: log.append((metrics["loss"], records)))
        grpo.train(grpo.Job(str(NANO / "model"), prompts, 1, settings, 3, tmp_path / f"{name}.work", out, dtype=dtype), reward, hooks, save)
        losses.append(log)
        cells.append(sum(read))
        weights.append(load_file(out / "model.safetensors"))
    (grouped, texts), (plain, the_same) = losses[0][0], losses[1][0]
    assert texts == the_same
    assert grouped == pytest.approx(plain, rel=2e-2, abs=1e-4)
    assert max(furthest) < bound
    # Adam takes the sign of what rounding leaves of the small gradients, so the two updates point one way, and are not equal.
    start = load_file(NANO / "model" / "model.safetensors")
    for name, before in start.items():
        grouped_update, plain_update = ((of[name] - before.float()).flatten() for of in weights)
        assert torch.cosine_similarity(grouped_update, plain_update, dim=0) > 0.9, name
    assert cells[0] < 0.8 * cells[1]
