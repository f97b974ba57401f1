"""From what was measured to a figure of scripts/perf."""

import statistics


def figure(values: list[float], unit: str, floors: list[float] | None = None, digits: int = 3) -> dict:
    """`floors`: what was measured beside each of `values`."""
    found = {"median": round(statistics.median(values), digits), "min": round(min(values), digits),
             "max": round(max(values), digits), "unit": unit}
    if floors:
        ratios = [value / floor for value, floor in zip(values, floors, strict=True)]
        found |= {"floor": round(statistics.median(floors), digits), "ratio": round(statistics.median(ratios), 3)}
    return found
