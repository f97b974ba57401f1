"""TLS servers as backends, with ticket keys and settings as the tables in docs/persistence.md give them: nginx, Apache
and HAProxy, each of which answers with its backend's name."""

import re
import subprocess

from support import apache
from support.programs import ROOT
from support.served import Served

PORTS = {"nginx": 443, "Apache": 444, "HAProxy": 445}
PAGE = ROOT / "docs/persistence.md"
ROW = re.compile(r"^\| (nginx|Apache|HAProxy) \| `([^`]*ticket[^`]*)`[^|]*\| `(scripts/ticket-key [^`]*)` \|$", re.MULTILINE)
NEXT = re.compile(r"^\| (nginx|Apache|HAProxy) \| [^|]*`(scripts/ticket-key [^`]*)`[^|]*\| (\w+)[^|]*\|$", re.MULTILINE)

NGINX = """
worker_processes 1;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ }}
http {{
  access_log off;
  server {{
    listen {port} ssl;
    listen [::]:{port} ssl ipv6only=on;
    ssl_certificate web.pem;
    ssl_certificate_key web.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    {setting}
    location / {{ return 200 "{name}\\n"; }}
  }}
}}
"""
APACHE = """
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
SSLEngine on
SSLCertificateFile {folder}/web.pem
SSLProtocol -all +TLSv1.2 +TLSv1.3
{setting}
"""
MODULES = ("mpm_event", "authz_core", "dir", "socache_shmcb", "ssl")
HAPROXY = """
defaults
  mode http
  timeout client 10s
frontend web
  bind :{port},[::]:{port} v6only ssl crt web.pem ssl-min-ver TLSv1.2 {setting}
  http-request return status 200 content-type text/plain string "{name}\\n"
"""


class TlsServer:
    """One of the three at a backend, with the first key of the page's."""

    def __init__(self, lab, kind: str, name: str):
        self.kind, self.name, self.port = kind, name, PORTS[kind]
        self.folder = lab.folder / f"{kind}-{name}"
        (self.folder / "pages").mkdir(parents=True)
        (self.folder / "pages" / "name").write_text(f"{name}\n")
        (self.folder / "web.pem").write_text(certificate(lab))
        rows = {row[0]: row[1:] for row in ROW.findall(PAGE.read_text())}
        self.setting, key = rows[kind]
        self.run(key)
        self.served = Served(lab.namespaces[name], self.words(), self.folder / "start.log", self.port)
        self.write(self.setting)

    def run(self, recipe: str):
        """A command of the page's, for this backend."""
        command = recipe.replace("b2", self.name).replace("scripts/", f"{ROOT}/scripts/")
        subprocess.run(command, shell=True, check=True, cwd=self.folder, timeout=10)

    def words(self) -> list:
        return {"nginx": ["/usr/sbin/nginx", "-p", self.folder, "-c", self.folder / "config", "-g", "daemon off;"],
                "Apache": apache.words(self.folder),
                "HAProxy": ["/usr/sbin/haproxy", "-db", "-C", self.folder, "-f", self.folder / "config"]}[self.kind]

    def write(self, setting: str):
        text = {"nginx": NGINX, "Apache": APACHE, "HAProxy": HAPROXY}[self.kind]
        lines = text.format(folder=self.folder, port=self.port, name=self.name, setting=setting)
        if self.kind == "Apache":
            apache.configure(self.folder, self.port, MODULES, lines)
        else:
            (self.folder / "config").write_text(lines)

    def change_key(self) -> bool:
        """As the page's second table has it; whether it says that sessions go on to be resumed."""
        recipe, after = {row[0]: row[1:] for row in NEXT.findall(PAGE.read_text())}[self.kind]
        self.run(recipe)
        if self.kind == "nginx":
            first = self.setting.split(";")[0] + ";"
            self.write(f"{first.replace('ticket-1', 'ticket-2')} {self.setting}")
        self.restart()
        return after == "resumed"

    def restart(self):
        self.served.stop()
        self.served.start()


def certificate(lab) -> str:
    """Certificate and key, the same for all servers of a lab."""
    certificate, key = lab.folder / "certificate.pem", lab.folder / "key.pem"
    if not key.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=web.example", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate.read_text() + key.read_text()
