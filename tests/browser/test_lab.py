"""The lessons in JupyterLab, in a real browser: run all cells, move the sliders, look at the screenshots.

`make browser-test` installs what drives the browser, and leaves the screenshots in build/browser/.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers import drawings, runtime
from helpers.course import lessons

SCREENSHOTS = lessons.BUILD / "browser"
SETTINGS = {
    # No question on news; every cell on the page, also those that one would have to scroll to.
    "apputils-extension/notification": '{"fetchNews": "false"}',
    "notebook-extension/tracker": '{"windowingMode": "none"}',
}
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.textContent)"
ERROR = '[data-mime-type="application/vnd.jupyter.error"]'
PICTURE = ".jp-OutputArea-output .widget-html img"
# Lesson 5's last section, on a model that is there in a moment.
OWN_PHOTO = (
    'import sys\n\nsys.path.insert(0, "..")\nfrom helpers import backbones, explore, transfer',
    'model = transfer.build_classifier(backbones.load(image_size=64), ("cat", "dog"))',
    "explore.own_photo(model)",
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory) -> Iterator[str]:
    """Serve a copy of the course in JupyterLab, as `make lab` does, and return its address."""
    folder = tmp_path_factory.mktemp("lab")
    for name in ("helpers", "notebooks"):
        shutil.copytree(runtime.COURSE_FOLDER / name, folder / name)
    cells = [new_code_cell(source) for source in OWN_PHOTO]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    made = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(made, folder / "notebooks" / "own_photo.ipynb")
    for name, content in SETTINGS.items():
        file = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "COURSE_HOME": str(runtime.home()),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    environment.pop("COURSE_QUIET")  # someone is there to move the sliders
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--IdentityProvider.token="], cwd=folder, env=environment, stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}/lab"
    try:
        wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen) -> None:
    for _ in range(120):
        assert server.poll() is None, "JupyterLab did not start"
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail("JupyterLab does not answer")


@pytest.fixture
def run_all(browser, lab):
    """A function that opens a lesson, chooses "Run All Cells" and returns the page when all have run."""
    page = browser.new_page(viewport={"width": 1250, "height": 1000})
    page.set_default_timeout(240_000)

    def run(name: str, cells: int = 11):
        # In a workspace of its own: JupyterLab would open, beside it, the lessons of the tests before.
        page.goto(f"{lab}/workspaces/{name}/tree/notebooks/{name}.ipynb")
        page.wait_for_function(f"{PROMPTS}.length >= {cells}")
        page.get_by_text(re.compile(r"Python 3.* \| Idle")).first.wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(f"{PROMPTS}.some(prompt => prompt.includes('*'))")
        page.wait_for_function(
            f"{PROMPTS}.every(prompt => /\\d/.test(prompt)) || document.querySelector({ERROR!r})"
        )
        return page

    yield run
    page.close()


def screenshot(page, name: str, place: str) -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.locator(place).first.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


def assert_all_ran(page) -> None:
    assert page.locator(ERROR).all_text_contents() == []
    prompts = page.evaluate(PROMPTS)
    assert prompts == [f"[{number}]:" for number in range(1, len(prompts) + 1)]
    assert page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0


def test_lesson_1_runs_from_top_to_bottom(run_all):
    page = run_all("01_data_survey")
    assert_all_ran(page)
    assert screenshot(page, "lesson 1", ".jp-OutputArea-output img").stat().st_size > 20_000


def test_lesson_3_runs_and_its_picture_follows_the_sliders(run_all):
    page = run_all("03_augmentation_check")
    assert_all_ran(page)
    picture = page.locator(PICTURE)
    picture.wait_for()
    before = screenshot(page, "explorer before", PICTURE).read_bytes()
    assert "80% kept" in picture.get_attribute("alt")

    handles = page.locator(".widget-slider .noUi-handle")
    assert handles.count() == 3
    for number, key in enumerate(("PageDown", "End", "PageUp")):
        source = picture.get_attribute("src")
        handles.nth(number).focus()
        page.keyboard.press(key)
        started = time.perf_counter()
        page.wait_for_function(f"document.querySelector('{PICTURE}').src !== {source!r}")
        print(f"the picture followed slider {number + 1} after {time.perf_counter() - started:.2f} s")
    page.get_by_label("flip").check()
    page.wait_for_function(f"document.querySelector('{PICTURE}').alt.includes('flipped')")
    alt = picture.get_attribute("alt")
    assert "turned 180°" in alt and "80% kept" not in alt and "× 1.20" not in alt
    assert screenshot(page, "explorer after", PICTURE).read_bytes() != before


def test_a_chosen_photo_is_answered_at_once(run_all, tmp_path):
    """The button of lesson 5's last section, with a small model in place of the trained one."""
    photo = tmp_path / "rex.png"
    photo.write_bytes(cv2.imencode(".png", drawings.draw_pet("cat", 3, 200)[:, :, ::-1])[1].tobytes())
    page = run_all("own_photo", len(OWN_PHOTO))
    picture = page.locator(PICTURE)
    picture.wait_for()
    before = screenshot(page, "own photo before", PICTURE).read_bytes()
    source = picture.get_attribute("src")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=re.compile("Choose a photo")).click()
    chooser.value.set_files(photo)
    page.wait_for_function(f"document.querySelector('{PICTURE}').src !== {source!r}")
    assert "A photo, where the evidence lies in it" in picture.get_attribute("alt")
    assert screenshot(page, "own photo after", PICTURE).read_bytes() != before
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=re.compile("Choose a photo")).click()
    (tmp_path / "no picture.png").write_text("no picture")
    chooser.value.set_files(tmp_path / "no picture.png")
    page.get_by_role("alert").filter(has_text="This file").wait_for()
