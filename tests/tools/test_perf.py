"""scripts/perf: its table is the one that is promised, its judgement is right, what programs write is checked."""

import json
import re
import stat
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from support.programs import BUILD  # noqa: E402

from perf.support import cases, page, plots, runner  # noqa: E402
from perf.support.programs import NOT_HERE, PROGRAMS, Program  # noqa: E402
from perf.versus import main as versus  # noqa: E402


def figure(median, **more):
    return {"median": median, "min": median, "max": median, "unit": "cycles", **more}


def test_every_name_once():
    names = [case.name for case in cases.CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name, target, aim", [
    ("path.nat.v4.hit.1k", 1.6, 1.3), ("path.nat.v4.hit.1M", 1.5, 1.2), ("path.nat.v4.hit.10M", 1.3, 1.1),
    ("path.nat.v4.return.10M", 1.3, 1.1), ("path.dr.v4.hit.1M", 1.3, 1.0), ("path.nat.v6.hit.1M", 1.3, 1.1),
    ("path.dr.v6.hit.10M", 1.2, 1.0), ("path.nat.v4.new.1M", 1.6, 1.2), ("path.nat.v4.new.10M", 1.3, 1.0),
    ("path.nat.v4.churn", 1.6, 1.3), ("path.nat.v4.steered.1M", 1.8, 1.4), ("services.10k", 1.25, 1.1),
    ("services.10k.own", 1.6, 1.3), ("flow.lookup.1M", 0.6, 0.5), ("record.lookup.1M", 0.6, 0.5),
    ("record.claim", 0.6, 0.5), ("wire.memif", 0.8, 0.9), ("plan.apply", 0.95, 0.99), ("memory.flow_v4_dr", 32, None),
    ("memory.flow_v6_nat", 96, None), ("memory.record_wide", 48, None), ("latency.p99", None, None),
    ("path.spliced.v4.hit.1k", 1.9, 1.5), ("path.spliced.v4.hit.1M", 1.7, 1.3), ("path.spliced.v4.hit.10M", 1.5, 1.2),
    ("memory.flow_spliced_v4", 160, None), ("memory.flow_spliced_v6", 160, None), ("l7.cookie.connection", 0.10, None),
    ("l7.cookie.request", 0.05, None), ("l7.cookie.moved", 0, None),
])
def test_targets(name, target, aim):
    case = cases.case_of(name)
    assert (case.target, case.aim) == (target, aim)


@pytest.mark.parametrize("name, measured, holds", [
    ("path.nat.v4.hit.1M", figure(90, floor=60, ratio=1.5), True),
    ("path.nat.v4.hit.1M", figure(90, floor=60, ratio=1.51), False),
    ("path.nat.v4.hit.1M", figure(90), None),               # nothing was compared
    ("wire.memif", figure(4, floor=5, ratio=0.8), True),    # here more is better
    ("wire.memif", figure(4, floor=5, ratio=0.79), False),
    ("memory.flow_v4_nat", figure(64), True),               # bytes, not a ratio
    ("memory.flow_v4_nat", figure(65), False),
    ("latency.p50", figure(7, floor=5, ratio=1.4), None),   # reported only
    ("instructions.path.nat.v4.hit", figure(104, floor=100, ratio=1.04), False),
])
def test_judgement(name, measured, holds):
    assert cases.case_of(name).holds(measured) is holds
    shown = runner.line(name, measured)
    assert ("holds" in shown, "MISSED" in shown) == (holds is True, holds is False)


@pytest.mark.parametrize("glob, programs", [
    ("*", set(PROGRAMS)), ("path.nat.*", {"pipeline"}), ("memory.record_wide", {"pipeline"}), ("nothing", set()),
    ("instructions.path.*", {"instructions"}),
])
def test_only_the_programs_asked_for(glob, programs):
    assert set(runner.wanted_programs(glob)) == programs


@pytest.mark.parametrize("glob, wanted", [("latency.*", True), ("latency.p50", True), ("*", True), ("wire.*", False),
                                          ("l*", True), ("latency.idle.*", True)])
def test_rows_for_many_names(glob, wanted):
    row = next(case for case in cases.CASES if case.name == "latency.*")
    assert cases.is_wanted(row, glob) is wanted


def program(folder: Path, text: str) -> Program:
    file = folder / "sample"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return Program(str(file))


def run(folder, text):
    options = SimpleNamespace(only="path.*", quick=True, update=False)
    return runner.run_program("pipeline", program(folder, text), options, ROOT, folder)


def write(figures) -> str:
    return f"cat > $2 <<'END'\n{json.dumps(figures)}\nEND"


def test_figures_come_back(tmp_path):
    figures = {"path.nat.v4.churn": figure(90, floor=60, ratio=1.5)}
    asked = 'test "$1 $3 $4 $5 $LIMPET_BUILD" = "--json --only path.* --quick $PWD_OF_BUILD" || exit 1\n'
    assert run(tmp_path, asked.replace("$PWD_OF_BUILD", str(tmp_path)) + write(figures)) == figures


@pytest.mark.parametrize("figures", [
    {"path.nat.v4.churned": figure(90)},          # a name that no row has
    {"wire.memif": figure(9)},                    # another program's
    {"path.nat.v4.churn": {"median": 9}},         # not all there
    {"path.nat.v4.churn": figure(9, target=2)},   # more than is known
])
def test_figures_that_no_row_has_are_refused(tmp_path, figures):
    with pytest.raises(ValueError):
        run(tmp_path, write(figures))


def test_a_program_that_fails_ends_the_run(tmp_path):
    with pytest.raises(SystemExit):
        run(tmp_path, "exit 3")


