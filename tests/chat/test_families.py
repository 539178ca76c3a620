"""The paper's model families, each small, through everything that speaks to a model: prompts, generation, training."""

import pytest
from families import FAMILIES, QWEN3, THOUGHT, Family

from seif.chat import chat_format, split_thought
from seif.config import Chat, Grpo
from seif.engines.base import Request
from seif.engines.local import LocalEngine
from seif.engines.precision import choose
from seif.roles import follower
from seif.training.grpo import train
from seif.training.job import GrpoJob
from seif.training.rollouts import RewardBatch
from support import RecordingLog

PROMPTS = [[{"role": "user", "content": text}] for text in ("Hi", "Who?")]
SYSTEM = [{"role": "system", "content": "Be brief."}, *PROMPTS[0]]
HISTORY = [*PROMPTS[0], {"role": "assistant", "content": f"{THOUGHT}Hello."}, *PROMPTS[1]]
ENDS = {
    "qwen2.5": "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
    "llama-3.1": "Hi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "r1-distill-qwen": "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜><think>\n",
    "r1-0528-qwen3": "<｜begin▁of▁sentence｜><｜User｜>Hi<｜Assistant｜>",
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_prompt_has_the_family_s_form_and_its_tokens(name):
    family = FAMILIES[name]
    tokenizer, chat = family.tokenizer(), family.chat
    (prompt,) = chat.prompts(tokenizer, PROMPTS[:1])
    assert prompt.endswith(ENDS[name])
    (ids,) = chat.prompt_ids(tokenizer, PROMPTS[:1])
    assert tokenizer.decode(ids) == prompt
    if family.begin:
        assert ids.count(tokenizer.bos_token_id) == 1, "the template writes it, and nobody else"


def test_system_prompts_are_the_family_s_own():
    prompts = {name: family.chat.prompts(family.tokenizer(), [SYSTEM])[0] for name, family in FAMILIES.items()}
    assert all("Be brief." in prompt for prompt in prompts.values())
    without = {name: family.chat.prompts(family.tokenizer(), PROMPTS[:1])[0] for name, family in FAMILIES.items()}
    assert "<|im_start|>system\nBe of use." in without["qwen2.5"]
    assert "Be of use." not in prompts["qwen2.5"]
    assert "Year: 2024" in without["llama-3.1"]


@pytest.mark.parametrize("name", ["r1-distill-qwen", "r1-0528-qwen3"])
def test_earlier_thoughts_are_not_read_again(name):
    family = FAMILIES[name]
    (prompt,) = family.chat.prompts(family.tokenizer(), [HISTORY])
    assert "Hello." in prompt
    assert "why" not in prompt


@pytest.mark.parametrize(
    ("switch", "end"),
    [({}, ""), ({"enable_thinking": True}, ""), ({"enable_thinking": False}, "<think>\n\n</think>\n\n")],
)
def test_qwen3_s_switch_closes_the_thought(switch, end):
    qwen3 = Family("nano", "qwen3", QWEN3, None, "<|im_end|>", "A cat.", ("<|im_start|>",))
    chat = chat_format(Chat(template_kwargs=switch))
    (prompt,) = chat.prompts(qwen3.tokenizer(), PROMPTS[:1])
    assert prompt.endswith(f"<|im_start|>assistant\n{end}")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tmp_path_factory):
    """A family, and a model of it."""
    found = FAMILIES[request.param]
    return found, found.build(tmp_path_factory.mktemp(request.param) / "model", PROMPTS)


def answer_of(family, text, finished):
    form = "reasoning" if family.thinks else "plain"
    return follower.parse(text, finished, form)


@pytest.mark.slow
def test_a_model_of_each_family_writes_what_it_has_learned(family):
    found, model = family
    engine = LocalEngine.load(model, "float32", chat=found.chat)
    for completion in engine.answer([Request(prompt, 24) for prompt in PROMPTS]):
        assert completion.finish_reason == "stop"
        assert answer_of(found, completion.text, True) == "A cat."
        thought, _ = split_thought(completion.text)
        assert (thought is not None) == found.thinks


@pytest.mark.slow
def test_a_step_of_grpo_reads_answers_without_their_thoughts(family, tmp_path):
    found, model = family
    answers = []

    async def reward(rollouts, step):
        answers.extend(answer_of(found, r.text, r.finished) for r in rollouts)
        return RewardBatch([float(i % 2) for i in range(len(rollouts))], {}, [])

    log = RecordingLog()
    settings = Grpo(
        prompts_per_step=2, samples=2, updates_per_step=1, micro_batch=2, max_prompt_tokens=256, max_new_tokens=24
    )
    job = GrpoJob(
        model=str(model),
        prompts=PROMPTS,
        steps=1,
        settings=settings,
        seed=0,
        work=tmp_path / "work",
        out=tmp_path / "out",
        chat=found.chat,
        dtype=choose("float32").dtype,
    )
    train(job, reward, log)
    assert len(answers) == 4
    assert answers.count("A cat.") >= 3
    ((step, metrics, _),) = log.steps
    assert step == 1
    assert (tmp_path / "out" / "chat_template.jinja").read_text(encoding="utf-8") == found.template
    assert metrics["grad_norm"] > 0


def test_the_shipped_configs_of_models_that_think_expect_a_thought():
    for family in FAMILIES.values():
        assert (family.answer_format == "reasoning") == family.thinks
