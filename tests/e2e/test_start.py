"""What stops limpetd from starting is told in one line that says what to do; what can run without root does."""

import subprocess

import pytest

from support import toml_text
from support.programs import limpetctl_json, program


def null_config(folder, tables, **changes):
    """No NIC, no huge pages, no root."""
    base = {"limpetd": {"socket": f"{folder}/limpetd.sock", "state_dir": f"{folder}/state", "tables": str(tables),
                        "secret_file": f"{folder}/secret", "workers": [0], "idle": "sleep",
                        "eal": ["--no-pci", "--no-huge", "-m", "256", "--file-prefix", f"limpet-{folder.name}",
                                "--log-level", "error"]},
            "limits": {"flows_max": 1000, "records_max": 1000},
            "ports": {"front": {"device": "net_null0", "addresses": ["192.0.2.1/24"]}}}
    for section, table in changes.items():
        base[section] = {**base.get(section, {}), **table}
    return base


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("start")


@pytest.fixture
def tables(folder):
    import shutil
    from pathlib import Path
    path = Path("/dev/shm") / f"limpet-{folder.name}-{id(folder)}"
    yield path
    shutil.rmtree(path, ignore_errors=True)


def refusal(folder, config: dict) -> str:
    file = folder / "limpet.toml"
    file.write_text(toml_text.dump(config))
    result = subprocess.run([program("limpetd"), "--config", file], capture_output=True, text=True, timeout=30)
    assert result.returncode == 1, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("limpetd: "), result.stderr
    return lines[0]


def test_tables_on_a_disk(folder, tables):
    told = refusal(folder, null_config(folder, folder / "tables"))
    assert "disk" in told and "tmpfs" in told


def test_unknown_device(folder, tables):
    told = refusal(folder, null_config(folder, tables, ports={"front": {"device": "net_nonsense0"}}))
    assert "net_nonsense0" in told


def test_missing_interface(folder, tables):
    told = refusal(folder, null_config(folder, tables, ports={
        "front": {"device": "net_af_packet0,iface=nosuch0"}}))
    assert "nosuch0" in told


def test_no_huge_pages(folder, tables):
    # More than any host of these tests has reserved.
    eal = ["--no-pci", "-m", "1000000", "--file-prefix", f"limpet-{folder.name}"]
    told = refusal(folder, null_config(folder, tables, limpetd={"eal": eal}))
    assert "huge" in told


def test_misspelt_key(folder, tables):
    config = null_config(folder, tables)
    config["limpetd"]["sokket"] = "x"
    told = refusal(folder, config)
    assert "limpet.toml:" in told and 'did you mean "socket"' in told


def test_missing_file(folder):
    result = subprocess.run([program("limpetd"), "--config", folder / "none.toml"], capture_output=True, text=True,
                            timeout=30)
    assert result.returncode == 1 and "none.toml" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("user", [0, 65534])
def test_runs_without_nic_huge_pages_and_root(folder, tables, user):
    """And a second daemon on the same socket or tables is refused."""
    folder.chmod(0o777)
    for parent in list(folder.parents)[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    file = folder / "limpet.toml"
    config = null_config(folder, tables)
    file.write_text(toml_text.dump(config))
    file.chmod(0o644)
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", program("limpetd"), "--config", file]
    daemon = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={"HOME": str(folder), "PATH": "/usr/bin"})
    try:
        import time
        deadline = time.monotonic() + 20
        while not (folder / "limpetd.sock").exists():
            assert daemon.poll() is None, daemon.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert limpetctl_json(config["limpetd"]["socket"], "version")
        second = null_config(folder, f"{tables}-2")
        second["limpetd"]["eal"][5] += "-2"
        told = refusal(folder, second)
        assert "socket" in told and "limpetd.sock" in told
        told = refusal(folder, null_config(folder, tables, limpetd={"socket": f"{folder}/other.sock"}))
        assert str(tables) in told
        assert limpetctl_json(config["limpetd"]["socket"], "version"), "the first is not disturbed"
    finally:
        daemon.terminate()
        assert daemon.wait(timeout=10) == 0
        import shutil
        shutil.rmtree(f"{tables}-2", ignore_errors=True)
    assert not (folder / "limpetd.sock").exists()
