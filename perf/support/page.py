"""The figures of docs/performance.md: tables between two markers, written from one run."""

import re
from pathlib import Path

BEGIN = "<!-- figures: written by scripts/perf --docs -->"
END = "<!-- end of figures -->"
SIZES = ("1k", "1M", "10M")


def machine() -> str:
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", text)
    virtual = " (virtual machine)" if re.search(r"^flags\s*:.*\bhypervisor\b", text, re.MULTILINE) else ""
    return f"{model.group(1) if model else 'unknown CPU'}, {text.count('processor')} CPUs{virtual}"


def cell(figures: dict, name: str) -> str:
    figure = figures.get(name)
    if figure is None:
        return "-"
    digits = 1 if figure["unit"] == "ratio" or figure["median"] < 20 else 0
    return f"{figure['median']:.{digits}f} ({figure['min']:.{digits}f}-{figure['max']:.{digits}f})"


def table(head: list[str], rows: list[list[str]]) -> str:
    measured = [row for row in rows if set(row[1:]) != {"-"}]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in measured]) if measured else ""


def by_size(figures: dict, rows: list[tuple[str, str]]) -> str:
    """Rows of (title, name with {} for the size)."""
    sizes = [(title, name, SIZES if "{}" in name else SIZES[:1]) for title, name in rows]
    return table(["TSC cycles a packet", *SIZES],
                 [[title, *(cell(figures, name.format(size)) if size in known else "-" for size in SIZES)]
                  for title, name, known in sizes])


def path_table(figures: dict) -> str:
    rows = []
    for kind in ("v4 nat", "v4 dr", "v6 nat", "v6 dr"):
        rows.append((f"{kind}: known flow", f"{kind} hit {{}}"))
        if kind == "v4 nat":
            rows.append((f"{kind}: known flow, seen this second", f"{kind} hit {{}} within a second"))
            rows.append((f"{kind}: known flow, 80 % of packets on 1 % of flows", f"{kind} hit {{}} skewed"))
        rows.append((f"{kind}: answer of a known flow", f"{kind} back {{}}"))
        rows.append((f"{kind}: first packet of a new flow", f"{kind} new {{}}"))
        rows.append((f"{kind}: opening, a whole connection", f"{kind} open {{}}"))
    return by_size(figures, rows)


def floor_table(figures: dict) -> str:
    return by_size(figures, [("swap of MAC addresses", "floor macswap"),
                             ("`std::unordered_map`, look-up alone", "floor unordered_map {}"),
                             ("`rte_hash_lookup_bulk`, look-up alone", "floor rte_hash {}"),
                             ("v4 nat known flow / `rte_hash` look-up (ratio)", "v4 nat hit {} / rte_hash")])


def stage_table(figures: dict, kind: str) -> str:
    kinds = ("hit", "back", "new")
    stages = ("receive", "parse", "classify", "steer", "bind", "translate", "transmit")
    return table([f"{kind}, 1M flows", "known flow", "answer", "new flow"],
                 [[stage, *(cell(figures, f"{kind} 1M stages: {of} {stage}") for of in kinds)] for stage in stages])


def parts_table(figures: dict) -> str:
    rows = [[f"`{name}`", cell(figures, name), figure["unit"]] for name, figure in figures.items()
            if figure["unit"] in ("ns", "us")]
    return table(["part", "median (min-max)", "unit"], rows)


def section(figures: dict) -> str:
    titled = [("The whole path", path_table(figures)), ("Beside it", floor_table(figures)),
              ("Stage by stage", stage_table(figures, "v4 nat") + "\n\n" + stage_table(figures, "v6 nat")),
              ("Parts", parts_table(figures))]
    chapters = [f"### {title}\n\n{text.strip()}" for title, text in titled if text.strip()]
    return "\n\n".join([f"Measured on {machine()}.", *chapters])


def write(path: Path, figures: dict):
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"scripts/perf: {path} has lost its markers")
    path.write_text(f"{before}{BEGIN}\n\n{section(figures)}\n\n{END}{after}")
