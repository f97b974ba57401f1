"""Tunnels to the kernel's own devices and direct return across VLANs: what nginx and curl say, over links that are
narrower than the ends know and lose packets, and that the receiving kernel has nothing to complain of."""

from ipaddress import ip_address

import pytest
from support import guest
from tunnels_job import DIRECT, DOWNLOAD, LOSSY, TUNNELS, UPLOAD, client, label

DEVICES = {("ipip", 4, 4): "tun4", ("ipip", 4, 6): "tun64", ("ipip", 6, 4): "tun6", ("ipip", 6, 6): "tun6",
           ("gre", 4, 4): "gre4", ("gre", 4, 6): "gre4", ("gre", 6, 4): "gre6", ("gre", 6, 6): "gre6",
           ("gue", 4, 4): "tun4", ("gue", 4, 6): "tun64", ("gue", 6, 4): "tun6", ("gue", 6, 6): "tun6"}
WATCHED = {"UdpInCsumErrors", "TcpInCsumErrors", "IpInHdrErrors", "Ip6InHdrErrors", "Udp6InCsumErrors",
           "tun4 rx_errors", "tun64 rx_errors", "tun6 rx_errors", "gre4 rx_errors", "gre6 rx_errors"}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What one boot of the guest has shown."""
    return guest.observe("tunnels_job.py", tmp_path_factory.mktemp("tunnels"), limit_s=600)


def assert_served(observed: dict, case):
    """The upload and the download are whole, and the server sees the client."""
    assert observed["upload"] == UPLOAD
    server = "near" if case in DIRECT else "far"
    assert observed["download"] == [f"{server} {ip_address(client(*case))}", str(DOWNLOAD)]


@pytest.mark.parametrize("case", TUNNELS, ids=label)
def test_a_tunnel_over_narrow_links(seen, case):
    """Three ways to learn what fits: Limpet says what the tunnel takes; the router on the way says that the tunnel's
    packet is too large, which Limpet translates; the router on the way back says so to the VIP, and the error goes on
    to the backend by the tunnel."""
    observed = seen["cases"][label(case)]
    assert_served(observed, case)
    assert observed["devices"] == [DEVICES[case]]
    assert {name for name in ("replied", "tunnel_errors", "icmp_relayed") if observed["counters"].get(name)} == {
        "replied", "tunnel_errors", "icmp_relayed"}


@pytest.mark.parametrize("case", DIRECT, ids=label)
def test_direct_return_from_one_vlan_to_another(seen, case):
    observed = seen["cases"][label(case)]
    assert_served(observed, case)
    assert observed["devices"] == ["vlan100", "vlan200"]


@pytest.mark.parametrize("case", LOSSY, ids=label)
def test_links_that_lose_and_reorder_packets(seen, case):
    assert_served(seen["lossy"][label(case)], case)


def test_lost_packets_move_no_session(seen):
    assert seen["lost"] > 0
    assert seen["moves"] == []


def test_the_kernel_has_nothing_to_complain_of(seen):
    assert {*seen["watched"]} >= WATCHED
    assert seen["errors"] == {}
    assert seen["exit"] == 0
