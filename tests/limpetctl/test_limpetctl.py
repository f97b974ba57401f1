"""limpetctl against a server made here: what it sends, prints and returns, in every kind of trouble."""
import json
import os
import pathlib
import pty
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

LIMPETCTL = sys.argv.pop(1)

BACKENDS = [
    {"name": "web/b1", "address": ["198.51.100.11:80"], "weight": 10, "weight_now": 2.5, "state": "enabled",
     "until": None, "health": "up", "since": "2026-01-31T12:00:00Z", "sessions": 7, "connections": 3,
     "options": "mss 1460, sack", "detail": None},
    {"name": "web/b2\x1b[31m", "address": ["198.51.100.12:80", "[2001:db8::12]:80"], "weight": 1, "weight_now": 1.0,
     "state": "drain", "until": "2026-01-31T13:00:00Z", "health": "down", "since": "2026-01-31T12:00:00Z",
     "sessions": 12345, "connections": 0, "options": "not known", "detail": "HTTP 503"},
]


class Server:
    """Answers from `replies` by method; keeps what it was asked."""

    def __init__(self, path):
        self.replies = {}
        self.requests = []
        self.raw = None
        self.answer = None  # a function of the request, instead of `replies`
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(); its descriptor must not be reused before
        self.thread.join()
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rwb") as stream:
            for line in stream:
                request = json.loads(line)
                self.requests.append(request)
                if self.raw is not None:
                    stream.write(self.raw)
                    stream.flush()
                    return
                reply = {"jsonrpc": "2.0", "id": request["id"], **(self.answer(request) if self.answer else self.replies[request["method"]])}
                stream.write(json.dumps(reply).encode() + b"\n")
                stream.flush()


