"""iperf3 between real kernels: streams and datagrams, both ways, several at once, in each mode that needs no tunnel."""

import json
import subprocess

import pytest
from support.lab import VIP4, VIP6, Lab, backend4, backend6, client4, client6

PORT = 5201
PATIENCE_S = 30
SECONDS = 1
RATE = 5_000_000  # bits a second of datagrams, so that a socket's buffer holds those of 0.1 s and more
ENDS = {4: (VIP4, client4(0)), 6: (VIP6, client6(0))}
FAULTS = ("IpInHdrErrors", "Ip6InHdrErrors", "TcpInCsumErrors", "UdpInCsumErrors", "Udp6InCsumErrors")


@pytest.fixture(scope="module", params=["nat", "dr", "full_nat"])
def lab(request):
    """Each backend has a server; a client's connections and datagrams must all reach the same."""
    with Lab(backends=2, clients=1, forwarding=request.param, one_arm=request.param == "full_nat") as made:
        own = [("-B", VIP4), ("-B", VIP6)] if request.param == "dr" else [()]  # else UDP answers are not from the VIP
        servers = [made.namespaces[name].popen("iperf3", "-s", "-p", PORT, *bind, stdout=subprocess.DEVNULL)
                   for name in made.names for bind in own]
        listens = [f"{vip}:{PORT}/{protocol}" for vip in (VIP4, f"[{VIP6}]") for protocol in ("tcp", "udp")]
        backends = {name: {"address": [f"{backend4(i)}:{PORT}", f"[{backend6(i)}]:{PORT}"]}
                    for i, name in enumerate(made.names)}
        config = made.config(pools={"iperf": {"backends": backends}})
        config["services"]["iperf"] = {**config["services"]["web"], "listen": listens, "pool": "iperf"}
        made.start_limpetd(config)
        yield made
        assert made.limpetd.moves() == [] and made.limpetd.json("show", "violations") == []
        assert made.limpetd.stop() == 0
        made.limpetd = None
        for server in servers:
            server.terminate()
            server.wait()


def iperf(lab, family: int, *options) -> dict:
    vip, source = ENDS[family]
    done = lab.namespaces["client"].run("iperf3", "-c", vip, "-B", source, "-p", PORT, "-t", SECONDS, "-J", *options,
                                        timeout_s=PATIENCE_S, check=False)
    result = json.loads(done.stdout)
    assert done.returncode == 0 and "error" not in result, result.get("error")
    return result["end"]


def faults(lab) -> dict[str, int]:
    """What the kernels of all ends found wrong with packets."""
    found = {}
    for name in ("client", *lab.names):
        for line in lab.namespaces[name].run("nstat", "-asz", *FAULTS).stdout.splitlines():
            if line.startswith(FAULTS):
                found[f"{name} {line.split()[0]}"] = int(line.split()[1])
    return found


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("options", [(), ("-R",), ("-P", "4")], ids=["to", "from", "four"])
def test_streams(lab, family, options):
    end = iperf(lab, family, *options)
    assert end["sum_received"]["bytes"] > 1_000_000
    assert lab.limpetd.counters().get("drop_malformed", 0) == 0
    assert faults(lab) and not any(faults(lab).values())


def drops(lab) -> dict[str, int]:
    """But for what kernels say to one another meanwhile."""
    return {name: count for name, count in lab.limpetd.counters().items()
            if name.startswith("drop_") and name not in ("drop_not_ours", "drop_no_service", "drop_consumed")}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("options", [(), ("-R",)], ids=["to", "from"])
def test_datagrams(lab, family, options):
    """Some may be lost where a process waits for its CPU; none is dropped by Limpet, and none overtakes another."""
    before = drops(lab)
    end = iperf(lab, family, "-u", "-b", RATE, "-l", 1200, *options)
    assert end["sum"]["packets"] > RATE * SECONDS / 8 / 1200 / 2
    assert end["sum"]["lost_percent"] < 25 and all(one["udp"]["out_of_order"] == 0 for one in end["streams"])
    assert drops(lab) == before
    assert not any(faults(lab).values())
