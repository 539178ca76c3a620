from pathlib import Path
from typing import get_args

import pytest

from seif.config import Grpo, Loss
from seif.errors import UsageError
from seif.training.arguments import check_settings, grpo_arguments
from seif.training.job import GrpoJob
from seif.training.trainer import ORDER_FREE_LOSSES, rows_are_exchangeable
from support import call


def arguments(**settings):
    return grpo_arguments(
        GrpoJob(model="", prompts=[], steps=2, settings=Grpo(**settings), seed=0, work=Path(), out=Path())
    )


def test_a_config_chooses_the_loss_and_adds_settings_of_trls():
    assert arguments().loss_type == "dapo"
    found = arguments(loss="luspo", extra={"importance_sampling_level": "sequence", "scale_rewards": "none"})
    assert (found.loss_type, found.importance_sampling_level, found.scale_rewards) == ("luspo", "sequence", "none")


def test_a_colocated_vllm_gets_its_settings_and_room_for_the_longest_rollout():
    colocate = {"tensor_parallel": 2, "gpu_memory_utilization": 0.4, "sleep": True}
    found = arguments(sampler="vllm", colocate=colocate, max_prompt_tokens=100, max_new_tokens=28)
    assert found.use_vllm
    assert found.vllm_tensor_parallel_size == 2
    assert found.vllm_gpu_memory_utilization == 0.4
    assert found.vllm_enable_sleep_mode
    assert found.vllm_max_model_length == 128


@pytest.mark.parametrize("sampler", ["served", "vllm"])
def test_the_correction_for_the_sampler_is_the_configs(sampler):
    found = arguments(sampler=sampler)
    assert (found.vllm_importance_sampling_correction, found.vllm_importance_sampling_mode) == (True, "sequence_mask")
    assert arguments(sampler=sampler, importance_correction="token_mask").vllm_importance_sampling_mode == "token_mask"
    assert not arguments(sampler=sampler, importance_correction="none").vllm_importance_sampling_correction
    assert arguments(sampler=sampler).use_vllm == (sampler == "vllm")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"beta": 0.1}, r"grpo.extra.beta is set by seif itself; set grpo.kl"),
        ({"learning_rate": 0.1}, r"set grpo.learning_rate"),
        ({"num_iterations": 2}, r"grpo.extra.num_iterations is set by seif itself; leave it out"),
        (
            {"importance_sampling_levl": "token"},
            r"no setting of TRL's GRPOConfig; did you mean 'importance_sampling_level'",
        ),
        ({"n_gpu": 1}, r"grpo.extra.n_gpu is no setting of TRL's GRPOConfig"),
        ({"repetition_penalty": 1.1}, r"goes with grpo.sampler: vllm"),
        ({"vllm_importance_sampling_mode": "token_mask"}, r"set grpo.importance_correction"),
        ({"vllm_enable_sleep_mode": True}, r"set grpo.colocate.sleep"),
        ({"log_completions_hub_repo": "me/mine"}, r"TRL refuses these settings: log_completions_hub_repo is set"),
    ],
)
def test_settings_that_can_not_be_added_are_refused_in_one_line(extra, message):
    with pytest.raises(UsageError, match=message) as refused:
        check_settings(Grpo(extra=extra))
    assert "\n" not in str(refused.value)


def test_they_are_refused_before_anything_runs(tmp_path, capsys, monkeypatch, root):
    run = ("run", "nano-tiny", "--run-dir", tmp_path / "run", "--set")
    code, _, err = call(capsys, monkeypatch, *run, "follower.grpo.extra={betta: 1}")
    assert (code, "did you mean 'beta'" in err, (tmp_path / "run" / "config.yaml").exists()) == (2, True, False)
    code, _, err = call(capsys, monkeypatch, *run, "follower.grpo.loss=ppo")
    assert (code, "follower.grpo.loss" in err) == (2, True)


def test_rows_change_their_micro_batch_only_where_the_update_stays_the_same():
    assert {*ORDER_FREE_LOSSES, "bnpo"} == {*get_args(Loss)}
    assert rows_are_exchangeable(arguments())
    for settings in (
        {"loss": "bnpo"},
        {"extra": {"top_entropy_quantile": 0.2}},
        {"extra": {"entropy_coef": 0.01}},
        {"extra": {"use_adaptive_entropy": True}},
    ):
        assert not rows_are_exchangeable(arguments(**settings))