class Limpetctl(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "s")
        self.server = Server(self.path)

    def tearDown(self):
        self.server.close()
        self.folder.cleanup()

    def run_it(self, *words, stdin="", path=None):
        return subprocess.run([LIMPETCTL, "--socket", path or self.path, *words], input=stdin, text=True,
                              capture_output=True, timeout=20, env={**os.environ, "HOME": self.folder.name})

    def file(self, text):
        path = pathlib.Path(self.folder.name, "limpet.toml")
        path.write_text(text)
        return str(path)

    def test_table(self):
        self.server.replies["show.backends"] = {"result": {"items": BACKENDS, "next": "c7"}}
        done = self.run_it("show", "backends", "--limit", "2", "--filter", "state=drain web")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.server.requests[0]["params"], {"limit": 2, "filter": "state=drain web"})
        self.assertEqual(done.stdout.splitlines(), [
            "NAME            ADDRESS                             WEIGHT  NOW  STATE    UNTIL                 HEALTH  "
            "SINCE                 SESSIONS  CONNS  TCP OPTIONS     DETAIL",
            "web/b1          198.51.100.11:80                        10  2.5  enabled  -                     up      "
            "2026-01-31T12:00:00Z         7      3  mss 1460, sack  -",
            "web/b2\\x1b[31m  198.51.100.12:80,[2001:db8::12]:80       1  1.0  drain    2026-01-31T13:00:00Z  down    "
            "2026-01-31T12:00:00Z     12345      0  not known       HTTP 503",
            "more: --cursor c7"])

    def test_listing_with_counts_and_what_only_programs_read(self):
        self.server.replies["show.moves"] = {"result": {"items": [], "next": None, "by_reason": {"backend_down": 3,
                                                                                               "violation": 0}}}
        self.assertEqual(self.run_it("show", "moves").stdout.splitlines()[-1], "by_reason: backend_down 3, violation 0")
        self.server.replies["show.pools"] = {"result": {"items": [{"name": "web", "shares": [{"backend": "web/b1"}]}],
                                                        "next": None}}
        self.assertNotIn("web/b1", self.run_it("show", "pools").stdout)
        self.assertIn("web/b1", self.run_it("show", "pools", "--json").stdout)

    def test_dump_goes_through_all_pages(self):
        records = [{"scope": "client of service web", "key": f"192.0.2.{i}/32", "backend": "web/b1", "age_s": i,
                    "idle_s": 0} for i in range(5)]
        pages = {None: (records[:2], "c2"), "c2": (records[2:4], "c4"), "c4": (records[4:], None)}
        self.server.answer = lambda request: {"result": dict(zip(("items", "next"), pages[request["params"].get("cursor")]))}
        done = self.run_it("records", "dump", "--service", "web", "--limit", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([json.loads(line) for line in done.stdout.splitlines()], records)
        self.assertEqual({request["params"]["service"] for request in self.server.requests}, {"web"})
        pages["c4"] = (records[4:], "c4")
        self.assertEqual(len(self.run_it("records", "dump").stdout.splitlines()), 5, "a cursor that stands still ends it")
        self.server.answer = lambda request: {"error": {"code": -32000, "message": "no"}}
        self.assertEqual(self.run_it("records", "dump").returncode, 1)

    def load_reply(self, request):
        """Refuses lines that are no JSON."""
        lines = request["params"]["text"].splitlines()
        bad = [i for i, line in enumerate(lines) if not line.startswith("{")]
        return {"result": {"loaded": len(lines) - len(bad), "refused": len(bad), "problems": [
            {"line": request["params"]["first_line"] + i, "text": "expected one JSON object"} for i in bad]}}

    def test_load_sends_slices_and_tells_lines(self):
        self.server.answer = self.load_reply
        line = json.dumps({"scope": "client of service web", "key": "192.0.2.1/32", "backend": "web/b1"})
        lines = 5000 * [line]
        lines[3210] = "nonsense"
        lines[4000] = "{" + 30000 * "x"
        path = self.file("\n".join(lines))
        done = self.run_it("records", "load", path)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.splitlines(), [f"{path}:3211: expected one JSON object",
                                                    f"{path}:4001: expected one JSON object"])
        self.assertEqual(done.stdout, "loaded:  4998\nrefused: 2\n")
        self.assertGreater(len(self.server.requests), 5)
        self.assertTrue(all(len(json.dumps(request)) < 1 << 20 for request in self.server.requests))
        sent = "".join(request["params"]["text"] for request in self.server.requests).splitlines()
        self.assertEqual(len(sent), 5000)
        self.assertEqual(self.server.requests[1]["params"]["first_line"],
                         1 + self.server.requests[0]["params"]["text"].count("\n"))
        piped = self.run_it("--json", "records", "load", "-", stdin=line + "\n" + line)
        self.assertEqual((piped.returncode, json.loads(piped.stdout)["loaded"]), (0, 2))
        self.assertEqual(self.run_it("records", "load", self.file("")).returncode, 0)
        self.assertEqual(self.run_it("records", "load", "/nowhere/file").returncode, 2)

    def test_load_stops_where_the_daemon_does(self):
        answers = iter([{"result": {"loaded": 1}}, {"error": {"code": -32004, "message": "no access"}}])
        self.server.answer = lambda request: next(answers)
        done = self.run_it("records", "load", self.file("{}\n" * 50000))
        self.assertEqual(done.returncode, 1)
        first = 1 + self.server.requests[0]["params"]["text"].count("\n")
        self.assertIn(f"no access (what came before line {first} is done)", done.stderr)

    def test_json(self):
        result = {"items": BACKENDS, "next": None}
        self.server.replies["show.backends"] = {"result": result}
        for words in (["--json", "show", "backends"], ["show", "backends", "--json"]):
            done = self.run_it(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout), result)

    def test_object_and_text(self):
        self.server.replies["backend.drain"] = {"result": {"backend": "web/b1", "before": "enabled", "state": "drain"}}
        done = self.run_it("backend", "drain", "web/b1")
        self.assertEqual(done.stdout, "backend: web/b1\nbefore:  enabled\nstate:   drain\n")
        self.server.replies["config.show"] = {"result": {"text": "[pools.web]\n"}}
        self.assertEqual(self.run_it("config", "show").stdout, "[pools.web]\n")
        self.assertEqual(self.server.requests[-1]["params"], {"all": False})

    def test_apply_sends_the_text(self):
        self.server.replies["apply"] = {"result": {"applied": False, "moving_sessions": 3, "live_sessions": 90, "changes": [
            {"path": "pools.web.backends.b1.weight", "before": "10", "after": "20", "needs_restart": False},
            {"path": "pools.web.backends.b3", "before": "", "after": "{ address = \"a\" }", "needs_restart": False}]}}
        path = self.file("# one\n[pools.web]\n")
        done = self.run_it("apply", path, "--dry-run")
        self.assertEqual(self.server.requests[0]["params"],
                         {"text": "# one\n[pools.web]\n", "file_name": path, "dry_run": True})
        self.assertEqual(done.stdout.splitlines(), [
            "applied:         false", "~ pools.web.backends.b1.weight = 10 -> 20",
            "+ pools.web.backends.b3 = { address = \"a\" }", "moving_sessions: 3", "live_sessions:   90"])

    def test_refused(self):
        self.server.replies["apply"] = {"error": {"code": -32002, "message": "needs a restart", "data": {"changes": [
            {"path": "limits.flows_max", "before": "1", "after": "2", "needs_restart": True}]}}}
        done = self.run_it("apply", self.file(""))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr, "limpetctl: needs a restart\n~ limits.flows_max = 1 -> 2  (needs a restart)\n")
        done = self.run_it("--json", "apply", self.file(""))
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["error"]["code"], -32002)

    def test_usage(self):
        for words in (["show"], ["shw"], ["show", "flows", "--limit", "x"], ["show", "flows", "--limit", "0"],
                      ["backend", "drain"], ["backend", "drain", "b1"], ["why", "--service", "web"],
                      ["why", "--service", "web", "--client", "me"], ["apply", "/nowhere/file"], ["--zzz"],
                      ["version", "extra"]):
            done = self.run_it(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertNotEqual(done.stderr, "", words)
        self.assertEqual(self.server.requests, [])

    def test_help_is_everywhere(self):
        for words in ([], ["show"], ["show", "flows"], ["apply"], ["why"]):
            done = self.run_it(*words, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("--help", done.stdout)
        self.assertTrue(self.run_it("--version").stdout.startswith("limpetctl "))

    def test_no_daemon(self):
        done = self.run_it("version", path=self.path + "x")
        self.assertEqual(done.returncode, 3)
        self.assertIn("is limpetd running?", done.stderr)
        self.assertEqual(self.run_it("version", path="/" + 200 * "x").returncode, 3)

    def test_broken_answers(self):
        for raw, code in ((b"", 3), (b"{", 3), (b"hello\n", 1), (b"{}\n", 1), (b"\xff\xff\n", 1),
                          (b'{"id":99,"result":{}}\n', 3), (b'{"id":1,"result":7}\n', 0),
                          (b'{"id":1,"result":{"items":7}}\n', 1), (b'{"id":1,"result":{"items":[7]}}\n', 1),
                          (b'{"id":1,"error":{"code":1,"message":"x","data":{"problems":7}}}\n', 1)):
            self.server.raw = raw
            done = self.run_it("show", "pools")
            self.assertEqual(done.returncode, code, (raw, done))

    def test_local_commands_need_no_daemon(self):
        good = self.run_it("config", "check", self.file("[pools.web]\n"), path="/nowhere")
        self.assertEqual((good.returncode, good.stdout), (0, "valid: true\n"))
        path = self.file("[pools.web]\nalgoritm = 1\n")
        bad = self.run_it("config", "check", path, path="/nowhere")
        self.assertEqual(bad.returncode, 1)
        self.assertIn(path + ':2:1: found "algoritm", expected a key of [pools.web] (did you mean "algorithm"?)',
                      bad.stderr)
        piped = self.run_it("--json", "config", "check", "-", stdin="x = [", path="/nowhere")
        self.assertEqual(json.loads(piped.stdout)["error"]["data"]["problems"][0]["line"], 1)
        self.assertIn("[pools.NAME]", self.run_it("config", "schema", path="/nowhere").stdout)
        rows = json.loads(self.run_it("config", "schema", "--json", path="/nowhere").stdout)["items"]
        self.assertIn(("pools.NAME", "algorithm"), [(row["section"], row["name"]) for row in rows])

    def test_lines_from_standard_input(self):
        self.server.replies["version"] = {"result": {"version": "9"}}
        done = self.run_it(stdin="version\n\n# a comment\nversion --json\n")
        self.assertEqual((done.returncode, done.stdout), (0, 'version: 9\n{\n  "version": "9"\n}\n'))
        self.assertEqual(self.run_it(stdin="nonsense\nversion\n").returncode, 2)
        self.assertEqual(self.run_it(stdin="exit\nnonsense\n").returncode, 0)

    def test_terminal_completes_and_remembers(self):
        self.server.replies["show.backends"] = {"result": {"items": BACKENDS[:1], "next": None}}
        self.server.replies["backend.drain"] = {"result": {"backend": "web/b1", "before": "enabled", "state": "drain"}}
        leader, follower = pty.openpty()
        process = subprocess.Popen([LIMPETCTL, "--socket", self.path], stdin=follower, stdout=follower, stderr=follower,
                                   env={**os.environ, "HOME": self.folder.name, "TERM": "xterm"}, start_new_session=True)
        os.close(follower)
        output = b""

        def wait_for(text):
            nonlocal output
            end = time.monotonic() + 15
            while text not in output:
                self.assertLess(time.monotonic(), end, output)
                if select.select([leader], [], [], 0.1)[0]:
                    output += os.read(leader, 4096)

        wait_for(b"limpet> ")
        os.write(leader, b"back\tdr\tweb\t\n")
        wait_for(b"before:  enabled")
        os.write(leader, b"exit\n")
        self.assertEqual(process.wait(15), 0)
        os.close(leader)
        self.assertEqual(self.server.requests[-1]["params"], {"backend": "web/b1"})
        self.assertIn("backend", pathlib.Path(self.folder.name, ".limpet_history").read_text())


if __name__ == "__main__":
    unittest.main()
