import pytest

from seif.errors import UsageError
from seif.registry import Registry, adding_parts_of, remove_parts_of


@pytest.fixture
def registry():
    found = Registry("shape")
    found.add("circle", 0)
    return found


def test_parts_by_name_in_the_order_of_their_adding(registry):
    assert registry.register("square")(4) == 4
    assert list(registry) == ["circle", "square"]
    assert registry.values() == [0, 4]
    assert len(registry) == 2
    assert "square" in registry
    with pytest.raises(UsageError, match="there is a shape 'circle' already"):
        registry.add("circle", 1)


def test_an_unknown_name_is_told_with_the_nearest_or_with_all(registry):
    with pytest.raises(UsageError, match=r"no shape 'circl'; did you mean 'circle'\?"):
        registry.get("circl")
    with pytest.raises(UsageError, match=r"no shape 'x'; there are circle\."):
        registry.get("x")


def test_a_cache_never_outlives_a_change(registry):
    @registry.cached()
    def total():
        calls.append(1)
        return sum(registry.values())

    calls = []
    assert [total(), total()] == [0, 0]
    registry.add("square", 4)
    assert [total(), total()] == [4, 4]
    registry.remove("square")
    assert [total(), total()] == [0, 0]
    assert len(calls) == 3


def test_the_parts_of_a_plugin_are_removed_together(registry):
    other = Registry("colour")
    with adding_parts_of("a.py"):
        registry.add("square", 4)
        other.add("red", 1)
    registry.add("line", 2)
    remove_parts_of("a.py")
    assert list(registry) == ["circle", "line"]
    assert list(other) == []


def test_a_plugin_that_fails_adds_nothing(registry):
    def load():
        with adding_parts_of("a.py"):
            registry.add("square", 4)
            registry.remove("triangle")

    with pytest.raises(KeyError):
        load()
    assert list(registry) == ["circle"]
    registry.add("square", 4)
    remove_parts_of("a.py")
    assert "square" in registry
