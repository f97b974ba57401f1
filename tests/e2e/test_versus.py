"""Limpet and HAProxy in its place: with a cookie, no session of curl's meets another backend, with either."""

import json

from support.programs import ROOT, run


def test_no_session_moves_with_limpet_nor_with_haproxy(tmp_path):
    file = tmp_path / "figures.json"
    done = run([ROOT / "perf/versus_haproxy", "--quick", "--turns", 1, "--json", file], timeout_s=90)
    assert "sessions that moved: limpet 0, haproxy 0, of 12 each" in done.stdout, done.stdout
    figures = json.loads(file.read_text())
    assert (figures["l7.cookie.moved"]["median"], figures["l7.cookie.moved"]["floor"]) == (0, 0)
    for kind in ("connection", "request"):
        rate = figures[f"l7.cookie.{kind}.rate"]
        assert rate["median"] > 0.1 and rate["floor"] > 0.1, "thousands a second: both were at work"
