"""Seeded worlds keep the contract, and what breaks it behind the node's back is found.

LIMPET_SIM_SEEDS: how many worlds (400).
"""

import os

import pytest
from support.programs import BUILD, run

SIM = BUILD / "tests/sim/sim"
SEEDS = int(os.environ.get("LIMPET_SIM_SEEDS", "400"))
SLICES = 4


@pytest.mark.parametrize("part", range(SLICES))
def test_sessions_go_only_where_they_may(part):
    count = SEEDS // SLICES
    run([SIM, "--seeds", count, "--first", part * count], timeout_s=240)


@pytest.mark.parametrize("seed", [297, 329, 3101, 31693])
def test_worlds_that_once_went_wrong(seed):
    run([SIM, "--seeds", 1, "--first", seed])


@pytest.mark.parametrize("kind", ["record", "flow", "health", "leak", "local", "move"])
def test_fault_is_found(kind):
    result = run([SIM, "--seeds", 10], check=False, timeout_s=120, env={**os.environ, "LIMPET_SIM_BREAK": kind})
    assert result.returncode == 1 and "FAILED seed" in result.stdout


def test_a_seed_makes_one_world():
    outputs = {run([SIM, "--seeds", 1, "--first", 7, "--verbose"]).stdout for _ in range(2)}
    assert len(outputs) == 1 and len(outputs.pop()) > 10_000
