"""What toml_text writes reads back as the same values."""

import tomllib

import pytest
from support import toml_text


@pytest.mark.parametrize("config", [
    {"limpetd": {"workers": [0, 1], "idle": "sleep", "eal": ["--no-pci", "-m", "512"]}},
    {"ports": {"front": {"device": "net_null0", "vlans": {"100": {"addresses": ["192.0.2.1/24"]}}}}},
    {"ports": {"back": {"neighbors": {"198.51.100.11": "02:00:00:00:00:11"}, "routes": [{"to": "::/0", "via": "::1"}]}}},
    {"pools": {"web": {"backends": {"b1": {"address": "198.51.100.11:80", "weight": 10}, "b2": {"address": "::1"}}}}},
    {"pools": {"empty": {"backends": {}}}, "services": {}},
    {"pools": {"a b": {"monitor": {"path": '/"quoted"\\'}}}},
    {"flags": {"on": True, "off": False}},
])
def test_reads_back(config):
    assert tomllib.loads(toml_text.dump(config)) == config
