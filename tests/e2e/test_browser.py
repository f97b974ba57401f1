"""A browser with a cookie session: a page that loads itself many times, at once and one after another, each time over a
connection of its own. The backend that answers first names itself in the cookie."""

import json
import re

import pytest
from support.lab import VIP4, VIP6, Lab

FRAMES, REQUESTS = 10, 5
PAGE = """<html><body id=b>
<script>
function finish() {{
  const names = Array.from(document.querySelectorAll("iframe"), frame => frame.contentDocument.body.innerText.trim());
  for (let i = 0; i < {requests}; ++i) {{
    const asked = new XMLHttpRequest();
    asked.open("GET", "/name?request=" + i, false);
    asked.send();
    names.push(asked.responseText.trim());
  }}
  document.getElementById("answers").innerText = JSON.stringify(names);
}}
addEventListener("load", finish);
for (let i = 0; i < {frames}; ++i) document.write("<iframe src=/name?frame=" + i + "></iframe>");
</script>
<pre id=answers></pre><pre id=page>{name}</pre></body></html>
"""
SITE = """
server {{
  listen 8080;
  listen [::]:8080 ipv6only=on;
  keepalive_timeout 0;
  root {folder}/site;
  location = / {{ default_type text/html; add_header Set-Cookie "SERVER=session.{name}; Path=/"; index page; }}
  location = /page {{ default_type text/html; add_header Set-Cookie "SERVER=session.{name}; Path=/"; }}
  location = /name {{ add_header Cache-Control no-store; return 200 "{name}\\n"; }}
}}
"""
PROFILES = {"route": {"type": "cookie", "name": "SERVER", "by": "route", "delimiter": "."}}


@pytest.fixture(scope="module")
def lab(either_nat):
    with Lab(clients=1, **either_nat) as made:
        for name, nginx in made.nginx.items():
            (nginx.folder / "site").mkdir()
            (nginx.folder / "site/page").write_text(PAGE.format(name=name, frames=FRAMES, requests=REQUESTS))
            nginx.add(SITE.format(folder=nginx.folder, name=name))
        made.start_limpetd(made.config_in_turn(8080, {"type": "http", "path": "/health", "l4_port": 80},
                                               profiles=PROFILES, services={"web": {"persist": ["route"]}}))
        yield made


def visit(lab, folder, host: str) -> tuple[str, list[str]]:
    """The backend that the page came from, and those that its requests went to, of a browser that knows nothing yet."""
    shown = lab.namespaces["client"].run(
        "env", f"HOME={folder}", "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder}",
        "--dump-dom", f"http://{host}/", timeout_s=60).stdout
    page = re.search(r"<pre id=\"page\">(\w+)</pre>", shown)
    answers = re.search(r"<pre id=\"answers\">(\[.*?\])</pre>", shown)
    assert page and answers, shown[-2000:]
    return page[1], json.loads(answers[1])


@pytest.mark.parametrize("host", [VIP4, f"[{VIP6}]"])
def test_all_requests_of_a_session_reach_one_backend(lab, tmp_path, host):
    before = lab.limpetd.counters()
    page, names = visit(lab, tmp_path, host)
    assert names == [page] * (FRAMES + REQUESTS)
    after = lab.limpetd.counters()
    assert after["token_hit"] - before.get("token_hit", 0) >= FRAMES + REQUESTS, "each a connection of its own"
    assert lab.limpetd.moves() == []
