"""The sum of scripts/test counts what it should: nothing that failed or could not run is taken for passed."""

import sys
import time

import pytest
from support import junit, runner


@pytest.fixture
def results(tmp_path):
    return tmp_path


def step(command, limit_s=20, **more):
    return runner.Step("sample", limit_s, command, **more)


def outcome(results, sample):
    return runner.collect(sample, runner.run_step(sample, results), results)


def write_cases(results, passed, failed):
    cases = [junit.Result("s", f"p{n}", 0.1) for n in range(passed)]
    cases += [junit.Result("s", f"f{n}", 0.1, "broken\nbadly") for n in range(failed)]
    junit.write(results / "sample.xml", "s", cases)


@pytest.mark.parametrize("passed, failed, exit_code, expected", [
    (3, 0, 0, (3, 0)),
    (2, 2, 1, (2, 2)),
    (2, 0, 1, (2, 1)),  # said nothing of a failure, yet failed
    (0, 0, 0, (0, 1)),  # ran nothing
])
def test_listed_results(results, passed, failed, exit_code, expected):
    write_cases(results, passed, failed)
    got_passed, failures = outcome(results, step([sys.executable, "-c", f"exit({exit_code})", "{junit}"]))
    assert (got_passed, len(failures)) == expected


def test_step_without_a_list_counts_as_one(results):
    assert outcome(results, step(["true"])) == (1, [])
    assert outcome(results, step(["false"])) == (0, ["sample: exit code 1"])


def test_step_that_leaves_no_list_has_failed(results):
    passed, failures = outcome(results, step(["sh", "-c", "exit 3", "{junit}"]))
    assert passed == 0 and len(failures) == 1


def test_missing_program_is_a_failure(results):
    passed, failures = outcome(results, step(["no-such-program-here"]))
    assert passed == 0 and len(failures) == 1


def test_time_limit_ends_the_whole_group(results):
    start = time.monotonic()
    passed, failures = outcome(results, step(["sh", "-c", "sleep 60 & wait"], limit_s=1))
    assert passed == 0 and failures == ["sample: not done after 1 s"]
    assert time.monotonic() - start < 30


def test_every_step_has_a_limit_and_a_name_of_its_own():
    every = runner.steps()
    assert len({one.name for one in every}) == len(every)
    assert all(0 < one.limit_s <= 3600 for one in every)


def test_a_later_step_is_begun_with_the_cpu_that_is_left(tmp_path):
    said = tmp_path / "said"
    command = ["sh", "-c", f"chrt -p $$ > {tmp_path}/now; mv {tmp_path}/now {said}; sleep 60 & wait"]
    start = time.monotonic()
    with runner.begun(step(command)):
        while not said.exists() and time.monotonic() - start < 20:
            time.sleep(0.01)
    assert "SCHED_IDLE" in said.read_text()
    assert time.monotonic() - start < 40, "it ends with the step that it runs beside"
    with runner.begun(None):
        pass


def test_steps_that_are_begun_ahead_come_later():
    names = [each.name for each in runner.steps()]
    for each in runner.steps():
        assert not each.ahead or names.index(each.ahead) > names.index(each.name)
