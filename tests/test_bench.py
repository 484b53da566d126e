"""The benchmarks run, on a few drawn pets, and their arithmetic is right."""

import json

import pytest
from bench import __main__ as bench
from bench.measure import Result, exponent, in_turns
from bench.networks import operations

from helpers import backbones


@pytest.mark.slow
def test_a_quick_run_prints_a_table_and_writes_it(tmp_path, capsys):
    output = tmp_path / "bench.json"
    bench.main(["--quick", "--only", "imports", "--only", "augmentation", "--output", str(output)])
    report = json.loads(output.read_text(encoding="utf-8"))
    assert report["machine"]["cores"] >= 1 and "tensorflow" in report["machine"]["versions"]
    lines = {line["against"].split(" (")[0]: line for line in report["results"] if "JPEG" in line["what"]}
    assert lines["the tutorial's generator"]["target"] == 3
    assert lines["the tutorial's generator"]["value"] > 0
    assert lines["albumentations"]["value"] or "No module named" in lines["albumentations"]["note"]
    assert "to reach: ≥ 3×" in capsys.readouterr().out


def test_they_take_turns_and_change_the_order():
    called = []
    runs = {name: lambda name=name: called.append(name) for name in ("ours", "theirs")}
    seconds = in_turns(runs, 3)
    assert called == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert {name: len(times) for name, times in seconds.items()} == {"ours": 3, "theirs": 3}


@pytest.mark.parametrize(
    "value, at_least, reached", [(3, True, True), (2.9, True, False), (3, False, True), (3.1, False, False)]
)
def test_what_is_reached(value, at_least, reached):
    assert Result("", "", "", value=value, target=3, at_least=at_least).reached is reached
    assert Result("", "", "", value=None, target=3, at_least=at_least).reached is None
    assert Result("", "", "", value=value, at_least=at_least).reached is None


def test_the_exponent_of_a_square_is_two():
    assert exponent([1, 10, 50], [2, 200, 5000]) == pytest.approx(2)


def test_the_networks_operations_are_the_published_ones():
    """407 million multiply-adds with its top: the README of `efficientnet/lite` in TensorFlow's `tpu`."""
    assert operations(backbones.load(weights=None)) / 2e6 == pytest.approx(407, rel=0.06)
