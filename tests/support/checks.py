"""The checks of scripts/check. Each is a function of a Tree that returns problems as lines; none means it passed."""

import argparse
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import check_layers
from support import junit
from support.compiled import Compiled

CXX = (".cpp", ".hpp")
LENGTH_MAX_LINES = 300
TIDY_LIMIT_S = 150
JOBS = 2

# Written so that this file does not find itself.
FORBIDDEN = re.compile("|".join((r"\bTO[D]O\b", r"\bFIX[M]E\b", r"\bXX[X]\b", r"not[ ]implemented yet",
                                 r"(?<![\w.])/(?:wor[k]|roo[t]|hom[e])/")))
SPELLING_IGNORED = "algoritm,inout,nd,te"
# Where misspelt keys ask for the nearest valid one.
MISSPELT_ON_PURPOSE = ("tests/unit/model/", "tests/fuzz/seeds/", "tests/packet/test_errors.py")

INCLUDED = re.compile(r"\A(?:\s*//[^\n]*\n|\s+)*#include \"([^\"]+)\"")  # before anything else


class Tree:
    """The files under version control, and where results are kept."""

    def __init__(self, root: Path, build: Path, everything: bool):
        self.root, self.build, self.everything = root, build, everything
        names = self.git("ls-files", "-z").split("\0")
        self.files = [root / name for name in names if name and (root / name).is_file()]
        self.notes: list[str] = []

    def git(self, *words) -> str:
        return subprocess.run(["git", "-C", str(self.root), *words], capture_output=True, text=True, check=True).stdout

    def with_suffix(self, *suffixes) -> list[Path]:
        return [path for path in self.files if path.suffix in suffixes]

    def scripts(self, interpreter: str) -> list[Path]:
        """Files whose first line names the interpreter."""
        def first_line(path):
            with path.open("rb") as file:
                return file.readline(120)
        return [path for path in self.files if path.suffix in ("", ".sh", ".py")
                and first_line(path).startswith(b"#!") and interpreter.encode() in first_line(path)]

    def name(self, path: Path) -> str:
        return str(path.relative_to(self.root))


def tool(*command, cwd=None) -> list[str]:
    """Output lines of a tool that failed; a missing tool is a problem, too."""
    if shutil.which(command[0]) is None:
        return [f"{command[0]} is missing: scripts/packages test"]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=cwd)
    return [] if result.returncode == 0 else (result.stdout + result.stderr).strip().splitlines() or ["failed"]


def check_format(tree: Tree) -> list[str]:
    files = tree.with_suffix(*CXX)
    return tool("clang-format", "--dry-run", "-Werror", *files) if files else []


def check_layers_(tree: Tree) -> list[str]:
    return check_layers.check(tree.root)


def check_headers(tree: Tree) -> list[str]:
    """Each header compiles alone, so that the order of includes never matters. The build has done that for headers
    that a source file of its own includes first."""
    compiled = Compiled(tree.root, tree.build, "headers")
    flags = compiled.flags()
    built = included_first(compiled)
    headers = [path for path in tree.with_suffix(".hpp")
               if tree.name(path).startswith(("lib/", "src/")) and path not in built
               and not compiled.passed(path, flags)]

    def compile_alone(path):
        problems = tool("g++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", *flags, "-include", path, "-x", "c++",
                        "/dev/null", cwd=tree.root)
        if not problems:
            compiled.remember(path, flags)
        return problems

    with ThreadPoolExecutor(JOBS) as pool:
        return [line for problems in pool.map(compile_alone, headers) for line in problems]


def included_first(compiled: Compiled) -> set[Path]:
    """Headers that a file which the build directory compiles includes before any other."""
    sources = [path for path in compiled.commands() if path.is_relative_to(compiled.root / "lib")]
    first = [INCLUDED.search(path.read_text()) for path in sources]
    return {compiled.root / "lib" / match[1] for match in first if match}


