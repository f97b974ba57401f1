#!/usr/bin/python3
"""Refuses an include that goes up. The layers are the table in lib/meson.build; DPDK, Hyperscan and the programs
have rules of their own. Usage: check_layers.py [ROOT]; prints file:line and why, exits 1 when there are any."""

import re
import sys
from pathlib import Path

ROW = re.compile(r"'(?P<name>\w+)':\s*\{\s*'uses':\s*\[(?P<uses>[^\]]*)\]\s*,\s*'deps':\s*\[[^\]]*\]"
                 r"(?:\s*,\s*'dpdk':\s*(?P<dpdk>true|false))?\s*,?\s*\}")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SOURCES = (".cpp", ".hpp", ".def", ".h")
HYPERSCAN = re.compile(r"^(hs/)?hs(_common|_compile|_runtime)?\.h$")

# What a program may include beside the libraries without DPDK.
PROGRAMS_WITH_DPDK = {"limpetd"}

# Libraries above its own that a library's tests may stand on: the path is tested inside a whole node in memory.
TEST_RIGS = {"path": {"replay"}}


def read_layers(text: str) -> dict[str, dict]:
    """name -> {"uses": closure of names, "dpdk": bool}; a name used before its own row is an error."""
    start = text.index("layers = {")
    layers: dict[str, dict] = {}
    for row in ROW.finditer(text, start):
        uses: set[str] = set()
        for name in re.findall(r"'(\w+)'", row["uses"]):
            if name not in layers:
                raise ValueError(f"lib/meson.build: '{row['name']}' uses '{name}', which is not below it")
            uses |= {name} | layers[name]["uses"]
        layers[row["name"]] = {"uses": uses, "dpdk": row["dpdk"] == "true"}
    if len(layers) < 2:
        raise ValueError("lib/meson.build: no table of layers found")
    return layers


def includes(path: Path):
    """(line number, is system, name) of each include."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match[1] == "<", match[2]


def is_dpdk(name: str) -> bool:
    return name.startswith(("rte_", "dpdk/"))


def why_not(owner: str, allowed: set[str], dpdk: bool, layers: dict, system: bool, name: str) -> str | None:
    """The reason why code of `owner` may not include `name`, or nothing."""
    if is_dpdk(name):
        return None if dpdk else f"{owner} may not include DPDK"
    if HYPERSCAN.match(name):
        return None if owner == "match" else "only match may include Hyperscan"
    layer = name.split("/")[0]
    if system or "/" not in name or layer not in layers:
        return None
    return None if layer in allowed else f"{owner} may not include {layer} (lib/meson.build)"


def check(root: Path) -> list[str]:
    layers = read_layers((root / "lib/meson.build").read_text())
    without_dpdk = {name for name, row in layers.items() if not row["dpdk"]}
    problems = []

    def look(folder: Path, owner: str, allowed: set[str], dpdk: bool):
        for path in sorted(folder.rglob("*")):
            if path.suffix not in SOURCES:
                continue
            for number, system, name in includes(path):
                reason = why_not(owner, allowed, dpdk, layers, system, name)
                if reason:
                    problems.append(f"{path.relative_to(root)}:{number}: \"{name}\": {reason}")

    for folder in sorted((root / "lib").iterdir()):
        if not folder.is_dir():
            continue
        if folder.name not in layers:
            problems.append(f"lib/{folder.name}: not in the table of lib/meson.build")
            continue
        row = layers[folder.name]
        look(folder, folder.name, row["uses"] | {folder.name}, row["dpdk"])
        tests = root / "tests/unit" / folder.name  # may drive its library through any other without DPDK
        look(tests, f"tests/unit/{folder.name}", row["uses"] | {folder.name} | without_dpdk, row["dpdk"])
    for folder in sorted((root / "src").iterdir()):
        if folder.is_dir():
            dpdk = folder.name in PROGRAMS_WITH_DPDK
            look(folder, f"src/{folder.name}", set(layers) if dpdk else without_dpdk, dpdk)
    return problems


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
    try:
        problems = check(root)
    except ValueError as error:
        problems = [str(error)]
    print("\n".join(problems) if problems else "layers: every include goes down")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
