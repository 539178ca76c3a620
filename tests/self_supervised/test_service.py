from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request

import pytest
import uvicorn

from seif.errors import UsageError
from seif.self_supervised.classifier import ClassifierJudge, Service, in_process
from seif.self_supervised.inputs import Item
from seif.self_supervised.scorer import Scored, Scorer
from seif.self_supervised.service import MOST_ITEMS, application
from seif.types import Constraint, Instruction, Verdict

TASK = Instruction("Tell me about the river.", (Constraint("Avoid commas."), Constraint("Use only lowercase.")))
GOOD = {"instruction": "Why?", "constraint": "Avoid commas.", "response": "It is old."}


class Running:
    """The service on a free port, in a thread."""

    def __init__(self, scorer):
        self.server = uvicorn.Server(
            uvicorn.Config(application(scorer, "some/model"), host="127.0.0.1", port=0, log_level="error")
        )
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def __exit__(self, *_):
        self.server.should_exit = True
        self.thread.join(20)


@pytest.fixture(scope="module")
def service(untrained):
    with Running(Scorer.load(untrained, "float32")) as url:
        yield url


def post(url, body):
    request = urllib.request.Request(f"{url}/score", body if isinstance(body, bytes) else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def health(url):
    with urllib.request.urlopen(f"{url}/health", timeout=10) as reply:
        return json.loads(reply.read())


def judge(ask, replies):
    judger = ClassifierJudge(ask)

    async def all_of_them():
        return await asyncio.gather(*(judger.judge(TASK, reply, c) for reply in replies for c in TASK.constraints))

    return asyncio.run(all_of_them())


def test_a_served_model_judges_as_the_same_one_in_process_does(service, untrained):
    replies = [f"It is {w}, \ud800 and more." for w in ("old", "new", "red")]
    near = judge(in_process(Scorer.load(untrained, "float32")), replies)
    far = judge(Service(service).ask, replies)
    assert [j.probability for j in far] == pytest.approx([j.probability for j in near], abs=1e-4)
    assert len({round(j.probability, 6) for j in far}) > 2


def test_health_names_the_model(service):
    assert health(service)["model"] == "some/model"
    Service(service).check()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "JSON"),
        ({"items": [{**GOOD, "response": None}]}, 422, "items.0.response"),
        ({"items": [{**GOOD, "constraint": ""}]}, 422, "items.0.constraint"),
        ({"items": [{"response": "x", "constraint": "y"}]}, 422, "items.0.instruction"),
        ({"items": [{**GOOD, "mood": "kind"}]}, 422, "items.0.mood"),
        ({"rows": []}, 422, "items"),
        ({"items": [GOOD] * (MOST_ITEMS + 1)}, 422, "items"),
    ],
)
def test_bad_input_is_told_in_one_line(service, body, status, said):
    code, reply = post(service, body)
    assert code == status
    assert said in reply["error"]
    assert "\n" not in reply["error"]


@pytest.mark.parametrize("in_parts", [False, True])
def test_no_more_is_read_than_a_request_may_have(service, monkeypatch, in_parts):
    monkeypatch.setattr("seif.self_supervised.service.MOST_BYTES", 1000)
    whole = json.dumps({"items": [GOOD] * 40}).encode()
    # In parts it says nothing of its length beforehand.
    body = iter([whole[:900], whole[900:]]) if in_parts else whole
    request = urllib.request.Request(f"{service}/score", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code == 413
    assert "send fewer items" in json.loads(refused.value.read())["error"]


def test_nothing_asked_is_nothing_answered_and_what_does_not_fit_is_an_item_of_its_own(service):
    assert post(service, {"items": []}) == (200, {"results": []})
    code, reply = post(service, {"items": [GOOD, {**GOOD, "constraint": "old " * 600}]})
    assert code == 200
    assert 0 < reply["results"][0]["probability"] < 1
    assert reply["results"][1] == {"probability": None, "error": "context too long"}


class Slow:
    """Stands for a model that takes its time, so that requests meet; notes the sizes of the batches."""

    def __init__(self, failing=False):
        self.sizes, self.failing = [], failing

    def score(self, items):
        self.sizes.append(len(items))
        time.sleep(0.3)
        if self.failing:
            raise RuntimeError("out of memory")
        return [Scored(float(len(item.response))) for item in items]

    def close(self):
        pass


def test_requests_that_arrive_together_are_one_batch_and_get_their_own_results():
    scorer = Slow()
    with Running(scorer) as url:
        ask = Service(url).ask

        async def many():
            return await asyncio.gather(*(ask([Item("q", "c", "x" * n)]) for n in range(20)))

        found = asyncio.run(many())
    assert [f.probability for (f,) in found] == sorted(f.probability for (f,) in found)
    assert sum(scorer.sizes) == 20
    assert len(scorer.sizes) < 10


def test_a_model_that_breaks_is_503_and_its_items_stay_unjudged():
    with Running(Slow(failing=True)) as url:
        assert post(url, {"items": [GOOD]}) == (503, {"error": "out of memory"})
        (first, _) = judge(Service(url, retries=1, backoff=0.01).ask, ["It is."])
    assert (first.verdict, first.cause) == (Verdict.UNJUDGED, "reward model's service says 503")


def test_a_service_that_is_down_is_told_early_and_never_paid():
    down = Service("http://127.0.0.1:1", retries=1, backoff=0.01)
    with pytest.raises(UsageError, match="no reward model answers"):
        down.check()
    (first, _) = judge(down.ask, ["It is."])
    assert (first.verdict, first.cause) == (Verdict.UNJUDGED, "no reward model answers")