def check_tidy(tree: Tree) -> list[str]:
    database = tree.build / "compile_commands.json"
    if not database.exists():
        return [f"no {database}: run scripts/build first"]
    if shutil.which("clang-tidy") is None:
        return ["clang-tidy is missing: scripts/packages test"]
    compiled = Compiled(tree.root, tree.build, "tidy")
    rules = [(tree.root / ".clang-tidy").read_text()]
    known = compiled.commands()
    files = [path for path in newest_first(tree)
             if path in known and tree.name(path).startswith(("lib/", "src/")) and not compiled.passed(path, rules)]
    deadline = time.monotonic() + TIDY_LIMIT_S
    skipped = 0

    def tidy(path):
        nonlocal skipped
        if not tree.everything and time.monotonic() > deadline:
            skipped += 1
            return []
        problems = tool("clang-tidy", "--quiet", "-p", tree.build, path, cwd=tree.root)
        if not problems:
            compiled.remember(path, rules)
        return [line for line in problems if "warnings generated" not in line]

    with ThreadPoolExecutor(JOBS) as pool:
        problems = [line for lines in pool.map(tidy, files) for line in lines]
    if skipped:
        tree.notes.append(f"tidy: {len(files) - skipped} of {len(files)} files looked at in {TIDY_LIMIT_S} s")
    return problems


def newest_first(tree: Tree) -> list[Path]:
    """Source files: changed ones, then by the last commits that touched them, then the others."""
    names = tree.git("diff", "--name-only", "HEAD").split() + tree.git("log", "-50", "--format=", "--name-only").split()
    ranked = {tree.root / name: rank for rank, name in reversed(list(enumerate(names)))}
    return sorted(tree.with_suffix(".cpp"), key=lambda path: (ranked.get(path, len(names)), path))


def check_spelling(tree: Tree) -> list[str]:
    files = [path for path in tree.files if path.suffix in (*CXX, ".py", ".md", ".def", ".build", ".toml", "")
             and path.name != "LICENSE" and not tree.name(path).startswith(MISSPELT_ON_PURPOSE)]
    return tool("codespell", "-L", SPELLING_IGNORED, *files)


def check_shell(tree: Tree) -> list[str]:
    files = tree.scripts("bash") + tree.scripts("bin/sh")
    return tool("shellcheck", *files) if files else []


def check_python(tree: Tree) -> list[str]:
    problems = []
    for path in {*tree.with_suffix(".py"), *tree.scripts("python3")}:
        try:
            compile(path.read_text(), str(path), "exec")
        except SyntaxError as error:
            problems.append(f"{tree.name(path)}:{error.lineno}: {error.msg}")
    return problems


def check_words(tree: Tree) -> list[str]:
    problems = []
    for path in tree.files:
        if path.suffix in (".pcap", ".png", ".bin") or path.name == "LICENSE" or "seeds" in path.parts:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            match = FORBIDDEN.search(line)
            if match:
                problems.append(f"{tree.name(path)}:{number}: \"{match[0]}\" is not for this tree")
    return problems


def check_length(tree: Tree) -> list[str]:
    """A note, never a failure: a long file is a question to its reader."""
    for path in tree.with_suffix(*CXX, ".py"):
        lines = path.read_text(errors="replace").count("\n")
        if lines > LENGTH_MAX_LINES:
            tree.notes.append(f"length: {tree.name(path)} has {lines} lines")
    return []


CHECKS = {"format": check_format, "layers": check_layers_, "words": check_words, "spelling": check_spelling,
          "shell": check_shell, "python": check_python, "length": check_length, "headers": check_headers,
          "tidy": check_tidy}
SLOW = {"tidy"}  # run when named, or with --all: half a minute a file


def main(root: Path) -> int:
    parser = argparse.ArgumentParser(prog="scripts/check")
    parser.add_argument("--build", default="build", help="build directory with compile_commands.json")
    parser.add_argument("--junit", help="write the results here")
    parser.add_argument("--all", action="store_true", help="also clang-tidy, without a time limit")
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    options = parser.parse_args()
    unknown = set(options.checks) - set(CHECKS)
    if unknown:
        parser.error(f"no check '{sorted(unknown)[0]}'; there are {', '.join(CHECKS)}")
    tree = Tree(root, (root / options.build).resolve(), options.all)
    results = []
    for name in options.checks or [name for name in CHECKS if options.all or name not in SLOW]:
        start = time.monotonic()
        problems = CHECKS[name](tree)
        elapsed_s = time.monotonic() - start
        results.append(junit.Result("check", name, elapsed_s, "\n".join(problems[:200])))
        print(f"{'FAILED' if problems else 'ok':6} {name} ({elapsed_s:.1f} s)", flush=True)
        for line in problems[:60]:
            print(f"       {line}")
    for note in tree.notes:
        print(f"note   {note}")
    if options.junit:
        junit.write(Path(options.junit), "check", results)
    sys.stdout.flush()
    return 1 if any(result.failure for result in results) else 0
