"""Other ways to the same backends: direct return, AF_XDP."""

import pytest

from support.lab import Lab, client4, client6


@pytest.mark.parametrize("options", [{"forwarding": "dr"}, {"xdp": True}], ids=["dr", "xdp"])
def test_sessions_stay(options):
    with Lab(clients=5, **options) as lab:
        limpetd = lab.start_limpetd()
        answers = lab.ask_all(4)
        assert all(len(set(names)) == 1 for names in answers.values()), answers
        assert len({names[0] for names in answers.values()}) > 1
        for source in (client4(0), client6(0)):
            assert lab.curl(source, "/who").split()[1] == source
        lab.nginx["b1"].stop()
        limpetd.wait_health("web/b1", "down")
        after = lab.ask_all(2)
        for source, names in after.items():
            assert (set(names) != set(answers[source])) == (answers[source][0] == "b1")
        assert {row["reason"] for row in limpetd.moves()} <= {"backend_down"}
        assert limpetd.stop() == 0
