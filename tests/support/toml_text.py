"""Python values to TOML text, laid out as one would by hand: tables of the first two levels and tables of tables
get a header, what lies deeper is inline."""

BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def _key(name) -> str:
    name = str(name)
    return name if name and BARE.issuperset(name) else f'"{name}"'


def _value(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _has_header(path, value) -> bool:
    if not isinstance(value, dict):
        return False
    return len(path) < 2 or (len(path) == 2 and value and all(isinstance(v, dict) for v in value.values()))


def _table(lines, path, table):
    inner = {key: value for key, value in table.items() if _has_header(path, value)}
    plain = {key: value for key, value in table.items() if key not in inner}
    if plain or not inner:
        lines.append(f"[{'.'.join(_key(part) for part in path)}]")
        lines.extend(f"{_key(key)} = {_value(value)}" for key, value in plain.items())
        lines.append("")
    for key, value in inner.items():
        _table(lines, [*path, key], value)


def dump(config: dict) -> str:
    """{"limpetd": {...}, "ports": {"front": {...}}, ...} as the text of a configuration file."""
    lines: list[str] = []
    for name, table in config.items():
        _table(lines, [name], table)
    return "\n".join(lines)
