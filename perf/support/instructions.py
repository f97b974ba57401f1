"""Runs perf_instructions under callgrind and reads what it counted; see perf/instructions."""

import argparse
import json
import os
import re
import subprocess
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

PROGRAM = "perf/pipeline/perf_instructions"
COLLECTED = "limpet_perf_collected"
TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)
# What the C library picks by the CPU's abilities would make counts differ from machine to machine.
PLAIN_LIBC = "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-ERMS,-FSRM,-MOVBE,-BMI2,-LZCNT"
LIMIT_S = 200


def callgrind(program: Path, folder: Path) -> tuple[str, list[tuple[str, int]], list[int]]:
    """What it printed, its compiler and (name, packets) each, and the instructions of its dumps, in order."""
    command = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/out", "--collect-atstart=no",
               f"--toggle-collect={COLLECTED}", f"--dump-after={COLLECTED}", program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_S,
                          env=os.environ | {"GLIBC_TUNABLES": PLAIN_LIBC})
    compiler, *lines = done.stdout.splitlines()
    names = [(name, int(packets)) for name, packets in (line.split() for line in lines)]
    dumps = sorted(folder.glob("out.*"), key=lambda file: int(file.suffix[1:]))
    return compiler, names, [int(TOTAL.search(file.read_text())[1]) for file in dumps]


def counts(program: Path) -> tuple[str, dict[str, float]]:
    """The compiler, and instructions a packet by case: of the source with the path, less those of the source alone."""
    with tempfile.TemporaryDirectory() as folder:
        compiler, names, totals = callgrind(program, Path(folder))
    if len(totals) != 2 * len(names):
        raise ValueError(f"{len(names)} cases left {len(totals)} dumps")
    return compiler, {name: round((together - alone) / packets, 1)
                      for (name, packets), alone, together in zip(names, totals[::2], totals[1::2], strict=True)}


def made_by(compiler: str, build: Path) -> str:
    """What counts depend on besides the source: compiler and options of the build."""
    found = subprocess.run(["meson", "introspect", "--buildoptions", build], capture_output=True, text=True, check=True)
    options = {option["name"]: option["value"] for option in json.loads(found.stdout)}
    kept = ("optimization", "b_lto", "b_ndebug", "b_sanitize")
    return ", ".join([f"compiler {compiler}", *(f"{name}={options[name]}" for name in kept)])


def compared(measured: dict[str, float], known: dict[str, float]) -> dict:
    """Figures as every program of perf/ gives them, the floor being what is in the tree."""
    figures = {}
    for name, count in measured.items():
        figures[name] = {"median": count, "min": count, "max": count, "unit": "instr"}
        if name in known:
            figures[name] |= {"floor": known[name], "ratio": round(count / known[name], 3)}
    return figures


def main(root: Path) -> int:
    parser = argparse.ArgumentParser(description="instructions a packet")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="changes nothing: they are always counted whole")
    parser.add_argument("--only", default="*")
    parser.add_argument("--update", action="store_true", help="write perf/instructions.json")
    options = parser.parse_args()
    build = Path(os.environ.get("LIMPET_BUILD", root / "build"))
    kept = root / "perf/instructions.json"
    compiler, measured = counts(build / PROGRAM)
    maker = made_by(compiler, build)
    if options.update:
        kept.write_text(json.dumps({"made_by": maker, "counts": measured}, indent=1) + "\n")
    known = json.loads(kept.read_text())
    if known["made_by"] != maker:
        print(f"instructions: not compared: the tree's are of {known['made_by']}, these of {maker}")
        known["counts"] = {}
    figures = {name: figure for name, figure in compared(measured, known["counts"]).items()
               if fnmatchcase(name, options.only)}
    for name, figure in figures.items():
        print(f"{name:36} {figure['median']:8} {figure.get('ratio', '')}")
    if options.json:
        options.json.write_text(json.dumps(figures) + "\n")
    return 0
