"""Builds and runs the programs of perf/, gathers their figures by name and says which targets hold."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import cases, page, plots
from .programs import NOT_HERE, PROGRAMS, Program

KEYS = ("median", "min", "max", "unit", "floor", "ratio")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="cycles, packets a second and bytes of Limpet, beside their floors")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter repeats: under 3 minutes")
    parser.add_argument("--only", default="*", metavar="GLOB", help="figures whose name matches")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--instructions", action="store_true", help="only those, and fail where a target is missed")
    parser.add_argument("--update", action="store_true", help="with --instructions: write perf/instructions.json")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md, its plots too")
    parser.add_argument("--plot", action="store_true", help="draw the plots of docs/performance.md, in docs/figures")
    parser.add_argument("--from", type=Path, dest="source", metavar="FILE", help="figures measured before")
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR", help="build directory")
    return parser.parse_args()


def wanted_programs(glob: str) -> dict[str, Program]:
    wanted = {case.program for case in cases.CASES if cases.is_wanted(case, glob)}
    return {name: program for name, program in PROGRAMS.items() if name in wanted}


def build_programs(root: Path, build: Path, programs: dict[str, Program]):
    targets = sorted({target for program in programs.values() for target in program.targets()})
    if targets:
        subprocess.run([root / "scripts/build", build], check=True, stdout=subprocess.DEVNULL,
                       env=os.environ | {"LIMPET_TARGETS": " ".join(targets)})


def check_figures(program: str, figures: dict):
    """What a program wrote is what its description promises."""
    for name, figure in figures.items():
        case = cases.case_of(name)
        if case is None or case.program != program:
            raise ValueError(f"{program} has a figure {name}, which no row of cases.py has")
        if not {"median", "min", "max", "unit"} <= figure.keys() <= set(KEYS):
            raise ValueError(f"{program}: {name} is {figure}")


def run_program(name: str, program: Program, options: argparse.Namespace, root: Path, build: Path) -> dict:
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        command = [program.location(root, build), "--json", result.name, "--only", options.only]
        command += ["--quick"] if options.quick else []
        command += ["--update"] if options.update and name == "instructions" else []
        done = subprocess.run(command, check=False, env=os.environ | {"LIMPET_BUILD": str(build)})
        if done.returncode not in (0, NOT_HERE):
            raise SystemExit(f"scripts/perf: {name} failed")
        text = Path(result.name).read_text()
    figures = json.loads(text) if text else {}
    check_figures(name, figures)
    return figures


def measure(root: Path, options: argparse.Namespace) -> dict:
    build = (root / options.build).resolve()
    programs = wanted_programs(options.only)
    build_programs(root, build, programs)
    figures: dict = {}
    for number, (name, program) in enumerate(programs.items(), 1):
        begin = time.monotonic()
        print(f"== {name} ({number} of {len(programs)})", flush=True)
        figures |= run_program(name, program, options, root, build)
        print(f"== {name}: {time.monotonic() - begin:.0f} s\n", flush=True)
    return figures


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def line(name: str, figure: dict) -> str:
    case = cases.case_of(name)
    verdict = {True: "holds", False: "MISSED", None: ""}[case.holds(figure)]
    bound = "" if case.target is None else f"{'>=' if case.least else '<='} {case.target:g}"
    spread = f"{number(figure['min'])} - {number(figure['max'])}"
    return (f"{name:32} {number(figure['median']):>8} {spread:>17} {figure['unit']:8} {number(figure.get('floor')):>8} "
            f"{number(figure.get('ratio')):>6} {bound:>8} {verdict}").rstrip()


def summary(figures: dict) -> str:
    head = f"{'name':32} {'median':>8} {'min - max':>17} {'unit':8} {'floor':>8} {'ratio':>6} {'target':>8}"
    return "\n".join([head, *(line(name, figure) for name, figure in figures.items())])


def missed(figures: dict) -> list[str]:
    return [name for name, figure in figures.items() if cases.case_of(name).holds(figure) is False]


def main(root: Path) -> int:
    options = arguments()
    if options.instructions:
        options.only = "instructions.*"
    if options.docs and (options.quick or options.only != "*"):
        print("scripts/perf: the docs take a whole run: neither --quick nor --only", file=sys.stderr)
        return 2
    figures = json.loads(options.source.read_text()) if options.source else measure(root, options)
    print(summary(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if options.plot or options.docs:
        for file in plots.draw(root / "docs/figures", figures):
            print(f"drawn: {file.relative_to(root)}")
    if options.docs:
        page.write(root / "docs/performance.md", figures)
    return 1 if not figures or (options.instructions and missed(figures)) else 0
