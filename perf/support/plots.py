"""The plots of docs/performance.md from the figures of one run: one SVG each, where there is data for it."""

from pathlib import Path

from . import chart
from .cases import SIZES
from .chart import COLOURS, GREY, Series
from .page import STAGES

PATHS = (("nat, IPv4", "path.nat.v4"), ("dr, IPv4", "path.dr.v4"), ("nat, IPv6", "path.nat.v6"),
         ("dr, IPv6", "path.dr.v6"))
PERCENTILES = ("p50", "p99", "p999")


def of(figures: dict, name: str, key: str = "median") -> float | None:
    return figures.get(name, {}).get(key)


def flows(figures: dict) -> list[list[str]]:
    """Cycles against flows, each way of forwarding beside its floor."""
    panels = []
    for title, prefix in PATHS:
        series = [Series(name, tuple(of(figures, f"{prefix}.{kind}.{size}") for size in SIZES), colour)
                  for name, kind, colour in (("known flow", "hit", COLOURS[0]), ("answer", "return", COLOURS[1]),
                                             ("new flow", "new", COLOURS[2]))]
        series.append(Series("rte_hash", tuple(of(figures, f"{prefix}.hit.{size}", "floor") for size in SIZES),
                             GREY, dashed=True))
        there = [one for one in series if any(value is not None for value in one.values)]
        if there:
            panels.append(chart.lines(f"{title}: cycles a packet against flows", "TSC cycles", list(SIZES), there))
    return panels


def stages(figures: dict) -> list[list[str]]:
    """New flows, which cost far more, in a panel of their own."""
    panels = []
    for kinds in ((("known flow", "hit"), ("answer", "return")), (("new flow", "new"),)):
        series = [Series(stage, tuple(of(figures, f"stages.nat.v4.1M.{kind}.{stage}") for _, kind in kinds), colour)
                  for stage, colour in zip(STAGES, COLOURS, strict=True)]
        if any(value is not None for one in series for value in one.values):
            panels.append(chart.stacked("nat, IPv4, 1M flows: cycles of each stage", "TSC cycles",
                                        [name for name, _ in kinds], series))
    return panels


def workers(figures: dict) -> list[list[str]]:
    prefix = "workers.nat.v4.1M."
    counts = sorted(int(name.removeprefix(prefix)) for name in figures if name.startswith(prefix))
    if not counts:
        return []
    values = tuple(of(figures, f"{prefix}{count}") for count in counts)
    even = tuple(values[0] / counts[0] * count for count in counts)
    return [chart.lines("nat, IPv4, 1M flows: packets a second", "Mpps", [f"{count} workers" for count in counts],
                        [Series("measured", values, COLOURS[0]), Series("in proportion", even, GREY, dashed=True)])]


def latency(figures: dict) -> list[list[str]]:
    panels = []
    for title, prefix in (("idle", "latency.idle."), ("at 80 % load", "latency.")):
        series = [Series(name, tuple(of(figures, f"{prefix}{percentile}", key) for percentile in PERCENTILES), colour)
                  for name, key, colour in (("limpetd", "median", COLOURS[0]), ("macswap", "floor", GREY))]
        if any(value is not None for one in series for value in one.values):
            panels.append(chart.bars(f"one packet through, {title}", figures[f"{prefix}p50"]["unit"], list(PERCENTILES),
                                     series))
    return panels


def draw(folder: Path, figures: dict) -> list[Path]:
    """Writes the plots there is data for; which."""
    folder.mkdir(exist_ok=True)
    written = []
    for plot in (flows, stages, workers, latency):
        panels = plot(figures)
        if panels:
            written.append(folder / f"{plot.__name__}.svg")
            written[-1].write_text(chart.page(panels))
    return written
