"""Builds and runs the programs of perf/, and gathers their figures by name."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from support import page

PIPELINE = "perf_pipeline"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="cycles and nanoseconds of Limpet's parts and of the whole path")
    parser.add_argument("--quick", action="store_true", help="a few rounds: shows that it runs, measures nothing")
    parser.add_argument("--only", default="*", metavar="GLOB", help="cases whose name matches")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--docs", action="store_true", help="write the figures into docs/performance.md")
    parser.add_argument("--from", type=Path, dest="source", metavar="FILE", help="figures measured before")
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR", help="build directory")
    return parser.parse_args()


def programs(build: Path) -> list[Path]:
    """The programs of perf/, the pipeline last."""
    listed = subprocess.run(["meson", "introspect", "--targets", build], capture_output=True, text=True, check=True)
    found = [Path(target["filename"][0]) for target in json.loads(listed.stdout)
             if target["type"] == "executable" and target["name"].startswith("perf_")]
    return sorted(found, key=lambda program: (program.name == PIPELINE, program.name))


def build_programs(root: Path, build: Path) -> list[Path]:
    if not (build / "build.ninja").exists():
        subprocess.run([root / "scripts/build", build], check=True, env=os.environ | {"LIMPET_TARGETS": "build.ninja"})
    found = programs(build)
    targets = [str(program.relative_to(build)) for program in found]
    subprocess.run([root / "scripts/build", build], check=True, env=os.environ | {"LIMPET_TARGETS": " ".join(targets)})
    return found


def benchmark_filter(glob: str) -> str:
    """A shell pattern as the regular expression that Google Benchmark takes."""
    plain = re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
    return f"^{plain}$"


def figures_of_benchmark(text: str, group: str) -> dict:
    """Median, least and greatest CPU time of a Google Benchmark's repetitions, by name."""
    times: dict[str, list[float]] = {}
    unit = "ns"
    for run in json.loads(text)["benchmarks"] if text.strip() else []:
        if run.get("run_type") == "iteration" and not run.get("error_occurred"):
            times.setdefault(run["run_name"], []).append(run["cpu_time"])
            unit = run["time_unit"]
    return {f"{group}: {name}": {"median": round(statistics.median(runs), 2), "min": round(min(runs), 2),
                                 "max": round(max(runs), 2), "unit": unit} for name, runs in times.items()}


def run_program(program: Path, options: argparse.Namespace, result: Path) -> dict:
    print(f"\n== {program.name}", flush=True)
    if program.name == PIPELINE:
        command = [program, "--json", result, "--only", options.only] + (["--quick"] if options.quick else [])
    else:
        command = [program, f"--benchmark_out={result}", "--benchmark_out_format=json", "--benchmark_color=false",
                   f"--benchmark_repetitions={1 if options.quick else 5}", "--benchmark_display_aggregates_only=true",
                   f"--benchmark_min_time={0.001 if options.quick else 0.1}",
                   f"--benchmark_filter={benchmark_filter(options.only)}"]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(f"scripts/perf: {program.name} failed")
    text = result.read_text() if result.exists() else ""
    if program.name == PIPELINE:
        return json.loads(text)
    return figures_of_benchmark(text, program.name.removeprefix("perf_"))


def measure(root: Path, options: argparse.Namespace) -> dict:
    build = (root / options.build).resolve()
    figures: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        for program in build_programs(root, build):
            figures |= run_program(program, options, Path(folder) / f"{program.name}.json")
    return figures


def main(root: Path) -> int:
    options = arguments()
    if options.docs and options.quick:
        print("scripts/perf: --quick measures nothing: no figures for the docs", file=sys.stderr)
        return 2
    figures = json.loads(options.source.read_text()) if options.source else measure(root, options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if options.docs:
        page.write(root / "docs/performance.md", figures)
    return 0
