"""Where the programs are, and how to run one with a time limit. LIMPET_BUILD names the build directory."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LIMPET_BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD


def program(name: str) -> str:
    """Path of a built program (limpetd, limpetctl, limpet-replay)."""
    path = BUILD / "src" / name / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built (LIMPET_BUILD={BUILD}): run scripts/build")
    return str(path)


class CommandFailed(AssertionError):
    """A command ended otherwise than wanted; the text shows the command and what it said."""

    def __init__(self, command, returncode, stdout, stderr):
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr
        super().__init__(f"{' '.join(map(str, command))}\nexit code {returncode}\n{stdout}{stderr}")


def run(command, *, check=True, timeout_s=30, **options) -> subprocess.CompletedProcess:
    """Runs to the end with output as text; with `check`, a non-zero exit raises CommandFailed."""
    command = [str(word) for word in command]
    result = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, **options)
    if check and result.returncode != 0:
        raise CommandFailed(command, result.returncode, result.stdout, result.stderr)
    return result


def limpetctl(socket, *words, check=True, timeout_s=30) -> subprocess.CompletedProcess:
    return run([program("limpetctl"), "--socket", socket, *words], check=check, timeout_s=timeout_s)


def limpetctl_json(socket, *words, timeout_s=30):
    """The reply as a value; for a listing its items."""
    reply = json.loads(limpetctl(socket, "--json", *words, timeout_s=timeout_s).stdout)
    return reply["items"] if isinstance(reply, dict) and "items" in reply else reply
