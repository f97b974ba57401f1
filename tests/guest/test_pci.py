"""limpetd on PCI NICs: with RSS each packet arrives at the worker that owns it, without RSS workers hand over; links go
down and come up; NICs of other makers start and carry connections. scripts/bind-nic binds all of them."""

import json

import pytest
from pci_job import CLIENTS, NICS, RUNS, SINGLE, TURNS
from support import guest, guest_nics

LOCAL = {4: "198.51.100.200", 6: "2001:db8:2::200"}
UNDER_WAY = 2  # packets, perhaps, while counters are read
DRIVERS = {"e1000e0": "net_e1000_em", "vmxnet30": "net_vmxnet3", "virtio0": "net_virtio"}


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What one boot of the guest has shown."""
    folder = tmp_path_factory.mktemp("pci")
    machine = guest_nics.machine(NICS, folder)
    ended = guest.run_job(["/usr/bin/python3", "tests/guest/pci_job.py", "/run/job"], folder, limit_s=500,
                          memory_mb=2560, machine=machine)
    print(ended.output)
    assert ended.code == 0, ended.output[-4000:]
    return json.loads((folder / "seen.json").read_text())


def family(address: str) -> int:
    return 6 if ":" in address else 4


def expected(clients: list[str], forwarding: str) -> dict:
    """What the server sees of each."""
    return {one: [LOCAL[family(one)] if forwarding == "full_nat" else one] * TURNS for one in clients}


def assert_served(observed: dict, asked: str):
    """All clients of, say, "nat 4"."""
    forwarding, family = asked.split()
    assert observed["asked"][asked]["answers"] == expected(CLIENTS[int(family)], forwarding)


def port_rows(observed: dict) -> dict[str, dict]:
    return {row["name"]: row for row in observed["ports"]}


CLIENT_KEY = "the device hashes address pairs, under a key that leaves the client's (services listen on IPv{})"
IPV4_KEY, IPV6_KEY = CLIENT_KEY.format("4"), CLIENT_KEY.format("6 only")
ANSWERS = "the device hashes addresses and ports, which tell whose answer it is (full_nat)"


@pytest.mark.parametrize("run, asked, front_why, back_why", [
    ("nat", "nat 4", IPV4_KEY, IPV4_KEY), ("full_nat", "full_nat 4", IPV4_KEY, ANSWERS),
    ("nat by IPv6", "nat 6", IPV6_KEY, IPV6_KEY)])
def test_rss_brings_packets_to_their_owner(seen, run, asked, front_why, back_why):
    observed = seen["pairs"][run]
    assert [port_rows(observed)[name]["rss_why"] for name in ("front", "back")] == [front_why, back_why]
    assert all(row["rss"].startswith("brings") for row in observed["ports"])
    assert_served(observed, asked)
    assert observed["asked"][asked]["counters"].get("handed_off", 0) == 0
    assert all(int(row["packets"]) > 0 for row in observed["workers"]), "both queues are used"


@pytest.mark.parametrize("run, asked", [
    ("nat", "nat 6"), ("full_nat", "full_nat 6"), ("software", "nat 4"), ("software", "nat 6"),
    ("software", "full_nat 4"), ("software", "full_nat 6")])
def test_else_workers_hand_over(seen, run, asked):
    """IPv6 where the key is for IPv4; everything without RSS."""
    assert_served(seen["pairs"][run], asked)
    counters = seen["pairs"][run]["asked"][asked]["counters"]
    assert counters["taken_over"] > 0
    assert abs(counters["handed_off"] - counters["taken_over"]) <= UNDER_WAY


def test_answers_of_full_nat_come_to_their_owner(seen):
    """Also where clients' IPv6 packets don't."""
    counters = seen["pairs"]["full_nat"]["asked"]["full_nat 6"]["counters"]
    assert 0 < counters["handed_off"] <= counters["forwarded_in"] + UNDER_WAY


def test_no_rss_on_request(seen):
    assert {(row["rss"], row["rss_why"]) for row in seen["pairs"]["software"]["ports"]} == {
        ("none, workers hand over", "rss in the configuration")}


@pytest.mark.parametrize("run", RUNS)
def test_nothing_moved_and_limpetd_ended_well(seen, run):
    assert seen["pairs"][run]["violations"] == []
    assert seen["pairs"][run]["exit"] == 0


def test_a_link_goes_down_and_comes_up(seen):
    link = seen["pairs"]["nat"]["link"]
    turns = len(link["events"]) // 2  # igb negotiates when its link comes, and may lose it once more
    assert turns > 0 and link["events"] == ["front is down", "front is up"] * turns
    assert link["down"] == {"front": "down", "back": "up"}
    assert link["up"] == {"front": "up", "back": "up"}
    assert link["answers"] == expected(CLIENTS[4][:2], "nat")


@pytest.mark.parametrize("nic", SINGLE)
def test_other_nics_carry_connections(seen, nic):
    observed = seen["alone"][nic]
    assert observed["answers"] == expected([CLIENTS[4][0], CLIENTS[6][0]], "full_nat")
    port = port_rows(observed)["only"]
    assert (port["driver"], int(port["queues"]), port["link"]) == (DRIVERS[nic], SINGLE[nic], "up")
    assert observed["exit"] == 0


# scripts/bind-nic


def test_bound_to_the_driver_that_fits(seen):
    """vfio-pci; where no IOMMU guards the NIC, uio_pci_generic."""
    for nic in NICS:
        address = seen["addresses"][nic.name]
        row = next(line.split() for line in seen["status"].splitlines() if line.startswith(address))
        assert row[2] == ("vfio-pci" if nic.guarded else "uio_pci_generic")
        assert (row[3] != "-") == nic.guarded and row[4] == "-"


def test_back_to_the_kernel(seen):
    kernel = {"igb0": "igb", "igb1": "igb", "e1000e0": "e1000e", "vmxnet30": "vmxnet3", "virtio0": "virtio-pci"}
    assert seen["unbound"].splitlines() == [
        f"{seen['addresses'][nic.name]}: from {'vfio-pci' if nic.guarded else 'uio_pci_generic'} to {kernel[nic.name]}"
        for nic in NICS]


@pytest.mark.parametrize("case, text", [
    ("default route", "{igb0}: the default route leaves by {interface}, and this machine may be cut off; "
                      "--force binds it all the same"),
    ("default route above", "{igb0}: the default route leaves by vlan7, and this machine may be cut off; "
                            "--force binds it all the same"),
    ("no such device", "0000:ff:00.0: there is no such PCI device; --status lists the NICs"),
    ("no NIC", "0000:00:00.0: its PCI class is 0x060000, expected a NIC (0x02....)"),
    ("no address", "eth99: neither a network interface nor a PCI address such as 0000:3b:00.0; "
                   "--status lists the NICs"),
    ("no driver", "the driver no_such_driver is not there and `modprobe no_such_driver` does not bring it"),
    ("not bound", "{igb0}: its driver is igb, expected one of DPDK's (vfio-pci uio_pci_generic igb_uio)")])
def test_refused_with_one_line(seen, case, text):
    line = text.format(**seen["addresses"], interface=seen["refusals"]["interface"])
    assert seen["refusals"][case] == [1, "", f"bind-nic: {line}\n"]
    assert seen["refusals"]["still there"], "and nothing was touched"


def test_forced_all_the_same(seen):
    address = seen["addresses"]["igb0"]
    assert seen["refusals"]["forced"] == [0, f"{address}: from igb to vfio-pci\n", ""]
    assert seen["refusals"]["twice"] == [0, f"{address}: is with vfio-pci already\n", ""]
