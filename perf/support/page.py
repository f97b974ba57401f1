"""The figures of docs/performance.md: tables between two markers, written from one run, each with its command."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

from . import cases

BEGIN = "<!-- figures: written by scripts/perf --docs -->"
END = "<!-- end of figures -->"
STAGES = ("receive", "express", "parse", "classify", "steer", "bind", "translate", "transmit", "sweep")
CHAPTERS = (
    ("The whole path", ("path.*", "services.*"), "cycles a packet"),
    ("Tables alone", ("flow.lookup.*", "record.*"), "cycles a key"),
    ("First bytes", ("l7.scan.*",), "cycles a head"),
    ("Cookies, beside HAProxy", ("l7.cookie.*",), "as said"),
    ("Workers", ("workers.*",), "Mpps"),
    ("Memory", ("memory.*",), "bytes each"),
    ("Instructions", ("instructions.*",), "instructions a packet"),
    ("Real devices", ("wire.*", "plan.*", "latency.*"), "as said"),
)


PLOTS = (("flows", "cycles a packet against flows"), ("stages", "cycles of each stage"),
         ("workers", "packets a second against workers"), ("latency", "latency"))
LINK_MBITS = 100_000
WIRE_EXTRA_BYTES = 20  # preamble, start of frame and gap
FRAME_SIZES = (64, 128, 256, 512, 1518)


def machine() -> str:
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", text)
    virtual = " (virtual machine)" if re.search(r"^flags\s*:.*\bhypervisor\b", text, re.MULTILINE) else ""
    return f"{model.group(1) if model else 'unknown CPU'}, {len(re.findall(r'^processor', text, re.MULTILINE))} CPUs{virtual}"


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def spread(figure: dict) -> str:
    if figure["min"] == figure["max"]:
        return number(figure["median"])
    return f"{number(figure['median'])} ({number(figure['min'])}-{number(figure['max'])})"


def row(name: str, figure: dict) -> list[str]:
    case = cases.case_of(name)
    sign = "at least " if case.least else ""
    bound = "" if case.target is None else f"{sign}{case.target:g}" + ("" if case.aim is None else f" ({case.aim:g})")
    verdict = {True: "yes", False: "**no**", None: ""}[case.holds(figure)]
    return [f"`{name}`", case.what, spread(figure), number(figure.get("floor")), number(figure.get("ratio")), bound,
            verdict]


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(cells) + " |" for cells in rows])


def chapter(figures: dict, title: str, globs: tuple[str, ...], unit: str) -> str:
    names = [name for name in figures if any(fnmatchcase(name, glob) for glob in globs)]
    if not names:
        return ""
    commands = "\n".join(f"    scripts/perf --only '{glob}'" for glob in globs)
    rows = [row(name, figures[name]) for name in names]
    if unit == "as said":
        rows = [[cells[0], cells[1], f"{cells[2]} {figures[name]['unit']}", *cells[3:]] for cells, name in zip(rows, names)]
    head = ["name", "what", f"median (min-max), {unit}", "floor", "ratio", "target (aim)", "holds"]
    return f"### {title}\n\n{commands}\n\n{table(head, rows)}"


def stage_chapter(figures: dict) -> str:
    kinds = ("hit", "return", "new")
    rows = [[stage, *(spread(figures[name]) if (name := f"stages.nat.v4.1M.{kind}.{stage}") in figures else "-"
                      for kind in kinds)] for stage in STAGES]
    if all(cell == "-" for cells in rows for cell in cells[1:]):
        return ""
    head = ["cycles a packet, 1M flows", "known flow", "answer", "new flow"]
    return f"### Stage by stage\n\n    scripts/perf --only 'stages.*'\n\n{table(head, rows)}"


def host_chapter(figures: dict) -> str:
    """How many workers fill 100 Gbit/s, by frame size."""
    needed = [figures.get(name) for name in ("machine.tsc", "path.nat.v4.hit.1M", "path.nat.v4.return.1M")]
    if None in needed:
        return ""
    mhz, hit, back = (figure["median"] for figure in needed)
    rows = []
    for size in FRAME_SIZES:
        mpps = LINK_MBITS / 8 / (size + WIRE_EXTRA_BYTES)
        rows.append([f"{size} bytes", f"{mpps:.1f}", *(f"{mpps * cycles / mhz:.1f}" for cycles in (hit, back))])
    head = ["frames of", "Mpps at 100 Gbit/s", "workers, known flows", "workers, answers"]
    return f"### How many workers for 100 Gbit/s\n\n{table(head, rows)}"


def section(figures: dict, folder: Path) -> str:
    """`folder`: of the page; plots in its `figures` are shown."""
    chapters = [chapter(figures, *of) for of in CHAPTERS]
    chapters.insert(1, stage_chapter(figures))
    chapters.append(host_chapter(figures))
    chapters += [f"![{title}](figures/{name}.svg)" for name, title in PLOTS if (folder / f"figures/{name}.svg").exists()]
    return "\n\n".join([f"Measured on {machine()}.", *(text for text in chapters if text)])


def write(path: Path, figures: dict):
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"scripts/perf: {path} has lost its markers")
    path.write_text(f"{before}{BEGIN}\n\n{section(figures, path.parent)}\n\n{END}{after}")
