"""Runs the steps of scripts/test one after another, each with a time limit, and sums up what they counted.

Usage: scripts/test [--quick] [--list] [STEP...]. The last line is `N passed, N failed`. A step that can't run counts
as one failure; a step whose folder holds no tests is left out.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from support import fuzzing, junit  # noqa: E402
from support.netns import sweep  # noqa: E402

PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-x" if os.environ.get("LIMPET_FAIL_FAST") else "-q"]
APART = ["-n", "2"]  # for tests that share nothing, on disk or in the kernel: two processes (pytest-xdist)
SANITIZE_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:halt_on_error=1:detect_stack_use_after_return=1",
    "LSAN_OPTIONS": f"suppressions={ROOT}/tests/support/lsan.txt:print_suppressions=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/support/tsan.txt",
}
SHARED_UNITS = ["base", "record", "l3", "coherence", "control", "worker"]  # their tests start threads
CLANG = {"CC": "ccache clang", "CXX": "ccache clang++"}
SANITIZED_PROGRAMS = ["tests/sim/sim", "src/limpet-replay/limpet-replay", "src/limpetctl/limpetctl"]


@dataclass
class Step:
    name: str
    limit_s: int
    command: list[str]           # "{junit}" stands for the file to leave results in; {builddir} for the one of `build`
    needs: Path | None = None    # a folder that must hold tests
    build: str = ""              # build directory whose Meson log has the results
    quick: bool = True           # also part of --quick
    ahead: str = ""              # a later step that is begun with what CPU this one leaves
    environment: dict[str, str] = field(default_factory=dict)


def units(prefix: str = "") -> list[str]:
    """Names of the unit test programs that there are."""
    folders = sorted((ROOT / "tests/unit").iterdir())
    return [folder.name for folder in folders if any(folder.glob("*.cpp"))]


def build_step(name: str, directory: str, *options: str, targets=(), limit_s=2400, environment=None, quick=False) -> Step:
    return Step(name, limit_s, ["scripts/build", directory, *options], quick=quick,
                environment={"LIMPET_TARGETS": " ".join(targets), **(environment or {})})


def meson_step(name: str, directory: str, suites=(), tests=(), limit_s=900, environment=None, quick=False,
               prefix=()) -> Step:
    suite_options = [word for suite in suites for word in ("--suite", suite)]
    return Step(name, limit_s, [*prefix, "meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs",
                                "--timeout-multiplier", "8",
                                *suite_options, *tests], needs=ROOT / "tests/unit", build=directory, quick=quick,
                environment=environment or {})


def pytest_step(name: str, folder: str, directory: str, limit_s: int, options=(), quick=False,
                environment=None, ahead="") -> Step:
    return Step(name, limit_s, [*PYTEST, *options, "--junitxml", "{junit}", f"tests/{folder}"],
                needs=ROOT / "tests" / folder, quick=quick, ahead=ahead,
                environment={"LIMPET_BUILD": directory, **(environment or {})})


def steps() -> list[Step]:
    shared = [name for name in SHARED_UNITS if name in units()]
    # One build by clang serves the tests under sanitizers and the fuzz targets.
    sanitized = [f"tests/unit/unit_{name}" for name in units()] + SANITIZED_PROGRAMS + fuzzing.targets()
    return [
        build_step("build", "build", quick=True),
        Step("check", 600, ["scripts/check", "--build", "build", "--junit", "{junit}"]),
        Step("tools", 120, [*PYTEST, "--junitxml", "{junit}", "tests/tools"], needs=ROOT / "tests/tools"),
        meson_step("unit", "build", quick=True),
        pytest_step("instructions", "instructions", "build", 240, quick=True),
        pytest_step("sim", "sim", "build", 300, APART, quick=True),
        pytest_step("packet", "packet", "build", 600, APART, quick=True),
        pytest_step("docs", "docs", "build", 300, quick=True),
        pytest_step("e2e", "e2e", "build", 1500, ahead="build-asan"),
        pytest_step("guest", "guest", "build", 1200),
        build_step("build-asan", "build-asan", *fuzzing.MESON_OPTIONS, targets=sanitized, environment=CLANG),
        meson_step("unit-asan", "build-asan", suites=["unit"], limit_s=1800, environment=SANITIZE_ENV),
        pytest_step("sim-asan", "sim", "build-asan", 300, APART,
                    environment={**SANITIZE_ENV, "LIMPET_SIM_SEEDS": "20"}),
        pytest_step("packet-asan", "packet", "build-asan", 900, APART, environment=SANITIZE_ENV),
        Step("fuzz", 600, ["/usr/bin/python3", "tests/support/fuzzing.py", "build-asan", "{junit}"],
             needs=ROOT / "tests/fuzz", environment=SANITIZE_ENV),
        build_step("build-tsan", "build-tsan", "-Dperf=false", "-Db_lundef=false", "-Db_sanitize=thread",
                   "-Doptimization=1", "-Dunity_size=8", targets=[f"tests/unit/unit_{name}" for name in shared], environment=CLANG),
        # The thread sanitizer wants its own layout of the address space.
        meson_step("unit-tsan", "build-tsan", tests=shared, environment=SANITIZE_ENV, prefix=["setarch", "-R"]),
    ]


def has_tests(folder: Path) -> bool:
    return any(path for pattern in ("*.cpp", "test_*.py") for path in folder.rglob(pattern))


def run_step(step: Step, results: Path) -> int | str:
    """The exit code, or why there is none. Ends the whole process group at the limit: SIGINT first, so that
    tests may clean up, SIGKILL later."""
    xml = results / f"{step.name}.xml"
    command = [word.replace("{junit}", str(xml)) for word in step.command]
    try:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **step.environment}, start_new_session=True,
                                   stdin=subprocess.DEVNULL)
    except OSError as error:
        return str(error)
    try:
        return process.wait(timeout=step.limit_s)
    except subprocess.TimeoutExpired:
        end_group(process)
        return f"not done after {step.limit_s} s"
    except KeyboardInterrupt:
        end_group(process)
        raise


@contextmanager
def begun(step: Step | None):
    """The step runs meanwhile, where nothing else wants a CPU, for as far as it gets: it is run once more in its turn,
    which then has the less to do and says what became of it."""
    if step is None:
        yield
        return
    process = subprocess.Popen(["chrt", "--idle", "0", *step.command], cwd=ROOT,
                               env={**os.environ, **step.environment}, start_new_session=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    autogroup = Path(f"/proc/{process.pid}/autogroup")  # a session's share of the CPUs, where the kernel gives it one
    with suppress(OSError):
        autogroup.write_text("19")
    try:
        yield
    finally:
        end_group(process)


def end_group(process: subprocess.Popen):
    for number, patience_s in ((signal.SIGINT, 20), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=patience_s)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def collect(step: Step, outcome: int | str, results: Path) -> tuple[int, list[str]]:
    """(passed, failures) of a step that ran; a step without a list of its own counts as one."""
    if isinstance(outcome, str):
        return 0, [f"{step.name}: {outcome}"]
    xml = results / f"{step.name}.xml"
    if step.build:
        xml = ROOT / step.build / "meson-logs" / "testlog.junit.xml"
    listed = xml.exists() and ("{junit}" in step.command or step.build)
    if not listed:
        return (1, []) if outcome == 0 else (0, [f"{step.name}: exit code {outcome}"])
    passed, _, failed = junit.count(xml)
    failures = [f"{step.name}: {name}" for name in failed]
    if outcome != 0 and not failures:
        failures = [f"{step.name}: exit code {outcome}"]
    if passed == 0 and not failures:
        failures = [f"{step.name}: ran nothing"]
    return passed, failures


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):  # both end the step in hand, which cleans up; also under nohup
        signal.signal(number, signal.default_int_handler)
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    flags = {word for word in sys.argv[1:] if word.startswith("--")}
    every = steps()
    if flags - {"--quick", "--list"} or set(words) - {step.name for step in every}:
        print(__doc__)
        print("steps: " + " ".join(step.name for step in every))
        return 2
    wanted = [step for step in every if (step.name in words if words else step.quick or "--quick" not in flags)]
    if "--list" in flags:
        print("\n".join(f"{step.name:12} at most {step.limit_s} s" for step in wanted))
        return 0
    results = Path(tempfile.mkdtemp(prefix="limpet-results-"))
    passed, failures, begin = 0, [], time.monotonic()
    try:
        for step in wanted:
            if step.needs is not None and not has_tests(step.needs):
                continue
            if step.build:  # a log of an earlier run must not count for this one
                (ROOT / step.build / "meson-logs" / "testlog.junit.xml").unlink(missing_ok=True)
            print(f"==> {step.name} (at {time.monotonic() - begin:.0f} s)", flush=True)
            start = time.monotonic()
            with begun(next((later for later in wanted if later.name == step.ahead), None)):
                outcome = run_step(step, results)
            step_passed, step_failures = collect(step, outcome, results)
            passed += step_passed
            failures += step_failures
            print(f"<== {step.name}: {step_passed} passed, {len(step_failures)} failed, "
                  f"{time.monotonic() - start:.0f} s", flush=True)
        for failure in failures:
            print(f"FAILED {failure}")
    except KeyboardInterrupt:
        failures.append("interrupted")
    finally:
        shutil.rmtree(results, ignore_errors=True)
        if os.geteuid() == 0:
            sweep()
        print(f"{passed} passed, {len(failures)} failed", flush=True)
    return 1 if failures or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
