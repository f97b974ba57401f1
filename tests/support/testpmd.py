"""dpdk-testpmd under command: started with devices, told what to do on its prompt, asked for its counters."""

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

PROMPT = "testpmd>"


class Testpmd:
    """Use as a context manager. `options` are EAL's and `own` testpmd's; ports are numbered in order of `devices`.
    `before`: words that run it, such as those of a namespace; `memory`: EAL's options for where its memory is."""

    __test__ = False  # no test of pytest's

    def __init__(self, name: str, devices: list[str], *, options=(), own=(), cpus=None, before=(),
                 memory=("--in-memory",)):
        self.log = Path(tempfile.mkstemp(prefix=f"testpmd-{name}-")[1])
        cpus = cpus or sorted(os.sched_getaffinity(0))
        lcores = f"0@{cpus[0]},1@{cpus[-1]}"
        self.command = [*map(str, before), "stdbuf", "-oL", "dpdk-testpmd",  # what it prints comes before its next prompt
                        "--no-pci", *memory, f"--file-prefix={name}-{os.getpid()}",
                        "--no-telemetry", f"--lcores={lcores}", *options]
        for device in devices:
            self.command += ["--vdev", device]
        self.command += ["--", "-i", "--no-flush-rx", "--no-lsc-interrupt", "--total-num-mbufs=32768", *own]
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=self.log.open("w"),
                                        stderr=subprocess.STDOUT, text=True)
        try:
            self._wait_prompts(1)
        except BaseException:
            self.process.kill()
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        try:
            self.process.communicate("stop\nquit\n", timeout=20)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self.process.kill()
            self.process.wait()
        self.log.unlink(missing_ok=True)

    def _wait_prompts(self, count: int, timeout_s=60):
        deadline = time.monotonic() + timeout_s
        while self.log.read_text().count(PROMPT) < count:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{' '.join(self.command)}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.02)

    def tell(self, line: str) -> str:
        """What it answered, up to its next prompt."""
        before = self.log.read_text()
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self._wait_prompts(before.count(PROMPT) + 1)
        return self.log.read_text()[len(before):]

    def link_up(self, port: int) -> bool:
        return "Link status: up" in self.tell(f"show port info {port}")

    def counters(self, port: int) -> dict[str, int]:
        """{"rx": packets taken from the port, "tx": packets it took, "missed": ..., "rx_pps": packets a second taken
        since the last look, "tx_pps": ...}"""
        told = self.tell(f"show port stats {port}")
        found = {name: int(value) for name, value in re.findall(r"([RT][Xx]-(?:packets|missed|pps)):\s+(\d+)", told)}
        return {"rx": found["RX-packets"], "tx": found["TX-packets"], "missed": found["RX-missed"],
                "rx_pps": found["Rx-pps"], "tx_pps": found["Tx-pps"]}
