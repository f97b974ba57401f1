"""What the pages show is true: configurations load, commands and scripts exist, links lead somewhere."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from support import toml_text
from support.lab import merged
from support.programs import ROOT, program, run

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```toml\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    .*\n|^\n)+", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")
COMMAND = re.compile(r"(?:^ {4}|`)limpetctl ((?:show|backend|config|records|apply|why|version)\b[^`\n]*)", re.MULTILINE)
SCRIPT = re.compile(r"\bscripts/[a-z]+(?:-[a-z]+)*")


def configurations(page: Path) -> list[str]:
    """TOML blocks: fenced ones, and indented ones that have a table in them."""
    text = page.read_text()
    indented = [re.sub(r"^    ", "", match[0], flags=re.MULTILINE) for match in INDENTED.finditer(text)]
    return FENCED.findall(text) + [block for block in indented if re.search(r"^\[\w+\.\w+\]$", block, re.MULTILINE)]


def is_whole(text: str) -> bool:
    return {"ports", "pools", "services"} <= tomllib.loads(text).keys()


WHOLE = [(page, text) for page in PAGES for text in configurations(page) if is_whole(text)]
FRAGMENTS = [(page, text) for page in PAGES for text in configurations(page) if not is_whole(text)]


def names(rows) -> list[str]:
    return [f"{page.name}-{number}" for number, (page, _) in enumerate(rows)]


def check(folder: Path, text: str):
    file = folder / "limpet.toml"
    file.write_text(text)
    run([program("limpetctl"), "config", "check", file])


def test_there_are_examples():
    assert {page.name for page, _ in WHOLE} >= {"README.md", "configuration.md"}


@pytest.mark.parametrize("page, text", WHOLE, ids=names(WHOLE))
def test_configuration_loads(tmp_path, page, text):
    check(tmp_path, text)


@pytest.mark.parametrize("page, text", FRAGMENTS, ids=names(FRAGMENTS))
def test_fragment_loads_within_a_configuration(tmp_path, page, text):
    base = tomllib.loads(next(text for page, text in WHOLE if page.name == "configuration.md"))
    check(tmp_path, toml_text.dump(merged(base, tomllib.loads(text))))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, _ in LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page):
    for words in COMMAND.findall(page.read_text()):
        command = [word for word in words.split() if re.fullmatch(r"[a-z]+", word)]
        depth = 2 if command[0] in ("show", "config", "backend", "records") else 1
        help_ = run([program("limpetctl"), *command[:depth], "--help"]).stdout
        for option in re.findall(r"--[a-z-]+", words):
            assert option in help_ or option == "--json", f"{page.name}: limpetctl {words}"


PLACEHOLDERS = {"POOL/NAME": "web/b1", "SERVICE": "web", "PROFILE": "client", "ADDR": "192.0.2.1", "KEY": "192.0.2.1",
                "ADDR[:PORT]": "192.0.2.1:4000", "N": "7", "TIME": "1m", "LISTEN": "192.0.2.10:80/tcp",
                "FILTER": "web", "CURSOR": "1.1"}


def runnable(words: str, file: Path) -> list[str] | None:
    """The words of an example with placeholders filled in; None for a pattern such as `backend drain|enable`."""
    if re.search(r"\||\.\.\.|[<>$]", words.split("#")[0].replace("[:PORT]", "")):
        return None
    usage = re.sub(r"\[(--[a-z-]+(?: [A-Z/_]+(?:\[:PORT\])?)?)\]", r"\1", words.split("#")[0])
    filled = [PLACEHOLDERS.get(word, word) for word in shlex.split(usage)]
    return [str(file) if word == "FILE" or word.endswith((".toml", ".jsonl")) else word for word in filled]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_run(tmp_path, page):
    """As far as one can without a daemon: limpetctl takes the line and finds nobody at the socket."""
    file = tmp_path / "limpet.toml"
    file.write_text(next(text for page, text in WHOLE if page.name == "configuration.md"))
    for words in COMMAND.findall(page.read_text()):
        line = runnable(words, file)
        if line is None or len(line) < 2 and line[0] in ("show", "config", "backend", "records", "apply", "why"):
            continue  # the name of a command, not an example
        needed = run([program("limpetctl"), *line[:2], "--help"], check=False).stdout
        if "REQUIRED" in needed and len(line) <= 2:
            continue
        result = run([program("limpetctl"), "--socket", tmp_path / "nobody", *line], check=False)
        assert result.returncode in (0, 3), f"{page.name}: limpetctl {words}: {result.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_exist(page):
    for script in SCRIPT.findall(page.read_text()):
        assert (ROOT / script).exists(), f"{page.name} names {script}"
