"""The layer check finds what it is there to find."""

import check_layers
import pytest

TABLE = """
layers = {
  'base': {'uses': [], 'deps': [fmt]},
  'match': {'uses': ['base'], 'deps': []},
  'path': {'uses': ['match'],
           'deps': [json]},
  'nic': {'uses': ['path'], 'deps': [], 'dpdk': true},
}
"""


def make(root, files):
    for folder in ("base", "match", "path", "nic"):
        (root / "lib" / folder).mkdir(parents=True)
        (root / "tests/unit" / folder).mkdir(parents=True)
    for program in ("limpetd", "limpetctl", "limpet-replay"):
        (root / "src" / program).mkdir(parents=True)
    (root / "lib/meson.build").write_text(TABLE)
    for name, text in files.items():
        (root / name).write_text(text)
    return check_layers.check(root)


@pytest.mark.parametrize("file, include, refused", [
    ("lib/base/a.hpp", '"path/turn.hpp"', True),             # up
    ("lib/match/a.hpp", '"path/turn.hpp"', True),            # up, by one
    ("lib/path/a.hpp", '"match/database.hpp"', False),       # down
    ("lib/path/a.hpp", '"base/id.hpp"', False),              # down, through match
    ("lib/path/a.hpp", '"path/burst.hpp"', False),           # itself
    ("lib/path/a.hpp", "<rte_mbuf.h>", True),                # DPDK where it must not be
    ("lib/nic/a.cpp", "<rte_mbuf.h>", False),
    ("lib/path/a.cpp", "<hs/hs.h>", True),                   # Hyperscan outside match
    ("lib/match/a.cpp", "<hs/hs.h>", False),
    ("src/limpetctl/main.cpp", "<rte_eal.h>", True),
    ("src/limpetctl/main.cpp", '"nic/eal.hpp"', True),       # a library with DPDK
    ("src/limpetctl/main.cpp", '"base/id.hpp"', False),
    ("src/limpet-replay/main.cpp", '"nic/eal.hpp"', True),
    ("src/limpetd/main.cpp", '"nic/eal.hpp"', False),
    ("tests/unit/base/test_a.cpp", '"path/turn.hpp"', False),  # a test may use what is above
    ("tests/unit/base/test_a.cpp", '"nic/eal.hpp"', True),     # but no DPDK
    ("lib/base/a.hpp", "<vector>", False),
    ("lib/base/a.hpp", '"neighbour.hpp"', False),            # no folder: beside the file
])
def test_include(tmp_path, file, include, refused):
    problems = make(tmp_path, {file: f"// head\n#include {include}\n"})
    assert bool(problems) == refused, problems
    if refused:
        assert problems[0].startswith(f"{file}:2: ")


def test_row_that_uses_a_later_row():
    with pytest.raises(ValueError, match="'base' uses 'path'"):
        check_layers.read_layers("layers = {\n 'base': {'uses': ['path'], 'deps': []},\n 'path': {'uses': [], 'deps': []},\n}")


def test_folder_without_a_row(tmp_path):
    make(tmp_path, {})
    (tmp_path / "lib/stray").mkdir()
    assert check_layers.check(tmp_path) == ["lib/stray: not in the table of lib/meson.build"]
