"""A real nginx as a backend: `/` answers with the backend's name, `/login` with a cookie that ends in it, too, `/who` also with the client's address it saw,
`/health` with 200 while `healthy`, `/upload` with the size of the body once it has all of it; what is PUT under `/put`
it keeps as a file. On port 81 it wants a
PROXY protocol header, and `/who` answers with what that said of the client and the VIP too."""

import shutil
import subprocess
import time
from pathlib import Path

from support.netns import end

CONFIG = """
daemon off;
master_process off;
user root;
worker_rlimit_nofile 4096;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  server_tokens off;
  default_type text/plain;
  keepalive_requests 1000000;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 80 reuseport backlog=1024;
    listen [::]:80 reuseport backlog=1024 ipv6only=on;
    location / {{ return 200 "{name}\\n"; }}
    location = /who {{ return 200 "{name} $remote_addr\\n"; }}
    location = /start {{ add_header Set-Cookie "SESSION=$request_id; Path=/"; add_header Mcp-Session-Id $request_id;
      add_header Set-Cookie "SRV=0000000000000000000000000000; Path=/"; return 200 "{name}\\n"; }}
    location = /login {{ add_header Set-Cookie "SERVER=session.{name}"; return 200 "{name}\\n"; }}
    location = /health {{ root {folder}; }}
    location /large {{ root {folder}; }}
    location /put {{ root {folder}; dav_methods PUT; }}
    location = /upload {{ proxy_pass http://127.0.0.1/received; }}
    location = /received {{ return 200 "$http_content_length\\n"; }}
  }}
  server {{
    listen 81 reuseport backlog=1024 proxy_protocol;
    listen [::]:81 reuseport backlog=1024 ipv6only=on proxy_protocol;
    set_real_ip_from 0.0.0.0/0;
    set_real_ip_from ::/0;
    real_ip_header proxy_protocol;
    location = /who {{
      return 200 "{name} $proxy_protocol_addr $proxy_protocol_server_addr $remote_addr $realip_remote_addr\\n";
    }}
    location = /large {{ root {folder}; }}
  }}
}}
"""


class Nginx:
    def __init__(self, namespace, name: str, folder: Path):
        self.namespace, self.name, self.folder = namespace, name, folder
        self.process = None
        folder.mkdir(parents=True)
        (folder / "large").write_bytes(bytes(range(256)) * 4096)
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, name=name))
        self.healthy(True)

    def add(self, server: str):
        """Another server of this nginx, from now on."""
        config = self.folder / "nginx.conf"
        head, end = config.read_text().rsplit("}", 1)
        config.write_text(head + server + "}" + end)
        if self.process is not None:
            self.stop()
            self.start()

    def healthy(self, yes: bool):
        page = self.folder / "health"
        if yes:
            page.write_text("well\n")
        else:
            page.unlink(missing_ok=True)

    def start(self):
        """Returns once it accepts connections."""
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = self.namespace.popen(binary, "-p", self.folder, "-c", self.folder / "nginx.conf",
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=(self.folder / "start.log").open("w"))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"nginx {self.name} ended: {(self.folder / 'start.log').read_text()}")
            probe = self.namespace.run("curl", "-s", "-m", "1", "http://127.0.0.1/", check=False)
            if probe.stdout == f"{self.name}\n":
                return
            time.sleep(0.02)
        raise AssertionError(f"nginx {self.name} does not answer")

    def stop(self):
        """Its kernel answers connections with RST from now on."""
        if self.process is not None:
            end(self.process)
            self.process = None
