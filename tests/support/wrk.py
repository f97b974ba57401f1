"""Load by wrk over 20 connections: how many requests were answered, by whom, and that none failed."""

import re
import tempfile
from dataclasses import dataclass

CONNECTIONS = 20
CLOSE, KEEP = "Connection: close", "Connection: keep-alive"
REQUESTS = re.compile(r"^\s*(\d+) requests in ([\d.]+)(m?s),", re.MULTILINE)
ANSWER = re.compile(r"^answered (\w+) (\d+)$", re.MULTILINE)
TELL_WHO_ANSWERED = """
local all = {}
function setup(thread) table.insert(all, thread) end
function init() answers = {} end
function response(status, headers, body)
  local name = body:gsub("%s", "")
  answers[name] = (answers[name] or 0) + 1
end
function done()
  for _, thread in ipairs(all) do
    for name, count in pairs(thread:get("answers")) do print("answered " .. name .. " " .. count) end
  end
end
"""


@dataclass
class Load:
    requests: int
    took_s: float
    answers: dict[str, int]  # by body, where they were wanted


def load(namespace, url: str, *headers: str, seconds=1, who=True) -> Load:
    """One thread's; `who`: with the answers, which takes wrk some time for each."""
    words = [word for header in headers for word in ("-H", header)]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(TELL_WHO_ANSWERED)
        script.flush()
        words += ["-s", script.name] if who else []
        done = namespace.run("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *words, url, timeout_s=seconds + 20)
    found = REQUESTS.search(done.stdout)
    if not found or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise AssertionError(f"wrk had failures:\n{done.stdout}")
    answers = {name: int(count) for name, count in ANSWER.findall(done.stdout)}
    return Load(int(found[1]), float(found[2]) / (1000 if found[3] == "ms" else 1), answers)
