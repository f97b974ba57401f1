"""The programs whose figures make up scripts/perf: one entry each, in the order they run.

A program is anything executable that is called with `--json FILE [--quick] [--only GLOB]` and writes its figures there:
{"name": {"median": 1.0, "min": 0.9, "max": 1.2, "unit": "cycles", "floor": 0.8, "ratio": 1.25}}, without `floor` and
`ratio` where nothing is compared. It measures only names that match GLOB, says on standard output what it is about,
and fails with an exit code; a figure that cannot be had on this machine is left out, with a word on standard error, and
a program that has none for that reason may end with NOT_HERE.
Its environment has LIMPET_BUILD, the build directory. Names, targets and which program has them: cases.py.
"""

from dataclasses import dataclass
from pathlib import Path

NOT_HERE = 77  # as in meson's tests


@dataclass(frozen=True)
class Program:
    path: str                       # below the build directory where it is built, else in the tree
    built: bool = False
    needs: tuple[str, ...] = ()     # further targets of the build that it runs

    def targets(self) -> tuple[str, ...]:
        return ((self.path,) if self.built else ()) + self.needs

    def location(self, root: Path, build: Path) -> Path:
        return (build if self.built else root) / self.path


PROGRAMS = {
    "pipeline": Program("perf/pipeline/perf_pipeline", built=True),
    "instructions": Program("perf/instructions", needs=("perf/pipeline/perf_instructions",)),
    "versus": Program("perf/versus_haproxy", needs=("src/limpetd/limpetd", "src/limpetctl/limpetctl")),
    "wire": Program("perf/wire/run", needs=("perf/wire/wire_probe", "src/limpetd/limpetd", "src/limpetctl/limpetctl")),
}
