"""Instructions a packet stay what perf/instructions.json says: the one measure of cost that is the same everywhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from support.programs import BUILD  # noqa: E402

from perf.support import cases, instructions  # noqa: E402

KNOWN = json.loads((ROOT / "perf/instructions.json").read_text())


@pytest.fixture(scope="module")
def measured():
    compiler, counts = instructions.counts(BUILD / instructions.PROGRAM)
    maker = instructions.made_by(compiler, BUILD)
    if maker != KNOWN["made_by"]:
        pytest.skip(f"counts in the tree are of {KNOWN['made_by']}, this build is of {maker}")
    return counts


def test_the_same_cases(measured):
    assert measured.keys() == KNOWN["counts"].keys()


@pytest.mark.parametrize("name", KNOWN["counts"])
def test_no_more_than_in_the_tree(measured, name):
    figure = instructions.compared(measured, KNOWN["counts"])[name]
    assert cases.case_of(name).holds(figure), (
        f"{name}: {figure['median']} instructions a packet, {figure['floor']} in perf/instructions.json. If that is "
        f"what it should cost: scripts/perf --instructions --update, and a word in the commit")


def test_the_same_of_any_number_of_workers(measured):
    """From two on: a worker alone need not ask whose a packet is."""
    alone, *counts = (measured[f"instructions.path.dr.v4.workers.{n}"] for n in (1, 2, 4, 8, 16))
    assert max(counts) < 1.005 * min(counts)
    assert alone < min(counts) < 1.2 * alone


@pytest.mark.parametrize("now, holds", [(100, True), (103, True), (104, False), (50, True)])
def test_three_per_cent(now, holds):
    figure = instructions.compared({"instructions.x": now}, {"instructions.x": 100})["instructions.x"]
    assert cases.case_of("instructions.x").holds(figure) is holds


def test_runner_leaves_out_what_was_not_counted_alike(tmp_path):
    assert instructions.compared({"instructions.x": 7.0}, {}) == {
        "instructions.x": {"median": 7.0, "min": 7.0, "max": 7.0, "unit": "instr"}}


def test_program_as_the_runner_calls_it(tmp_path):
    file = tmp_path / "figures.json"
    command = [ROOT / "perf/instructions", "--json", file, "--quick", "--only", "instructions.path.dr.*"]
    subprocess.run(command, check=True, timeout=100, stdout=subprocess.DEVNULL,
                   env=os.environ | {"LIMPET_BUILD": str(BUILD)})
    figures = json.loads(file.read_text())
    assert figures.keys() == {name for name in KNOWN["counts"] if ".path.dr." in name}