def test_a_program_that_measures_nothing_here_does_not(tmp_path):
    assert run(tmp_path, f": > $2\nexit {NOT_HERE}") == {}
    with pytest.raises(ValueError):  # what it wrote counts all the same
        run(tmp_path, write({"wire.memif": figure(9)}) + f"\nexit {NOT_HERE}")


@pytest.mark.parametrize("why, limpet, haproxy, code", [
    ("", 0, 0, 0), ("", 1, 0, 1), ("", 0, 1, 1), ("there is no haproxy", 0, 0, NOT_HERE),
])
def test_sessions_that_moved_fail_the_comparison(monkeypatch, tmp_path, why, limpet, haproxy, code):
    found = dict.fromkeys(versus.NAMES, figure(1)) | {"l7.cookie.moved": figure(limpet, floor=haproxy)}
    monkeypatch.setattr(versus, "missing", lambda: why)
    monkeypatch.setattr(versus, "measure", lambda *_: found)
    file = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["versus_haproxy", "--only", "l7.cookie.connection", "--json", str(file)])
    assert versus.main() == code
    assert set(json.loads(file.read_text())) == (set() if why else {"l7.cookie.connection"})


def whole_run() -> dict:
    """A figure for every row."""
    names = [case.name for case in cases.CASES if not case.name.endswith("*")]
    names += [f"stages.nat.v4.1M.{kind}.{stage}" for kind in ("hit", "return", "new") for stage in page.STAGES]
    names += [f"latency.{load}{percentile}" for load in ("", "idle.") for percentile in plots.PERCENTILES]
    names += ["instructions.path.nat.v4.hit", "workers.nat.v4.1M.1", "workers.nat.v4.1M.2"]
    return {name: figure(100 + number, floor=100, ratio=1 + number / 100) for number, name in enumerate(names)}


def test_page_shows_every_figure(tmp_path):
    text = page.section(whole_run(), tmp_path)
    for name in whole_run():
        if not name.startswith(("stages.", "machine.")):
            assert text.count(f"| `{name}` |") == 1, name
    assert "| transmit |" in text and "| 64 bytes | 148.8 |" in text
    assert text.count("**no**") + text.count("| yes |") == sum(
        cases.case_of(name).holds(one) is not None for name, one in whole_run().items())


def test_page_is_written_between_its_markers(tmp_path):
    file = tmp_path / "page.md"
    file.write_text(f"before\n{page.BEGIN}\nstale\n{page.END}\nafter\n")
    page.write(file, whole_run())
    text = file.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    with pytest.raises(SystemExit):
        file.write_text("no markers")
        page.write(file, whole_run())


def test_plots_where_there_is_data(tmp_path):
    drawn = plots.draw(tmp_path / "all", whole_run())
    assert [file.name for file in drawn] == ["flows.svg", "stages.svg", "workers.svg", "latency.svg"]
    for file in drawn:
        tree = xml.parse(file).getroot()
        edge = float(tree.get("viewBox").split()[2])
        assert all(float(shape.get("x", 0)) < edge for shape in tree.iter()), file.name
    assert len(xml.parse(drawn[0]).getroot().findall("{*}g")) == 4  # nat and dr, IPv4 and IPv6
    few = {"path.nat.v4.hit.1k": figure(90, floor=30, ratio=3.0)}
    assert [file.name for file in plots.draw(tmp_path / "few", few)] == ["flows.svg"]
    assert plots.draw(tmp_path / "none", {}) == []


def pipeline(*words) -> str:
    command = [BUILD / PROGRAMS["pipeline"].path, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=50).stdout


def test_the_pipeline_has_the_names_of_its_rows():
    rows = [case.name.removesuffix(".*") for case in cases.CASES if case.program == "pipeline"]
    assert sorted(pipeline("--list").split()) == sorted(rows)


def test_the_pipeline_measures_beside_its_floor(tmp_path):
    file = tmp_path / "figures.json"
    pipeline("--quick", "--packets", "4096", "--repeats", "3", "--only", "*.1k", "--json", str(file))
    figures = json.loads(file.read_text())
    runner.check_figures("pipeline", figures)
    assert set(figures) == {case.name for case in cases.CASES if case.name.endswith(".1k")}
    for name, one in figures.items():
        assert one["min"] <= one["median"] <= one["max"], name
        assert one["unit"] == "cycles" and one["floor"] > 0, name
        if name.startswith("path."):  # a table's figure is small beside what is taken off for its source
            assert one["ratio"] > 0.1, name


def test_stages_are_those_of_a_turn():
    """What is timed between is what lib/path/turn.hpp calls, in its order."""
    turn = (ROOT / "lib/path/turn.hpp").read_text().partition("unsigned turn(")[2]
    calls = [word for word in re.findall(r"\b(\w+)\(state|\b(parse)\(burst\)", turn)]
    names = [one or other for one, other in calls if not one.startswith("release_")]  # of what waited
    assert tuple(names) == page.STAGES


def test_two_pipelines_at_once():
    """As where limpetd or a testpmd runs on the machine: DPDK's floor shares nothing with other processes."""
    command = [BUILD / PROGRAMS["pipeline"].path, "--quick", "--only", "flow.lookup.1k"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        text, _ = process.communicate(timeout=50)
        assert process.returncode == 0 and "flow.lookup.1k" in text


def test_summary_of_what_is_asked_for_most():
    lines = pipeline("--summary", "--quick", "--packets", "4096", "--repeats", "1", "--only", "*.1k").splitlines()
    title, cycles = lines[0].removeprefix("bench,").split(",")
    assert len(lines) == 1 and title == "hit 1k" and float(cycles) > 0
