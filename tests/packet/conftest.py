"""Scenarios run through limpet-replay, which must be built."""

import pytest
from support.programs import program


@pytest.fixture(autouse=True, scope="session")
def replay_is_built():
    program("limpet-replay")
