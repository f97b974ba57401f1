"""A fuzz target counts as fuzzed only if it was run, on seeds."""

import pytest
from support import fuzzing


@pytest.fixture
def target(tmp_path, monkeypatch):
    """A target that is built, and finds nothing."""
    program = tmp_path / "tests/fuzz/sample_fuzz"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(fuzzing, "FUZZ", tmp_path)
    return tmp_path


def test_seeds_are_wanted(target):
    seeds = target / "seeds/sample"
    assert "has no seeds" in fuzzing.fuzz(target, "sample", 1)
    seeds.mkdir(parents=True)
    assert "has no seeds" in fuzzing.fuzz(target, "sample", 1)
    (seeds / "one").write_text("seed")
    assert fuzzing.fuzz(target, "sample", 1) == ""
    assert "is not built" in fuzzing.fuzz(target, "other", 1)


def test_every_target_has_seeds():
    assert fuzzing.names()
    for name in fuzzing.names():
        assert any((fuzzing.FUZZ / "seeds" / name).iterdir()), name
