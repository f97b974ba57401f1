"""Short fuzzing of every target in tests/fuzz: NAME_fuzz.cpp with its seeds in seeds/NAME/.

Usage: fuzzing.py BUILD_DIR JUNIT_FILE [SECONDS]. A finding is kept as tests/fuzz/found/NAME-... and printed."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "tests/fuzz"
MESON_OPTIONS = ["-Dfuzz=true", "-Dperf=false", "-Db_lundef=false",
                 "-Db_sanitize=address,undefined", "-Doptimization=1", "-Dunity_size=8",
                 "-Dcpp_args=-fsanitize=fuzzer-no-link"]


def names() -> list[str]:
    return sorted(path.stem.removesuffix("_fuzz") for path in FUZZ.glob("*_fuzz.cpp"))


def targets() -> list[str]:
    return [f"tests/fuzz/{name}_fuzz" for name in names()]


def fuzz(build: Path, name: str, seconds: int) -> str:
    """What went wrong, or nothing."""
    program = build / "tests/fuzz" / f"{name}_fuzz"
    if not program.exists():
        return f"{program} is not built"
    seeds = FUZZ / "seeds" / name
    if not seeds.is_dir() or not any(seeds.iterdir()):
        return f"{seeds} has no seeds"
    found = FUZZ / "found"
    with tempfile.TemporaryDirectory() as corpus:
        command = [program, f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-timeout=10", "-max_len=9000",
                   "-print_final_stats=1", f"-artifact_prefix={found}/{name}-", corpus, seeds]
        found.mkdir(exist_ok=True)
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds + 60)
        if not any(found.iterdir()):
            found.rmdir()
    return "" if result.returncode == 0 else result.stderr[-4000:]


def main() -> int:
    sys.path[:0] = [str(ROOT / "tests")]
    from support import junit

    build, report = (ROOT / sys.argv[1]).resolve(), Path(sys.argv[2])
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    results = []
    for name in names():
        start = time.monotonic()
        try:
            failure = fuzz(build, name, seconds)
        except subprocess.TimeoutExpired:
            failure = f"did not end {60} s after its time"
        results.append(junit.Result("fuzz", name, time.monotonic() - start, failure))
        print(f"{'FAILED' if failure else 'ok':6} fuzz {name}\n{failure}".rstrip(), flush=True)
    junit.write(report, "fuzz", results)
    return 1 if any(result.failure for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
