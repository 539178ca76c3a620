import random
import time

import pytest

from seif.errors import UsageError
from seif.evaluation.overlap import Match, describe, leave_out, overlap

PROMPT = "Write a letter to the mayor of Boston about the noise that the new airport makes at night."
FRESH = "Name three rivers that flow through Germany and say where each of them meets the sea."


@pytest.mark.parametrize(
    ("seed", "kind"),
    [
        (PROMPT, "same"),
        ("  write a LETTER to the mayor of Boston about the noise\nthat the new airport makes at night. ", "same"),
        (f"You are an assistant.\n{PROMPT} Do not use commas.", "contains"),
        ("Write a letter to the mayor of Boston, about the noise that the new airport makes - at night!", "inside"),
        ("letter to the mayor of Boston about the noise", "inside"),
        ("the noise that the new airport makes", "inside"),
        ("Write a letter to the mayor of Boston about the noise that the new airport makes all day long.", "similar"),
    ],
)
def test_a_seed_that_overlaps(seed, kind):
    (match,) = overlap([FRESH, seed], ["How old is the moon?", PROMPT])
    assert (match.seed, match.prompt, match.kind) == (1, 1, kind)
    assert 0.5 < match.share <= 1
    assert (match.share == 1) == (kind != "similar")


@pytest.mark.parametrize(
    "seed",
    [
        FRESH,
        "Write a letter to the mayor of Boston about the harbour and the boats that come in every single morning.",
        "the noise that",
        "",
        "?!",
    ],
)
def test_a_seed_that_does_not(seed):
    assert overlap([seed], [PROMPT, "Why?", "The mayor"]) == []


def test_short_prompts_are_found_inside_longer_seeds():
    assert overlap(["Tell me: how old is the moon?"], ["How old is the moon?"]) == [Match(0, 0, "contains", 1.0)]
    assert overlap(["Why is that so?"], ["Why?"]) == []
    assert overlap(["why? "], ["Why?"]) == [Match(0, 0, "same", 1.0)]


def test_scripts_without_spaces_are_compared_by_character():
    prompt = "请用三句话介绍一下北京的历史和文化"
    assert overlap([f"你是一个助手。{prompt}。"], [prompt])[0].kind == "contains"
    assert overlap(["请写一首关于春天的诗歌"], [prompt]) == []


def test_a_template_that_all_prompts_share_is_no_overlap():
    template = "In this task you are given a sentence and you have to name the city that it is about:"
    prompts = [
        f"{template} {word} lies far away in the north of its country, behind the old hills"
        for word in map(str, range(50))
    ]
    assert overlap([f"{template} Rome is an old town"], prompts) == []
    assert overlap([prompts[7]], prompts) == [Match(0, 7, "same", 1.0)]


def test_nothing_overlaps_with_nothing():
    assert overlap([], [PROMPT]) == overlap([PROMPT], []) == []


def test_time_is_linear():
    luck = random.Random(0)
    texts = [
        " ".join(luck.choices(["old", "new", "red", "sea", "sun", "owl", "cat", "far"], k=60)) for _ in range(4000)
    ]
    opening = "the same opening for every one of these prompts " * 3
    began = time.process_time()
    assert len(overlap([opening + text for text in texts], [opening + text for text in texts[:2000]])) == 2000
    assert time.process_time() - began < 20


def test_the_line_for_a_person():
    line = describe(Match(6, 0, "same", 1.0), 2, 5119, "held_out.parquet")
    assert line == "left out: 2 of 5,119 seeds overlap with the prompts of held_out.parquet, e.g. row 7 with row 1"


def test_overlapping_seeds_are_left_out_and_told(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text(
        '{"prompt": "Describe the old lighthouse at the end of the pier.", "seed_question": "Name three rivers."}\n'
    )
    seeds = [
        "How old is the moon?",
        "name three  rivers.",
        "Describe the old lighthouse at the end of the pier. Be brief.",
    ]
    kept, lines = leave_out(seeds, [path])
    assert kept == ["How old is the moon?"]
    assert len(lines) == 1
    assert "2 of 3 seeds overlap" in lines[0]
    with pytest.raises(UsageError, match="every seed overlaps"):
        leave_out(seeds[1:], [path])
    path.write_text('{"text": "Why?"}\n')
    with pytest.raises(UsageError, match="needs a `prompt` column"):
        leave_out(seeds, [path])
