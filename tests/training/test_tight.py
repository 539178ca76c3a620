import pytest
import torch
from safetensors.torch import load_file
from seif.training.tight import by_length
from transformers import Qwen3Model
from trl import GRPOTrainer

from seif.config import Grpo
from seif.training import grpo
from support import NANO


def batch(*lengths, columns=6):
    mask = torch.tensor([[1] * n + [0] * (columns - n) for n in lengths])
    prompts = torch.ones(len(lengths), 2, dtype=torch.long)
    return {"prompt_mask": prompts, "completion_mask": mask, "advantages": torch.tensor(lengths) / 10, "num_items_in_batch": torch.tensor(9)}


def test_rows_of_like_length_come_together_and_stay_whole():
    first, second = by_length([batch(5, 1, 4), batch(2, 6, 3)])
    for part, lengths in ((first, [1, 2, 3]), (second, [4, 5, 6])):
        assert part["completion_mask"].sum(1).tolist() == lengths
        assert part["advantages"].tolist() == pytest.approx([n / 10 for n in lengths])
        assert part["num_items_in_batch"] == 9


@pytest.mark.slow
def test_the_update_is_trls_own_with_less_to_read(tmp_path, monkeypatch):
    read = []
    forward = Qwen3Model.forward

    def counted(self, input_ids=None, past_key_values=None, **kwargs):
        if past_key_values is None:
            read.append(input_ids.numel())
        return forward(self, input_ids=input_ids, past_key_values=past_key_values, **kwargs)

    monkeypatch.setattr(Qwen3Model, "forward", counted)
    settings = Grpo(
        learning_rate=1e-3, prompts_per_step=4, samples=3, updates_per_step=2, micro_batch=3, kl=0.05, dtype="float32",
        max_prompt_tokens=128, max_new_tokens=48, gradient_checkpointing=False,
    )  # fmt: skip

    class Compared(grpo.TightTrainer):
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
    for name, trainer in (("tight", Compared), ("plain", GRPOTrainer)):
        monkeypatch.setattr(grpo, "TightTrainer", trainer)
        read.clear()
        log = []
        out = tmp_path / name

        def save(model, tokenizer, out=out):
            model.save_pretrained(out)

        hooks = grpo.Hooks(lambda step: None, lambda step, metrics, records, log=log: log.append((metrics["loss"], records)))
        grpo.train(grpo.Job(str(NANO / "model"), prompts, 1, settings, 3, tmp_path / f"{name}.work", out), reward, hooks, save)
        losses.append(log)
        cells.append(sum(read))
        weights.append(load_file(out / "model.safetensors"))
    (tight, texts), (plain, the_same) = losses[0][0], losses[1][0]
    assert texts == the_same
    assert tight == pytest.approx(plain, rel=2e-2, abs=1e-4)
    assert max(furthest) < 0.1  # what bf16 leaves of it
    # Adam takes the sign of what bf16 leaves of the small gradients, so the two updates point one way, and are not equal.
    start = load_file(NANO / "model" / "model.safetensors")
    for name, before in start.items():
        tight_update, plain_update = ((of[name] - before.float()).flatten() for of in weights)
        assert torch.cosine_similarity(tight_update, plain_update, dim=0) > 0.9, name
    assert cells[0] < 0.8 * cells[1]
