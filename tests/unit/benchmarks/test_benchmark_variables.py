"""A benchmark's environment variables have one form; others are refused in a sentence."""

import os
import subprocess
import sys

import pytest

from benchmarks.variables import chosen, number, numbers
from tests.conftest import ROOT


def test_names_and_numbers_stand_with_spaces_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    known = ("full", "bm25", "dense")
    assert chosen("METHODS", known) == list(known)
    monkeypatch.setenv("METHODS", "full bm25")
    assert chosen("METHODS", known) == ["full", "bm25"]
    assert numbers("SIZES", "10 20") == [10, 20]
    monkeypatch.setenv("SIZES", "1000")
    assert numbers("SIZES", "10 20") == [1000]
    assert number("SIZES", 3) == 1000


@pytest.mark.parametrize("asked", ["full,bm25", "bm26", "full bm26"])
def test_an_unknown_name_is_an_error(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METHODS", asked)
    with pytest.raises(SystemExit, match=r"METHODS knows no .*full bm25"):
        chosen("METHODS", ("full", "bm25"))


@pytest.mark.parametrize("asked", ["many", "1e3", "10,20", "-1", "1.5"])
def test_what_is_no_number_is_an_error(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZES", asked)
    with pytest.raises(SystemExit, match="SIZES must be whole numbers"):
        numbers("SIZES", "10")


@pytest.mark.parametrize(
    ("benchmark", "variable", "known"),
    [("recall", "METHODS", "without-lexical"), ("human", "FINDINGS", "forgetting")],
)
def test_a_benchmark_says_which_names_there_are(benchmark: str, variable: str, known: str) -> None:
    asked = subprocess.run(
        [sys.executable, f"benchmarks/{benchmark}.py"],
        cwd=ROOT, env=os.environ | {variable: "nothing"}, capture_output=True, text=True,
    )  # fmt: skip
    assert asked.returncode == 1
    assert known in asked.stderr and "Traceback" not in asked.stderr
    assert asked.stdout == ""
