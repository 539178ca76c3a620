import asyncio

from seif.constraints.compiler import compile_text
from seif.engines.scripted import ScriptedEngine
from seif.roles.filter import Filter
from seif.types import Instruction, Verdict

FINE = Instruction("Why?", (compile_text("Avoid commas."),))
CLASH = Instruction("Why?", (compile_text("Use only lowercase."), compile_text("Use only uppercase.")))


def check(instruction, answer="[[1]]", **switches):
    engine = ScriptedEngine(lambda request: answer)
    settings = {"rules": True, "model": True, **switches}
    return asyncio.run(Filter(engine, "full", max_new_tokens=64, **settings).check(instruction)), len(engine.requests)


def test_a_proven_contradiction_never_reaches_the_model():
    decision, calls = check(CLASH)
    assert decision.verdict is Verdict.VIOLATED
    assert "Use only uppercase." in decision.reason
    assert calls == 0


def test_the_model_decides_the_rest():
    assert check(FINE)[0].verdict is Verdict.SATISFIED
    assert check(FINE, "[[0]]")[0].verdict is Verdict.VIOLATED
    assert check(FINE, "hm")[0].verdict is Verdict.UNJUDGED


def test_switches():
    assert check(CLASH, rules=False)[0].verdict is Verdict.SATISFIED
    assert check(FINE, "[[0]]", model=False) == (check(FINE, model=False)[0], 0)
