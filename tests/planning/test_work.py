from pathlib import Path

import pytest

from seif.config_file import load_config
from seif.footprint import Architecture
from seif.loop import plan
from seif.planning.hardware import hardware
from seif.planning.placement import placement_of
from seif.planning.rates import Lengths, Rates, Speed, rough_rates
from seif.planning.work import Measured, TaskSet, Work

SPEED = Speed(
    step=0.01, written=0.001, read=0.0001, trained=0.002, around=0.125, verdict=0.5, decision=0.25, load=3.0, stage=7.0
)
LENGTHS = Lengths(
    instructor_prompt=10,
    instructor_reply=20,
    follower_prompt=30,
    follower_reply=40,
    judge_prompt=50,
    judge_reply=1,
    filter_prompt=60,
    filter_reply=1,
)
RATES = Rates(
    source="test", parameters=1000, gpu=False, compute="float32", memory=1e9, process=1e6, speed=SPEED, lengths=LENGTHS
)


TASKS = TaskSet(10, 2.0)
HELD_OUT = Measured(TASKS)


def stages(overrides=(), rates=RATES, seeds=32, measured=HELD_OUT):
    config = load_config(Path("nano-tiny"), list(overrides))
    work = Work(config, plan(config, seeds), rates, placement_of(config), measured)
    return {(stage.turn, stage.stage): stage for stage in work.stages()}


def test_the_stages_are_those_of_a_run_in_its_order():
    assert list(stages()) == [
        (0, "generate"),
        (0, "evaluate"),
        (1, "train_instructor"),
        (1, "generate"),
        (1, "train_follower"),
        (1, "evaluate"),
    ]


def test_a_step_of_the_follower_is_sampling_verdicts_and_an_update():
    stage = stages()[1, "train_follower"]
    rollouts, limit = 80, 64
    sampling = limit * 0.01 + rollouts * 40 * 0.001 + 16 * 30 * 0.0001
    update = 0.125 + rollouts * (30 + 40) * 0.002
    verdicts = rollouts * 3.5 * 0.5
    assert stage.seconds == pytest.approx(7.0 + 3.0 + 3 * (sampling + update + verdicts))
    assert (stage.trained, stage.sampled, stage.calls) == (3 * 80 * 70, 3 * 80 * 40, 3 * 280)


def test_only_what_is_well_formed_and_accepted_is_judged():
    lengths = LENGTHS.model_copy(update={"parsable": 0.5, "accepted": 0.5, "answered": 0.5})
    stage = stages(rates=RATES.model_copy(update={"lengths": lengths}))[1, "train_instructor"]
    decisions, answers = 40, 20
    assert stage.calls == 2 * (decisions + answers + round(answers * 0.5 * 3.5))


def test_refused_instructions_are_drawn_again():
    lengths = LENGTHS.model_copy(update={"accepted": 0.5})
    stage = stages(rates=RATES.model_copy(update={"lengths": lengths}))[1, "generate"]
    assert stage.sampled == 32 * (1 + 0.5 + 0.25) * 20


def test_devices_share_updates_and_rollouts():
    speed = SPEED.model_copy(update={"group": 0.0})
    gpu = RATES.model_copy(update={"gpu": True, "speed": speed})
    one, four = (stages([f"devices={n}"], gpu)[1, "train_follower"].seconds for n in (1, 4))
    assert four < one
    update = 3 * 80 * 70 * 0.002
    assert one - four > 0.75 * update


@pytest.mark.parametrize("setting", ["devices=2", "sharding=fsdp2"])
def test_processes_of_a_cpu_share_its_cores_and_take_time_to_start(setting):
    one, several = (stages(overrides)[1, "train_follower"].seconds for overrides in ([], [setting]))
    assert several == pytest.approx(one + SPEED.group)


def test_no_held_out_tasks_take_no_time_to_judge():
    assert stages(measured=Measured())[0, "evaluate"].seconds == 3.0


def test_held_out_types_are_answered_every_turn_and_not_judged():
    without, found = (stages(measured=Measured(TASKS, held_out_types=types)) for types in (TaskSet(), TASKS))
    for turn in (0, 1):
        assert found[turn, "evaluate"].sampled == 2 * without[turn, "evaluate"].sampled > 0
        assert found[turn, "evaluate"].calls == without[turn, "evaluate"].calls


