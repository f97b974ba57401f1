"""Runs perf/stickiness; the table of docs/persistence.md and its plot."""

import argparse
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

TARGET = "perf/stickiness/stickiness_bench"
BEGIN = "<!-- figures: written by scripts/stickiness --docs -->"
END = "<!-- end of figures -->"
RIVALS = ("limpet", "maglev", "ketama", "modulo")
EXTRA = re.compile(r"skew\.zipf1[02]\.(maglev|ketama|modulo)")  # for the table only


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="how sessions stay where they were, and how evenly they are spread")
    parser.add_argument("--quick", action="store_true", help="a fifth of the clients")
    parser.add_argument("--seed", type=int, default=1, help="makes all figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--docs", action="store_true", help="write the table into docs/persistence.md")
    parser.add_argument("--plot", action="store_true", help="write docs/stickiness.svg")
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR", help="build directory")
    return parser.parse_args()


def percent(value: float) -> str:
    return "0" if value == 0 else f"{value * 100:.2g} %" if value < 0.1 else f"{value * 100:.0f} %"


def table(figures: dict) -> str:
    rows = [("10 backends, one leaves: sessions of the others that moved",
             [percent(figures[f"remove.unneeded.{name}"]) for name in RIVALS]),
            ("one is added: sessions that moved", [percent(figures[f"add.moved.{name}"]) for name in RIVALS])]
    for law, title in (("10", "Zipf 1.0"), ("12", "Zipf 1.2")):
        ours = figures["skew.zipf10.limpet"] if law == "10" else figures["skew.zipf12.stay"]
        rows.append((f"fullest backend by the mean, {title}, `heavy_key = \"stay\"`",
                     [f"{ours:.2f}", *(f"{figures[f'skew.zipf{law}.{name}']:.2f}" for name in RIVALS[1:])]))
    rows.append(("the same, Zipf 1.2, `heavy_key = \"split\"`", [f"{figures['skew.zipf12.limpet']:.2f}", "-", "-", "-"]))
    spilled = percent(figures["spilled.zipf12.limpet"])
    single = [("connections that for that went elsewhere than their record or the first choice says", spilled),
              ("what `stay` may reach there: 1.05 times the heaviest key's share", f"{figures['skew.zipf12.stay_bound']:.2f}"),
              ("new clients whose 2 to 8 first connections, all at once at four workers, met different backends",
               f"{figures['first_burst.incoherent']:.0f}"),
              ("records lost over a kill and a start, with the same and with other workers",
               f"{figures['restart.records_lost']:.0f}"),
              ("connections lost there", f"{figures['restart.flows_lost']:.0f}"),
              ("last new session at a backend after it was known to be down", f"{figures['down.new_after_ms']:.0f} ms"),
              ("violations in all this", f"{figures['violations']:.0f}")]
    lines = ["| | Limpet | Maglev | ketama | modulo |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join([title, *cells]) + " |" for title, cells in rows]
    lines += ["", "| Limpet | |", "|---|---|", *(f"| {title} | {value} |" for title, value in single)]
    return "\n".join(lines)


def write_docs(page: Path, figures: dict):
    text = page.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END, text.index(BEGIN))
    page.write_text(text[:begin] + "\n" + table(figures) + "\n" + text[end:])


def panel(left: int, title: str, bars: list[tuple[str, float, str]], most: float) -> list[str]:
    """Bars with their names under and their values over them."""
    height, base = 150, 200
    lines = [f'<text x="{left + 100}" y="24" text-anchor="middle" font-weight="bold">{title}</text>',
             f'<line x1="{left}" y1="{base}" x2="{left + 200}" y2="{base}" stroke="#888"/>']
    for number, (name, value, shown) in enumerate(bars):
        x, size = left + 8 + number * 48, max(round(height * value / most, 1), 1)
        colour = "#2a7f62" if name.startswith("limpet") else "#b9b9b9"
        lines += [f'<rect x="{x}" y="{base - size}" width="40" height="{size}" fill="{colour}"/>',
                  f'<text x="{x + 20}" y="{base - size - 5}" text-anchor="middle">{shown}</text>',
                  f'<text x="{x + 20}" y="{base + 16}" text-anchor="middle">{name}</text>']
    return lines


def plot(figures: dict) -> str:
    moves = [(name, figures[f"add.moved.{name}"], percent(figures[f"add.moved.{name}"])) for name in RIVALS]
    mild = [(name, figures[f"skew.zipf10.{name}"], f"{figures[f'skew.zipf10.{name}']:.2f}") for name in RIVALS]
    heavy = [(name, figures[f"skew.zipf12.{name}"], f"{figures[f'skew.zipf12.{name}']:.2f}") for name in RIVALS]
    panels = [panel(10, "moved when a backend is added", moves, 1),
              panel(250, "fullest by mean, Zipf 1.0", mild, 3),
              panel(490, "Zipf 1.2 (Limpet: split)", heavy, 3)]
    body = "\n".join(line for lines in panels for line in lines)
    return ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 710 230" font-family="sans-serif" font-size="12">\n'
            f'<rect width="710" height="230" fill="#fff"/>\n{body}\n</svg>\n')


def run(root: Path, wanted: argparse.Namespace) -> tuple[int, dict]:
    build = wanted.build if wanted.build.is_absolute() else root / wanted.build
    subprocess.run([root / "scripts/build", build], check=True, env=os.environ | {"LIMPET_TARGETS": TARGET},
                   stdout=subprocess.DEVNULL)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [build / TARGET, "--all", "--json", file.name, "--seed", str(wanted.seed)]
        code = subprocess.run(command + (["--quick"] if wanted.quick else [])).returncode
        text = Path(file.name).read_text()
    return code, json.loads(text) if text else {}


def main(root: Path) -> int:
    wanted = arguments()
    code, figures = run(root, wanted)
    if not figures:
        return code or 1
    if wanted.json:
        judged = {name: value for name, value in figures.items() if not EXTRA.fullmatch(name)}
        wanted.json.write_text(json.dumps(judged, indent=2) + "\n")
    if wanted.docs:
        write_docs(root / "docs/persistence.md", figures)
    if wanted.plot:
        (root / "docs/stickiness.svg").write_text(plot(figures))
    return code
