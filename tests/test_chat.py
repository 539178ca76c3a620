import asyncio
import json
from contextlib import nullcontext

import pytest
from transformers import AutoTokenizer

from seif.chat import DEFAULT, ChatFormat, chat_format, chat_formats, split_thought
from seif.config import Chat, Config, Grpo
from seif.engines.base import Request
from seif.engines.context import ContextLimit
from seif.engines.local import LocalEngine
from seif.engines.openai import OpenAIEngine
from seif.errors import UsageError
from seif.plugins import load_plugins, unload_plugin
from seif.roles import follower, instructor
from seif.training.arguments import grpo_arguments
from seif.training.data import fitting
from seif.training.job import GrpoJob
from seif.training.rollouts import RewardBatch, RewardFunction

QWEN25 = (
    "{% if messages[0].role != 'system' %}<|im_start|>system\nYou are helpful.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA31 = (
    "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m.role "
    "}}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
QWEN3 = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content.split('</think>')[-1] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
DEEPSEEK_R1 = (
    "<｜begin▁of▁sentence｜>{% for m in messages %}{% if m.role "
    "== 'user' %}<｜User｜>{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}"
)
CHAT = [[{"role": "user", "content": "Hi"}]]


@pytest.fixture
def tokenizer(model):
    return AutoTokenizer.from_pretrained(model, padding_side="left")


@pytest.mark.parametrize(
    ("template", "chat", "end"),
    [
        (QWEN25, Chat(), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
        (LLAMA31, Chat(), "Hi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"),
        (QWEN3, Chat(), "<|im_start|>assistant\n"),
        (QWEN3, Chat(template_kwargs={"enable_thinking": True}), "<|im_start|>assistant\n"),
        (QWEN3, Chat(template_kwargs={"enable_thinking": False}), "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        (DEEPSEEK_R1, Chat(format="deepseek-r1"), "<｜User｜>Hi<｜Assistant｜><think>\n"),
    ],
)
def test_every_place_that_prompts_a_model_writes_the_family_s_prompt(model, tokenizer, template, chat, end):
    tokenizer.chat_template = template
    family = chat_format(chat)
    (prompt,) = family.prompts(tokenizer, CHAT)
    assert prompt.endswith(end)
    assert family.prompt_ids(tokenizer, CHAT) == [tokenizer(prompt, add_special_tokens=False).input_ids]
    engine = LocalEngine.load(model, chat=family)
    engine.tokenizer = tokenizer
    seen = []
    engine.generate_tokens = lambda prompts, **_: seen.extend(prompts) or ([[]] * len(prompts), [{}] * len(prompts))
    engine.answer([Request(CHAT[0], 4)])
    assert seen == family.prompt_ids(tokenizer, CHAT)


def test_a_switch_in_the_config_reaches_lengths_trls_sampler_and_the_job(model, tokenizer, tmp_path):
    tokenizer.chat_template = QWEN3
    tokenizer.save_pretrained(tmp_path)
    on, off = ChatFormat(), ChatFormat(template_kwargs={"enable_thinking": False})
    length = len(on.prompt_ids(tokenizer, CHAT)[0])
    assert list(fitting(str(tmp_path), CHAT, length, on)) == [True]
    assert list(fitting(str(tmp_path), CHAT, length, off)) == [False]

    def job(chat):
        return GrpoJob(
            model=str(model), prompts=CHAT, steps=1, settings=Grpo(), seed=0, work=tmp_path, out=tmp_path, chat=chat
        )

    assert grpo_arguments(job(off)).chat_template_kwargs == {"enable_thinking": False}
    assert grpo_arguments(job(on)).chat_template_kwargs is None
    assert job(on).identity() != job(off).identity()


def test_seeds_are_measured_with_the_template_as_it_will_be_used(model):
    chats = [[{"role": "user", "content": "Hi"}]]
    for chat, fits in ((ChatFormat(), True), (Longer(), False)):
        limit = ContextLimit(str(model), chat)
        with nullcontext() if fits else pytest.raises(UsageError, match="seed 1 has"):
            limit.check(limit.lengths(chats), 400, "seed", "drop it")


class Longer(ChatFormat):
    def prompts(self, tokenizer, conversations):
        return [text + "old " * 200 for text in super().prompts(tokenizer, conversations)]


def served(monkeypatch, content, chat):
    """The completion for a server's reply `content`, and the body that the server got."""
    bodies = []

    async def post(self, path, *, cast_to, body):
        bodies.append(body)
        return json.dumps({"choices": [{"message": {"content": content}, "finish_reason": "stop"}]})

    monkeypatch.setattr("openai.AsyncOpenAI.post", post)
    engine = OpenAIEngine("m", ["http://127.0.0.1:1/v1"], chat=chat)
    return asyncio.run(engine.complete(Request(CHAT[0], 4))), bodies[0]


def test_a_server_gets_the_switch_only_where_there_is_one(monkeypatch):
    _, body = served(monkeypatch, "x", DEFAULT)
    assert "chat_template_kwargs" not in body
    _, body = served(monkeypatch, "x", ChatFormat(template_kwargs={"enable_thinking": False}))
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("chat", "text"),
    [
        (Chat(), "<think>\nwhy\n</think>\n\nThe cat."),
        (Chat(format="deepseek-r1"), "why\n</think>\n\nThe cat."),
        (Chat(format="deepseek-r1"), "<think>why</think>The cat."),
        (Chat(think_start="<|thought|>", think_end="<|answer|>"), "<|thought|>why<|answer|>The cat."),
        (Chat(think_start="<seed:think>", think_end="</seed:think>", opens_thought=True), "why</seed:think>The cat."),
    ],
)
def test_a_reply_is_read_the_same_wherever_it_comes_from(monkeypatch, chat, text):
    family = chat_format(chat)
    completion, _ = served(monkeypatch, text, family)
    assert follower.parse(completion.text, True, "reasoning") == "The cat."
    assert split_thought(completion.text)[0].strip().removeprefix("<think>").strip() == "why"
    rollouts = []

    async def reward(batch, step):
        rollouts.extend(batch)
        return RewardBatch([1.0], {}, [])

    class State:
        global_step = 0

    RewardFunction(reward, 1, [7], family)([[{"content": text}]], [[1]], [0], State, lambda name, value: None)
    assert rollouts[0].text == completion.text
    assert (rollouts[0].prompt_tokens, rollouts[0].new_tokens) == (7, 1)


def test_a_thought_that_the_template_opened_is_part_of_the_form():
    r1 = chat_formats.get("deepseek-r1")
    assert follower.parse(r1.read("why</think><answer>The cat.</answer>"), True, "think_answer") == "The cat."
    assert instructor.parse(r1.read('{"c1": "no"}</think>{"c1": "Avoid commas."}'), True, 1)[0].text == "Avoid commas."
    assert r1.read("cut off in the middle of") == "<think>cut off in the middle of"


def test_the_default_changes_nothing():
    assert chat_format(Config(model="m").chat) == DEFAULT
    assert DEFAULT.fingerprint == ""
    for text in ("The cat.", "<think>a</think>b", "", "a</think>b"):
        assert DEFAULT.read(text) == text
    assert split_thought("The cat.") == (None, "The cat.")


def test_a_family_of_ones_own_is_one_file(tmp_path):
    plugin = tmp_path / "family.py"
    plugin.write_text(
        "from seif.chat import ChatFormat, chat_formats\n"
        "class Channels(ChatFormat):\n"
        "    def read(self, text):\n"
        "        thought, _, answer = text.partition('<|final|>')\n"
        "        return f'<think>{thought}</think>{answer}'\n"
        "chat_formats.add('channels', Channels(template_kwargs={'effort': 'low'}))\n"
    )
    load_plugins([str(plugin)])
    try:
        found = chat_format(Chat(format="channels", template_kwargs={"effort": "high"}))
        assert found.template_kwargs == {"effort": "high"}
        assert follower.parse(found.read("why<|final|>The cat."), True, "reasoning") == "The cat."
        assert found.fingerprint
    finally:
        unload_plugin(str(plugin))
    with pytest.raises(UsageError, match="no chat format 'channels'"):
        chat_format(Chat(format="channels"))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ raise_exception('roles must alternate') }}", "TemplateError: roles must alternate"),
        ("\n{% for m in messages", "line 2"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "1,000,000 steps"),
        ("Hello", "leaves out what the user says"),
    ],
)
def test_a_template_that_can_not_be_used_is_told_before_a_model_is_loaded(tokenizer, template, said):
    DEFAULT.check(tokenizer)
    tokenizer.chat_template = template
    with pytest.raises(UsageError, match="the chat template") as told:
        DEFAULT.check(tokenizer)
    assert said in str(told.value)
    assert "\n" not in str(told.value)
