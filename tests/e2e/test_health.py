"""What monitors see decides, not what a connection could do."""

from support.lab import client4


def test_a_backend_that_says_it_is_unwell_is_left(lab, limpetd):
    """/health answers 404 while the server goes on serving: its sessions leave, and say why."""
    sources = [client4(i) for i in range(10)]
    before = {source: lab.curl(source) for source in sources}
    unwell = before[sources[0]]
    lab.nginx[unwell].healthy(False)
    limpetd.wait_health(f"web/{unwell}", "down")
    assert "404" in limpetd.backends()[f"web/{unwell}"]["detail"]
    after = {source: lab.curl(source) for source in sources}
    assert unwell not in after.values()
    assert {s for s in sources if before[s] != after[s]} == {s for s in sources if before[s] == unwell}
    assert {row["reason"] for row in limpetd.moves()} == {"backend_down"}
    lab.nginx[unwell].healthy(True)
    limpetd.wait_health(f"web/{unwell}", "up")
    assert {source: lab.curl(source) for source in sources} == after


def test_all_backends_down_and_back(lab, limpetd):
    """No backend: clients get no answer, and the drop has its name; service comes back with the backends."""
    for nginx in lab.nginx.values():
        nginx.healthy(False)
    for name in lab.names:
        limpetd.wait_health(f"web/{name}", "down")
    assert lab.curl(client4(0), timeout_s=1, check=False) == ""
    assert limpetd.counters()["drop_no_backend"] > 0
    for name, nginx in lab.nginx.items():
        nginx.healthy(True)
        limpetd.wait_health(f"web/{name}", "up")
    assert lab.curl(client4(0)) in lab.names