def test_an_audit_of_rules_loads_no_judge():
    found = stages(["judger.kind=rules"], measured=Measured(TASKS, audit=TASKS))
    assert found[1, "audit"].calls == 0
    assert found[1, "audit"].seconds == pytest.approx(found[0, "audit"].seconds)


def test_given_instructions_take_no_time_to_write(tmp_path):
    tasks = Path(__file__).parents[2] / "src/seif/nano/data/held_out.parquet"
    found = stages(["instructor.train=false", f"instructions={tasks}"])
    assert found[1, "generate"].seconds == 0


def test_a_reward_model_learns_from_answers():
    config = load_config(Path("nano-self-supervised"))
    work = Work(config, plan(config, 32), RATES, placement_of(config), Measured(TASKS))
    found = {(stage.turn, stage.stage): stage for stage in work.stages()}
    assert found[1, "pseudo_label"].sampled == round(32 * 4.5) * 40
    assert found[1, "train_reward_model"].trained > 0


@pytest.mark.parametrize(("name", "measured"), [("nano", 102), ("nano", 145), ("nano-tiny", 55)])
def test_hours_of_the_embedded_model_by_data_sheet_are_right_to_a_factor_of_two(name, measured):
    config = load_config(Path(name))
    model = Architecture(2_078_912, 4, 192, 512, 192, 1600, 9_216, 512)
    rates = rough_rates(hardware("cpu"), model, config)
    work = Work(config, plan(config, 384), rates, placement_of(config), Measured(TaskSet(1200, 3.5)))
    assert measured / 2 < sum(stage.seconds for stage in work.stages()) < 2 * measured


def test_the_second_systems_run_takes_hours_and_not_days():
    config = load_config(Path("qwen2.5-7b-self-supervised-multi-gpu"))
    model = Architecture(7_615_616_512, 28, 3584, 18_944, 512, 152_064, 2_523_136, 32_768, tied=False)
    rates = rough_rates(hardware("h100"), model, config)
    work = Work(config, plan(config, 5119), rates, placement_of(config), Measured())
    assert sum(stage.seconds for stage in work.stages()) / 3600 < 24


def test_hours_of_the_papers_run_are_of_the_right_order():
    config = load_config(Path("qwen2.5-7b-full-multi-gpu"))
    model = Architecture(7_615_616_512, 28, 3584, 18_944, 512, 152_064, 2_523_136, 32_768, tied=False)
    rates = rough_rates(hardware("h100"), model, config)
    work = Work(config, plan(config, 5119), rates, placement_of(config), Measured())
    hours = sum(stage.seconds for stage in work.stages()) / 3600
    assert 2 < hours < 50


def test_candidates_are_written_filtered_answered_and_judged():
    settings = [f"instructor.{key}" for key in ("candidates=4", "probes=2", "edits=0.5", "seeds_per_turn=16")]
    found = stages([*settings, "turns=2"])
    assert (found[0, "generate"].sampled, found[0, "generate"].calls) == (16 * 20, 16)
    first, second = found[1, "generate"], found[2, "generate"]
    assert first.sampled == second.sampled == 4 * 16 * 20
    answers = 4 * 16 * 2
    assert first.calls == 4 * 16 + answers + answers * 3.5
    assert first.written == 4 * 16 * 1 + answers * 40 + answers * 3.5 * 1
    assert first.read == 4 * 16 * 60 + answers * 30 + answers * 3.5 * 50
    edits = 8
    assert second.calls == first.calls + edits + edits * 2 + edits * 2 * 3.5


def test_an_audit_asks_the_judges_of_the_turn_and_of_the_next():
    config = load_config(Path("nano-tiny"), ["turns=3"])
    work = Work(config, plan(config, 32), RATES, placement_of(config), Measured(TASKS, audit=TASKS))
    found = {(stage.turn, stage.stage): stage for stage in work.stages()}
    assert [found[turn, "audit"].calls for turn in range(4)] == [20, 40, 40, 20]
    assert found[0, "audit"].seconds == pytest.approx(3.0 + 64 * 0.01 + 10 * 40 * 0.001 + 10 * 30 * 0.0001 + 20 * 0.5)
    assert list(found).index((1, "audit")) == list(found).index((1, "evaluate")) - 1
