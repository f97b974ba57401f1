"""JUnit XML, the form in which every step leaves its results: written by scripts/check, read by the runner."""

import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Result:
    suite: str
    name: str
    elapsed_s: float
    failure: str = ""  # empty: passed


def write(path: Path, suite: str, results: list[Result]):
    root = xml.Element("testsuite", name=suite, tests=str(len(results)),
                       failures=str(sum(1 for result in results if result.failure)))
    for result in results:
        case = xml.SubElement(root, "testcase", classname=result.suite, name=result.name, time=f"{result.elapsed_s:.3f}")
        if result.failure:
            xml.SubElement(case, "failure", message=result.failure.splitlines()[0]).text = result.failure
    xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def count(path: Path) -> tuple[int, int, list[str]]:
    """(passed, failed, names of the failed); skipped cases count as neither."""
    passed, failed = 0, []
    for case in xml.parse(path).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname', '')}.{case.get('name', '')}".strip("."))
        elif case.find("skipped") is None:
            passed += 1
    return passed, len(failed), failed
