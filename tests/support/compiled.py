"""What a check that compiles has passed before: by the content of the file, of all it includes, and the flags."""

import hashlib
import json
import re
import subprocess
from functools import cache
from pathlib import Path

INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
PACKAGES = ("libdpdk", "libevent", "libevent_pthreads", "nlohmann_json", "tomlplusplus", "CLI11", "libedit", "fmt",
            "libcrypto")


class Compiled:
    def __init__(self, root: Path, build: Path, purpose: str):
        self.root, self.build = root, build
        self.folder = build / "checked" / purpose
        self.folder.mkdir(parents=True, exist_ok=True)
        self.compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True).stdout

    def flags(self) -> list[str]:
        """What a header needs on its own; system headers stay silent."""
        result = subprocess.run(["pkg-config", "--cflags", *PACKAGES], capture_output=True, text=True)
        flags = [re.sub(r"^-I", "-isystem", word) for word in result.stdout.split()]
        return ["-std=c++20", f"-I{self.root / 'lib'}", *flags, "-msse4.2", "-mpclmul", "-mcx16",
                '-DLIMPET_VERSION="0"']

    def commands(self) -> set[Path]:
        """Files that the build directory compiles."""
        database = self.build / "compile_commands.json"
        entries = json.loads(database.read_text()) if database.exists() else []
        return {(Path(entry["directory"]) / entry["file"]).resolve() for entry in entries}

    def passed(self, path: Path, flags: list[str]) -> bool:
        return self._mark(path, flags).exists()

    def remember(self, path: Path, flags: list[str]):
        self._mark(path, flags).touch()

    def _mark(self, path: Path, flags: list[str]) -> Path:
        digest = hashlib.sha256(repr((str(path.relative_to(self.root)), flags, self.compiler)).encode())
        for part in sorted(self._closure(path)):
            digest.update(part.read_bytes())
        return self.folder / digest.hexdigest()

    def _closure(self, path: Path) -> set[Path]:
        found, waiting = set(), [path]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(self._direct(current))
        return found

    @cache
    def _direct(self, path: Path) -> tuple[Path, ...]:
        names = [name.decode() for name in INCLUDE.findall(path.read_bytes())]
        places = [folder / name for name in names for folder in (self.root / "lib", path.parent)]
        return tuple(place for place in places if place.is_file())
