"""Site and slides in a real browser, opened from their folder: links, search, requests, what axe-core says.

`make site-test` makes them, fetches axe-core beside the browser's packages, and leaves screenshots in
build/browser/.
"""

import re
import tarfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from helpers import runtime
from helpers.course import lessons

SITE = lessons.BUILD / "site"
PACKAGES = lessons.BUILD / "browser-packages"
SCREENSHOTS = lessons.BUILD / "browser"
WIDTHS, SCHEMES = (390, 1280), ("light", "dark")
PAGES = [*sorted(SITE.rglob("*.html")), *sorted((lessons.BUILD / "slides").glob("*.html"))]
LOOKED_AT = ("index", "01_data_survey", "05_fine_tuning", "glossary", "search")
AXE = "axe.run(document, {resultTypes: ['violations'], preload: false})"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PAGES, reason="no site here (make site-test)"),
]

GOOD = """<!DOCTYPE html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,"></head>
<body><main><h1>A page</h1><p><a href="other.html#there">Other</a></p></main></body></html>"""
OTHER = GOOD.replace("<h1>", '<h1 id="there">').replace("other.html", "page.html").replace("#there", "")
FAULTS = {  # what is planted into a good page -> what is to be found there
    '<a href="nowhere.html">A link</a>': "nowhere.html leads nowhere",
    '<a href="other.html#nowhere">A link</a>': "other.html#nowhere leads nowhere",
    "<script>nonsense()</script>": "nonsense is not defined",
    '<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">': "image-alt",
    '<p style="color: #bbb; background: white">Pale words</p>': "color-contrast",
    '<img alt="A dot" src="https://example.org/dot.png">': "asks for https://example.org/dot.png",
    '<div style="width: 900px">Wide</div>': "scrolls sideways at 390",
}


class Links(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.targets, self.ids = [], {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        if tag == "a" and "href" in attributes:
            self.targets.append(attributes["href"])


def dead_links(path: Path) -> list[str]:
    """Return what is wrong with a page's links within the site."""
    found = []
    for target in Links(path).targets:
        file, _, anchor = unquote(target).partition("#")
        there = path.parent / file if file else path
        if re.match(r"https?:|mailto:", target):
            continue
        if not there.is_file() or (there.suffix == ".html" and anchor not in Links(there).ids):
            found.append(f"{target} leads nowhere")
    return found


@pytest.fixture(scope="module")
def axe() -> str:
    """The program that looks for barriers, out of the package of the pinned sum."""
    checksum, name = (Path(__file__).with_name("axe-core.sha256")).read_text(encoding="utf-8").split()
    package = PACKAGES / name
    assert runtime.sha256(package) == checksum, f"{name} is another one than was pinned"
    with tarfile.open(package) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()


@pytest.fixture
def problems_of(browser, axe):
    """A function that opens a page in both widths and colour schemes, and returns what is wrong with it."""
    context = browser.new_context()
    page = context.new_page()
    noted = []
    page.on("console", lambda said: noted.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: noted.append(str(error)))

    def answer(route):
        if re.match("file:|data:|blob:", route.request.url):
            return route.continue_()
        noted.append(f"asks for {route.request.url}")
        return route.abort()

    context.route("**/*", answer)

    def problems(path: Path) -> set[str]:
        noted.clear()
        for width in WIDTHS:
            for scheme in SCHEMES:
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.goto(path.as_uri())
                page.evaluate(axe)
                for fault in page.evaluate(AXE)["violations"]:
                    if fault["impact"] in ("serious", "critical"):
                        places = ", ".join(node["html"][:90] for node in fault["nodes"][:3])
                        noted.append(f"{width} {scheme} {fault['id']} × {len(fault['nodes'])}: {places}")
                if page.evaluate("document.scrollingElement.scrollWidth") > width:
                    noted.append(f"scrolls sideways at {width}")
                if path.stem in LOOKED_AT and path.is_relative_to(SITE):
                    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=SCREENSHOTS / f"{path.stem} {width} {scheme}.png")
        return {*noted, *dead_links(path)}

    yield problems
    context.close()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(lessons.BUILD).as_posix())
def test_a_page_is_sound(path, problems_of):
    assert problems_of(path) == set()


def test_a_good_page_has_no_problems(problems_of, tmp_path):
    (tmp_path / "page.html").write_text(GOOD, encoding="utf-8")
    (tmp_path / "other.html").write_text(OTHER, encoding="utf-8")
    assert problems_of(tmp_path / "page.html") == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault, problems_of, tmp_path):
    (tmp_path / "page.html").write_text(GOOD.replace("</main>", f"{fault}</main>"), encoding="utf-8")
    (tmp_path / "other.html").write_text(OTHER, encoding="utf-8")
    assert any(FAULTS[fault] in problem for problem in problems_of(tmp_path / "page.html"))


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


def test_the_search_finds_batch_normalisation(page):
    page.goto((SITE / "index.html").as_uri())
    page.get_by_role("textbox", name="Search").first.fill("batch normalisation")
    page.keyboard.press("Enter")
    page.locator("ul.search li a").first.wait_for()
    found = page.locator("ul.search li a").evaluate_all("links => links.map(link => link.href)")
    assert any("05_fine_tuning.html" in link for link in found)
    page.screenshot(path=SCREENSHOTS / "search found.png")


def test_a_term_shows_its_meaning_to_mouse_keyboard_and_finger(page):
    page.goto((SITE / "notebooks" / "05_fine_tuning.html").as_uri())
    term = page.locator(".term").first
    meaning = term.get_by_role("tooltip")
    assert not meaning.is_visible()
    term.hover()
    assert meaning.is_visible()
    page.mouse.move(0, 0)
    assert not meaning.is_visible()
    term.focus()
    assert meaning.is_visible()
    page.screenshot(path=SCREENSHOTS / "term.png")
    page.keyboard.press("Escape")
    assert not meaning.is_visible()
    term.click()
    assert meaning.is_visible()


def test_a_term_is_explained_from_its_lesson_on_and_the_tab_key_stops_at_it_once(page):
    page.goto((SITE / "notebooks" / "01_data_survey.html").as_uri())
    assert "heads" not in page.locator(".term").evaluate_all("all => all.map(term => term.firstChild.data)")
    page.goto((SITE / "notebooks" / "05_fine_tuning.html").as_uri())
    stops = page.locator(".term[tabindex='0'] > span").all_text_contents()
    assert len(stops) > 10 and len(stops) == len(set(stops)) < page.locator(".term").count()


@pytest.mark.parametrize("path", lessons.find(), ids=lambda path: path.stem)
def test_answers_and_solutions_are_folded_and_code_can_be_copied(path, page):
    place = lessons.place(path).with_suffix(".html")
    page.goto((SITE / "notebooks" / place).as_uri())
    assert page.locator("details[open]").count() == 0
    assert not any(
        page.locator("details p, details pre").evaluate_all("all => all.map(part => part.checkVisibility())")
    )
    assert page.locator("button.copybtn").count() > 5
    assert page.locator(".output button.copybtn").count() == 0
