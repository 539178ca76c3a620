"""A run on two nodes, simulated on this machine: two commands that share nothing but the run directory."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from groups import furthest
from safetensors.torch import load_file

from seif import load_config
from seif.distributed import nodes
from seif.distributed.nodes import node_rank
from seif.errors import UsageError
from support import all_gone, processes_about

RUN = ("nano-tiny", "--set", "dtype=float32", "--set", "instructor.train=false", "--set", "judger.kind=rules")
SMALL = ("evaluation.tasks=6", "follower.steps=4", "follower.grpo.max_new_tokens=16", "devices=1", "nodes=2")


def start(run_dir: Path, node: int, *overrides: str, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "seif", "run", *RUN, "--run-dir", str(run_dir)]
    for override in (*SMALL, *overrides):
        command += ["--set", override]
    environment = {**os.environ, "NO_COLOR": "1", "SEIF_NODE_RANK": str(node), "SEIF_MASTER_ADDR": "127.0.0.1", **env}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def ends(process: subprocess.Popen[str], seconds: float) -> tuple[int, str]:
    """(exit status, last line of standard error)."""
    _, err = process.communicate(timeout=seconds)
    return process.returncode, err.strip().rpartition("\n")[2]


def wait_for(pattern: str, run_dir: Path, *processes: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 180
    while not list(run_dir.glob(pattern)):
        assert time.monotonic() < deadline
        assert all(p.poll() is None for p in processes), [p.communicate() for p in processes]
        time.sleep(0.2)


def launcher_of_node_1() -> psutil.Process:
    (launcher,) = (p for p in processes_about("--node-rank 1") if "seif.engines.guard" not in p.cmdline())
    return launcher


@pytest.mark.slow
def test_a_node_that_is_killed_ends_the_others_and_the_same_commands_resume(tmp_path):
    """First the launcher of node 1 is killed, then node 0, and the weights are those of two processes on one node."""
    run_dir, alone = tmp_path / "run", tmp_path / "one" / "run"
    for victim, checkpoint in (("the launcher of node 1", 1), ("node 0", 2)):
        running = [start(run_dir, node) for node in (0, 1)]
        wait_for(f"turn_01/follower.checkpoints/checkpoint-{checkpoint}/complete", run_dir, *running)
        began = time.monotonic()
        (running[0] if victim == "node 0" else launcher_of_node_1()).kill()
        ended = [ends(node, 60) for node in running]
        assert time.monotonic() - began < 30
        assert all_gone(str(run_dir), 10)
        for node, (status, line) in enumerate(ended):
            if victim == f"node {node}":
                assert status == -signal.SIGKILL
            else:
                assert status == 3, line
                assert "resumes" in line
                assert line.startswith("error: ")
    running = [start(run_dir, node) for node in (0, 1)]
    assert [ends(node, 300)[0] for node in running] == [0, 0]
    assert all_gone(str(run_dir), 10)
    assert ends(start(alone, 0, "devices=2", "nodes=1"), 300)[0] == 0
    weights, expected = (load_file(run / "turn_01" / "follower" / "model.safetensors") for run in (run_dir, alone))
    assert furthest(weights, expected) == 0


@pytest.mark.slow
def test_a_node_without_the_other_says_what_to_do(tmp_path):
    alone = [
        start(tmp_path / "a", 0, "join_timeout=3.0"),
        start(tmp_path / "b", 1, "join_timeout=3.0"),
    ]
    (first, said), (second, told) = (ends(process, 120) for process in alone)
    assert (first, second) == (2, 2)
    assert "node 1 did not join within 3 s (join_timeout); run the same command there" in said
    assert "node 1 finds no node 0 at" in told
    assert "--run-dir that all nodes share" in told


@pytest.mark.parametrize(
    ("environment", "nodes", "message"),
    [
        ({}, 2, "nothing says which this one is: start it with srun, or set SEIF_NODE_RANK"),
        ({"SEIF_NODE_RANK": "2"}, 2, "SEIF_NODE_RANK=2 is no number of a node"),
        ({"SLURM_NODEID": "0", "SLURM_NNODES": "4"}, 2, "nodes: 2, and SLURM gives 4"),
        ({"SLURM_NODEID": "0", "SLURM_NTASKS_PER_NODE": "8"}, 2, "srun --ntasks-per-node=1"),
    ],
)
def test_a_node_knows_its_number_or_says_so(monkeypatch, environment, nodes, message):
    for name in ("SEIF_NODE_RANK", "SLURM_NODEID", "NODE_RANK", "SLURM_NNODES", "SLURM_JOB_NUM_NODES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message):
        node_rank(load_config("nano-tiny", [f"nodes={nodes}"]))


def test_slurm_numbers_the_nodes(monkeypatch):
    monkeypatch.delenv("SEIF_NODE_RANK", raising=False)
    monkeypatch.setenv("SLURM_NODEID", "3")
    assert node_rank(load_config("nano-tiny", ["nodes=4"])) == 3
    assert node_rank(load_config("nano-tiny")) == 0


def test_other_versions_or_devices_on_a_node_are_one_line(monkeypatch):
    ours = nodes._versions()
    nodes._check_same(nodes.Joined("s", ours, nodes.device_count()), 1)
    with pytest.raises(UsageError, match=r"node 1 has trl 0\.1, and node 0 has .*; install the same on all nodes"):
        nodes._check_same(nodes.Joined("s", {**ours, "trl": "0.1"}, nodes.device_count()), 1)
    with pytest.raises(UsageError, match="node 2 has 99 devices, and node 0 has"):
        nodes._check_same(nodes.Joined("s", ours, 99), 2)
