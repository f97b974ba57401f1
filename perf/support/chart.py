"""Small charts as SVG text: lines over named places, bars, stacked bars."""

from dataclasses import dataclass

COLOURS = ("#2a7f62", "#c0713a", "#4a6fa5", "#9a5a9a", "#b0a13a", "#5f5f5f", "#b03a4a", "#7fb8d0", "#d8a0b8")
GREY = "#b9b9b9"
WIDTH, HEIGHT = 340, 252
LEFT, TOP, BASE = 46, 34, 180  # of the plot's area; it ends WIDTH - 10 to the right


@dataclass(frozen=True)
class Series:
    name: str
    values: tuple[float | None, ...]  # one for each place
    colour: str
    dashed: bool = False


def text(x: float, y: float, content: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{content}</text>'


def step_of(most: float) -> float:
    """Between the lines of the axis: 1, 2 or 5 times a power of ten, for at most five lines."""
    size = 10.0 ** -3
    while True:
        for step in (size, 2 * size, 5 * size):
            if most / step <= 5:
                return step
        size *= 10


def frame(title: str, unit: str, places: list[str], most: float) -> tuple[list[str], list[float]]:
    """Title, axis and names of the places; the middle of each place."""
    lines = [text(WIDTH / 2, 18, title, more=' font-weight="bold"'), text(4, TOP - 4, unit, "start", ' fill="#555"')]
    step = step_of(most)
    for count in range(int(most / step) + 1):
        y = height_of(count * step, most)
        lines += [f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - 10}" y2="{y:.1f}" stroke="#ddd"/>',
                  text(LEFT - 5, y + 4, f"{count * step:g}", "end")]
    room = (WIDTH - 10 - LEFT) / len(places)
    middles = [LEFT + room * (number + 0.5) for number in range(len(places))]
    return lines + [text(x, BASE + 16, place) for x, place in zip(middles, places)], middles


def height_of(value: float, most: float) -> float:
    return BASE - (BASE - TOP) * value / most


def legend(entries: list[tuple[str, str]]) -> list[str]:
    """Under the plot, four in a row."""
    drawn = []
    for number, (name, colour) in enumerate(entries):
        x, y = LEFT - 16 + number % 4 * 78, HEIGHT - 40 + number // 4 * 16
        drawn += [f'<rect x="{x}" y="{y - 9}" width="9" height="9" fill="{colour}"/>', text(x + 12, y, name, "start")]
    return drawn


def lines(title: str, unit: str, places: list[str], series: list[Series]) -> list[str]:
    most = 1.05 * max(value for one in series for value in one.values if value is not None)
    drawn, middles = frame(title, unit, places, most)
    for one in series:
        points = [(x, height_of(value, most)) for x, value in zip(middles, one.values) if value is not None]
        dash = ' stroke-dasharray="5 4"' if one.dashed else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{one.colour}" stroke-width="2"{dash}/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{one.colour}"/>' for x, y in points]
    return drawn + legend([(one.name, one.colour) for one in series])


def stacked(title: str, unit: str, places: list[str], series: list[Series]) -> list[str]:
    sums = [sum(one.values[number] or 0 for one in series) for number in range(len(places))]
    drawn, middles = frame(title, unit, places, 1.05 * max(sums))
    for number, x in enumerate(middles):
        below = 0.0
        for one in series:
            value = one.values[number] or 0
            top, bottom = (height_of(height, 1.05 * max(sums)) for height in (below + value, below))
            drawn.append(f'<rect x="{x - 20:.1f}" y="{top:.1f}" width="40" height="{bottom - top:.1f}" '
                         f'fill="{one.colour}"/>')
            below += value
        drawn.append(text(x, height_of(below, 1.05 * max(sums)) - 4, f"{below:.0f}"))
    return drawn + legend([(one.name, one.colour) for one in series])


def bars(title: str, unit: str, places: list[str], series: list[Series]) -> list[str]:
    most = 1.05 * max(value for one in series for value in one.values if value is not None)
    drawn, middles = frame(title, unit, places, most)
    width = 60 / len(series)
    for number, x in enumerate(middles):
        for index, one in enumerate(series):
            if one.values[number] is not None:
                top = height_of(one.values[number], most)
                drawn.append(f'<rect x="{x - 30 + index * width:.1f}" y="{top:.1f}" width="{width - 2:.1f}" '
                             f'height="{BASE - top:.1f}" fill="{one.colour}"/>')
    return drawn + legend([(one.name, one.colour) for one in series])


def page(panels: list[list[str]]) -> str:
    """Panels side by side, two in a row."""
    columns = min(len(panels), 2)
    wide, high = columns * (WIDTH + 20), (len(panels) + columns - 1) // columns * (HEIGHT + 20)
    body = [f'<g transform="translate({number % columns * (WIDTH + 20) + 10} {number // columns * (HEIGHT + 20) + 10})">\n'
            + "\n".join(panel) + "\n</g>" for number, panel in enumerate(panels)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" '
            f'font-size="11">\n<rect width="{wide}" height="{high}" fill="#fff"/>\n' + "\n".join(body) + "\n</svg>\n")
