"""Apache in the foreground, all that it needs in a folder of its own."""

from pathlib import Path

CONFIG = """
{modules}
ServerName web.example
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
User www-data
Group www-data
Listen 0.0.0.0:{port}
Listen [::]:{port}
DocumentRoot {folder}/pages
DirectoryIndex name
{lines}
"""


def words(folder: Path) -> list:
    """What runs it."""
    return ["/usr/sbin/apache2", "-DFOREGROUND", "-f", folder / "apache.conf"]


def configure(folder: Path, port: int, modules: tuple[str, ...], lines: str):
    """Writes its configuration: these lines behind those that every one has."""
    load = "\n".join(f"LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so" for module in modules)
    (folder / "apache.conf").write_text(CONFIG.format(modules=load, folder=folder, port=port, lines=lines))
