"""What scripts/check may leave to the build: headers that a file includes before anything else."""

import json

from support.checks import included_first
from support.compiled import Compiled


def test_headers_that_the_build_compiles_alone(tmp_path):
    sources = {
        "lib/a/one.cpp": '// Says what it is for.\n\n#include "a/one.hpp"\n\n#include "a/other.hpp"\n',
        "lib/a/two.cpp": '#include <vector>\n#include "a/two.hpp"\n',    # what it lacks <vector> may bring
        "lib/a/three.cpp": '#define WITH 1\n#include "a/three.hpp"\n',   # not as others meet it
        "lib/a/four.cpp": '#include "a/four.hpp"\n',                     # not built
        "tests/a/five.cpp": '#include "a/five.hpp"\n',
    }
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    build = tmp_path / "build"
    build.mkdir()
    assert included_first(Compiled(tmp_path, build, "headers")) == set()  # nothing is built
    (build / "compile_commands.json").write_text(json.dumps(
        [{"directory": str(build), "file": f"../{name}"} for name in sources if "four" not in name]))
    assert included_first(Compiled(tmp_path, build, "headers")) == {tmp_path / "lib/a/one.hpp"}
