"""`python -m helpers classify` and `predict`: from a folder to a model, a card and a page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import own, transfer
from helpers.course import commands

QUICK = ["--image-size", "64"]


@pytest.fixture(scope="module")
def birds(tmp_path_factory) -> Path:
    """A folder with everything: imbalance, a broken file, a copy in another class, names of all kinds."""
    folder = tmp_path_factory.mktemp("mine") / "my_birds"
    own.draw_birds(folder, {"crow": 8, "robin": 20, "sparrow": 20}, size=64)
    (folder / "sparrow").rename(folder / "a_b & café")
    (folder / "robin" / "robin.3.jpg").write_bytes(b"")
    shutil.copy(folder / "robin" / "robin.0.jpg", folder / "crow" / "x.JPG")
    (folder / "notes.txt").write_text("seen in May")
    return folder


@pytest.fixture(scope="module")
def made(birds):
    """What the command leaves, and its exit code."""
    out = birds.parent / "out"
    return commands.main(
        ["classify", str(birds), "--out", str(out), "--fine-tune", "--seed", "2", *QUICK]
    ), out


@pytest.mark.slow
def test_model_card_and_page_are_left(made):
    code, out = made
    assert code == 0
    assert {path.name for path in out.iterdir()} == {"model.keras", "model_card.md", "report.html"}
    _, classes = transfer.load(out / "model.keras")
    assert classes == ["a_b & café", "crow", "robin"]
    assert "Was fine-tuning worth it" in (out / "model_card.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_tells_all_and_needs_no_network(made):
    page = (made[1] / "report.html").read_text(encoding="utf-8")
    assert "<title>my_birds: a model of a_b &amp; café, crow, robin</title>" in page
    assert "<script" not in page and not re.search(r'(?:src|<link[^>]*href)="(?!data:)', page)
    for said in ("robin/robin.3.jpg is empty", "notes.txt", "two classes: crow/x.JPG", "95 % interval"):
        assert said in page, said
    headings = re.findall(r"<h2[^>]*>(\d)\. ", page)
    assert headings == list("123456")
    alts = re.findall(r'<img [^>]*alt="([^"]*)"', page)
    assert len(alts) >= 6 and min(map(len, alts)) > 20
    assert not re.search(r'class="[^"]*jp-InputArea-editor', page), "a cell without its code"


@pytest.mark.slow
def test_it_prints_what_it_found_and_how_to_go_on(birds, made, capsys, tmp_path):
    assert commands.main(["classify", str(birds), "--out", str(tmp_path / "o"), *QUICK]) == 0
    printed = capsys.readouterr().out
    for said in ("Left out 1 file", "robin.3.jpg is empty", "Split at random", "right: accuracy"):
        assert said in printed, said
    assert f"python -m helpers predict {tmp_path / 'o' / 'model.keras'} PHOTO" in printed
    card = (tmp_path / "o" / "model_card.md").read_text(encoding="utf-8")
    assert "It was not tried" in card and "pictures of my\\_birds" in card


@pytest.mark.slow
def test_the_model_is_asked_about_photos(birds, made, capsys):
    photos = [str(path) for path in sorted((birds / "robin").glob("*1.jpg"))]
    assert commands.main(["predict", str(made[1] / "model.keras"), *photos]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(photos) > 1
    assert all(re.fullmatch(rf"{re.escape(p)}: \S.* \([01]\.\d\d\)", line) for p, line in zip(photos, lines))
    assert sum(": robin (" in line for line in lines) > len(lines) / 2


@pytest.mark.slow
@pytest.mark.parametrize("low, kept", [(0.1, "tuned"), (-0.1, "head alone")])
def test_fine_tuning_is_kept_only_where_it_gains(birds, tmp_path, monkeypatch, low, kept):
    def marked(model, *_):
        tuned = transfer.build_classifier(transfer.base_of(model), transfer.classes_of(model))
        tuned.get_layer("classifier").set_weights([np.zeros((1280, 3)), np.zeros(3)])
        return tuned

    monkeypatch.setattr(own, "fine_tuned", marked)
    monkeypatch.setattr(own, "compare", lambda *_: own.Comparison(9, 0, 3, low, 0.4))
    out = str(tmp_path / "o")
    assert commands.main(["classify", str(birds), "--out", out, "--fine-tune", "--image-size", "32"]) == 0
    model, _ = transfer.load(tmp_path / "o" / "model.keras")
    is_marked = not model.get_layer("classifier").get_weights()[0].any()
    assert is_marked == (kept == "tuned")


@pytest.mark.slow
def test_a_divided_folder_keeps_its_parts(tmp_path, capsys):
    for part, counts in (("train", {"crow": 14, "robin": 18}), ("val", {"crow": 9, "robin": 7})):
        own.draw_birds(tmp_path / "insects" / part, counts, seed=len(part), size=64)
        (tmp_path / "insects" / part / "crow").rename(tmp_path / "insects" / part / "ants")
        (tmp_path / "insects" / part / "robin").rename(tmp_path / "insects" / part / "bees")
    assert commands.main(["classify", str(tmp_path / "insects"), "--out", str(tmp_path / "o"), *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "train 32, val 16 images" in printed and "16 to choose by, 7 to test on" in printed
    assert "split off train" in (tmp_path / "o" / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_by_default_it_is_left_under_the_folders_name(birds, monkeypatch, tmp_path):
    monkeypatch.setattr(commands.lessons, "BUILD", tmp_path)
    archive = shutil.make_archive(str(tmp_path / "zipped"), "zip", birds)
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    assert commands.main(["classify", archive, *QUICK]) == 0
    assert (tmp_path / "zipped" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments, said",
    [
        (["classify", "no such folder"], "There is no folder"),
        (["classify", "{birds}/crow"], "no class folders. Give each class a folder"),
        (["classify", "{birds}", "--image-size", "8"], "image_size is 8. Give a whole number from 32 on"),
        (["classify", "{birds}", "--seed", "-1"], "seed is -1. Give a whole number from 0"),
        (["classify", "{birds}", "--out", "{birds}/notes.txt", *QUICK], "cannot be written"),
        (["predict", "none.keras", "a.jpg"], "no file 'none.keras'"),
    ],
)
def test_what_does_not_do_is_said_in_a_sentence(birds, arguments, said, capsys):
    assert commands.main([argument.format(birds=birds) for argument in arguments]) == 1
    error = capsys.readouterr().err.strip()
    assert said in error and error.count("\n") == 0 and "Traceback" not in error


@pytest.mark.slow
def test_libraries_say_nothing_in_the_terminal(birds, tmp_path):
    """Not TensorFlow as it starts, nor a JPEG decoder of a file that is cut short."""
    shutil.copytree(birds, tmp_path / "birds")
    cut = tmp_path / "birds" / "crow" / "crow.1.jpg"
    cut.write_bytes(cut.read_bytes()[:-200])
    command = [sys.executable, "-m", "helpers", "classify", "birds", "--out", "out", *QUICK]
    environment = {**os.environ, "PYTHONPATH": str(Path(own.__file__).parents[2]), "COURSE_QUIET": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
