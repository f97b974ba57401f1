"""The guest itself: jobs run in it, end in time, and tell how they ended."""

import subprocess

import pytest
from support import guest
from support.programs import ROOT, CommandFailed

JOB = """
set -e
echo "tree $(pwd)"
echo "pid 1 $(cat /proc/1/comm)"
ip netns add other && ip -n other link set lo up && echo "namespaces"
ip link add dummy7 type dummy && ip link add link dummy7 name vlan7 type vlan id 7 && echo "vlan"
ipvsadm -A -t 192.0.2.1:80 -s rr -p 60 -M 255.255.255.0 && ipvsadm -S -n
echo kept >/run/job/result
touch /root-file && echo "overlay"
exit 7
"""


def test_a_job_has_this_tree_tools_and_a_kernel_with_everything(tmp_path):
    ended = guest.run_job(["sh", "-c", JOB], tmp_path, limit_s=100)
    told = ended.output.splitlines()
    assert told == [f"tree {ROOT}", "pid 1 sh", "namespaces", "vlan", "-A -t 192.0.2.1:80 -s rr -p 60 -M 255.255.255.0",
                    "overlay"], ended.output
    assert ended.code == 7
    assert (tmp_path / "result").read_text() == "kept\n"


def test_a_job_that_is_not_done_in_time_is_ended(tmp_path):
    with pytest.raises(CommandFailed, match="not done after 4 s"):
        guest.run_job(["sleep", "1000"], tmp_path, limit_s=4)


def test_a_guest_that_stands_still_at_boot_is_started_once_more(monkeypatch, tmp_path):
    monkeypatch.setattr(guest, "BOOT_LIMIT_S", 0.3)
    starts = tmp_path / "starts"
    still = guest.Machine(["sh", "-c", f"echo started >>{starts}; exec sleep 100"])
    with pytest.raises(CommandFailed, match="did not come to its job"):
        guest.run_job(["true"], tmp_path / "job", limit_s=50, machine=still)
    assert starts.read_text() == "started\nstarted\n"


def test_packages_that_cannot_be_had_are_named(monkeypatch, tmp_path):
    def no_network(command, **options):
        return subprocess.CompletedProcess(command, 100, "", "E: Failed to fetch")

    monkeypatch.setattr(guest, "run", no_network)
    with pytest.raises(guest.NoGuest, match="(?s)can't be had.*apt-get download ipvsadm.*Failed to fetch"):
        guest.fetch(["apt-get", "download", "ipvsadm"], tmp_path)
