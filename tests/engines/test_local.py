import asyncio

import pytest

from seif.engines.base import TOO_LONG, Request
from seif.engines.local import LocalEngine, _group

QUESTIONS = [f"Tell me about the {thing}.\nAvoid commas." for thing in ("river", "cat", "train", "clock", "library")]


def request(content, **changes):
    settings = {"max_tokens": 24, "temperature": 1.0, "seed": 7, **changes}
    return Request([{"role": "user", "content": content}], **settings)


def ask(engine, requests):
    async def together():
        return await asyncio.gather(*(engine.complete(r) for r in requests))

    return asyncio.run(together())


def test_sampling_is_repeatable_and_seeded_per_request(engine):
    requests = [request(QUESTIONS[0], seed=s) for s in range(6)]
    first, second = ask(engine, requests), ask(engine, requests)
    assert [c.text for c in first] == [c.text for c in second]
    assert len({c.text for c in first}) > 1


def test_tokens_are_those_that_are_read_and_written(engine):
    """However much of a prompt is shared, and whatever else is in the batch."""
    requests = [request(QUESTIONS[0], seed=s) for s in range(3)] + [request(QUESTIONS[1], max_tokens=3)]
    prompts = engine.chat.prompt_ids(engine.tokenizer, [r.messages for r in requests])
    found = ask(engine, requests)
    assert [c.prompt_tokens for c in found] == [len(prompt) for prompt in prompts]
    for completion in found:
        text = engine.tokenizer(completion.text, add_special_tokens=False).input_ids
        assert completion.new_tokens == len(text) + (completion.finish_reason == "stop")
    assert found[3].new_tokens == 3
    (lost,) = ask(engine, [request("old " * engine.context)])
    assert (lost.error, lost.prompt_tokens, lost.new_tokens) == (TOO_LONG, 0, 0)


def test_everything_asked_at_once_is_one_job(engine, monkeypatch):
    jobs = []
    whole = LocalEngine.answer
    monkeypatch.setattr(
        LocalEngine, "answer", lambda self, requests: jobs.append(len(requests)) or whole(self, requests)
    )
    ask(engine, [request(q) for q in QUESTIONS])
    assert jobs == [len(QUESTIONS)]


def test_a_batch_answers_as_each_alone_does(model):
    """In float32, sharing, padding and leaving the batch early must not change a greedy answer."""
    exact = LocalEngine.load(model, dtype="float32")
    requests = [request(q, temperature=0.0) for q in QUESTIONS + QUESTIONS[:2]]
    together = ask(exact, requests)
    alone = [ask(exact, [r])[0] for r in requests]
    assert [c.text for c in together] == [c.text for c in alone]


def test_shared_prefixes_give_the_same_probabilities(model):
    exact = LocalEngine.load(model, dtype="float32")
    shared = "Judge the reply.\nTell me about the river.\nReply:\nThe river is old. It is calm, small and kind.\nRule: "
    requests = [
        request(shared + rule, max_tokens=1, temperature=0.0, top_logprobs=5)
        for rule in ("Avoid commas.", "Use only lowercase.", "Add a title in <<>>.")
    ]
    for both, single in zip(ask(exact, requests), (ask(exact, [r])[0] for r in requests), strict=True):
        assert both.first_token_logprobs == pytest.approx(dict(single.first_token_logprobs), abs=1e-4)


def test_an_overlong_prompt_is_an_error_completion_and_hurts_nobody_else(engine):
    long, fine = ask(engine, [request("old " * 600), request(QUESTIONS[0])])
    assert long.finish_reason == "error"
    assert "context" in long.error
    assert fine.text


def test_the_limit_is_told_from_the_end_token(engine):
    (cut,) = ask(engine, [request(QUESTIONS[0], max_tokens=2)])
    assert cut.finish_reason == "length"
    assert any(c.finish_reason == "stop" for c in ask(engine, [request(q, max_tokens=80) for q in QUESTIONS]))


def test_a_small_budget_changes_nothing_greedy(model):
    requests = [request(q, temperature=0.0) for q in QUESTIONS]
    large, small = LocalEngine.load(model, dtype="float32"), LocalEngine.load(model, dtype="float32", token_budget=512)
    assert [c.text for c in ask(large, requests)] == [c.text for c in ask(small, requests)]


def test_grouping_shares_beginnings_and_leaves_a_token_to_read():
    head = list(range(40))
    groups = _group([[*head, 1, 2], [9, 9], [*head, 1, 3], [*head, 5], [9, 9]])
    shared = {tuple(sorted(g.members)): len(g.shared) for g in groups}
    assert shared[(0, 2, 3)] == 40
    assert sum(len(g.members) for g in groups) == 5
    assert all(len(g.shared) < 42 for g in groups)


def test_a_template_gets_the_tools_of_its_own_request(engine, monkeypatch):
    template = "{% if tools %}{{ tools[0].name }} {% endif %}{{ messages[0].content }}"
    monkeypatch.setattr(engine.tokenizer, "chat_template", template)
    asked = [request("the river", tools=({"name": name},) if name else ()) for name in ("cat", "", "train")]
    assert [engine.tokenizer.decode(ids) for ids in engine._prompts(asked)] == [
        "cat the river",
        "the river",
        "train the river",
    ]
