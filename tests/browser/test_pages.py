"""Site and slides in a real browser, opened from their folder: links, search, requests, what axe-core says.

`make site-test` makes them, fetches axe-core beside the browser's packages, and leaves screenshots in
build/browser/.
"""

import re
import tarfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import nbformat
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
        self.targets, self.ids, self.language, self.other = [], {"", "top"}, None, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        if tag == "a" and "href" in attributes:
            self.targets.append(attributes["href"])
            if "hreflang" in attributes:
                self.other.append(attributes)
        if tag == "html":
            self.language = attributes["lang"]


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
                    place = " ".join(path.relative_to(SITE).with_suffix("").parts)
                    page.screenshot(path=SCREENSHOTS / f"{place} {width} {scheme}.png")
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


@pytest.mark.parametrize(
    "folder, words, found",
    [
        (SITE, "batch normalisation", "notebooks/05_fine_tuning.html"),
        (SITE / "vi", "đóng băng", "notebooks/appendix/frozen_bases_faster.html"),
        (SITE / "vi", "Chuẩn hóa theo batch", "notebooks/glossary.html"),
    ],
)
def test_the_search_finds(folder, words, found, page):
    page.goto((folder / "index.html").as_uri())
    page.get_by_role("search").get_by_role("textbox").fill(words)
    page.keyboard.press("Enter")
    page.locator("ul.search li a").first.wait_for()
    links = page.locator("ul.search li a").evaluate_all("links => links.map(link => link.href.split('?')[0])")
    assert (folder / found).as_uri() in links
    page.screenshot(path=SCREENSHOTS / f"search found {words}.png")


def test_every_page_says_its_language_and_leads_to_itself_in_the_other():
    for path in SITE.rglob("*.html"):
        page, is_other = Links(path), path.is_relative_to(SITE / "vi")
        assert page.language == ("vi" if is_other else "en-GB"), path
        (switch,) = page.other
        assert switch["lang"] == switch["hreflang"] == ("en" if is_other else "vi"), path
        there = (path.parent / switch["href"]).resolve()
        if is_other:
            assert there == SITE / path.relative_to(SITE / "vi")
        else:
            assert there == SITE / "vi" / path.relative_to(SITE)
        assert there.is_file(), path


def test_but_for_that_vietnamese_pages_lead_to_vietnamese_pages():
    for path in (SITE / "vi").rglob("*.html"):
        page = Links(path)
        for target in set(page.targets) - {page.other[0]["href"]}:
            there = (path.parent / target.partition("#")[0]).resolve()
            assert ":" in target or there.is_relative_to(SITE / "vi"), (path, target)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["notebooks/02_stratified_split", "notebooks/glossary", "CHANGELOG"])
def test_the_switch_there_and_back_keeps_the_place(name, width, page):
    def place() -> str | None:
        """Return what is called by the same name on both pages, and stands at the top."""
        return page.evaluate("place()") or None

    page.set_viewport_size({"width": width, "height": 900})
    page.goto((SITE / f"{name}.html").as_uri())
    page.evaluate("scrollTo(0, document.body.scrollHeight / 3)")
    read, text = place(), "id => document.getElementById(id).textContent"
    english = page.evaluate(text, read)
    for called, folder in (("Tiếng Việt", SITE / "vi"), ("English", SITE)):
        page.get_by_role("link", name=called, exact=True).click()
        page.wait_for_url((folder / f"{name}.html").as_uri() + f"#{read}")
        page.wait_for_load_state()
        assert place() == read
        assert 0 < page.locator(f"#{read}").bounding_box()["y"] < 130
    assert page.evaluate(text, read) == english


@pytest.mark.parametrize("name", ["notebooks/glossary", "vi/notebooks/02_stratified_split"])
def test_in_a_narrow_window_the_switch_stands_beside_the_sites_name(name, page):
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    page.goto((SITE / f"{name}.html").as_uri())
    called, switch = (page.locator(place).bounding_box() for place in (".header-center", ".other-language"))
    assert called["x"] + called["width"] <= switch["x"]
    icons = page.locator(".header-right svg:visible").evaluate_all(
        "all => all.map(icon => icon.getBoundingClientRect().left)"
    )
    assert switch["x"] + switch["width"] <= min(icons)


def test_the_switch_is_reached_by_the_keyboard_and_leads_to_the_top_from_there(page):
    page.goto((SITE / "notebooks" / "glossary.html").as_uri())
    page.get_by_role("link", name="Tiếng Việt", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url((SITE / "vi" / "notebooks" / "glossary.html").as_uri())


def test_what_is_in_english_on_a_vietnamese_page_says_so(page):
    page.goto((SITE / "vi" / "CHANGELOG.html").as_uri())
    assert page.locator("h1").evaluate("title => title.closest('[lang]').lang") == "en"
    assert (
        page.get_by_text("Trang này chưa được dịch").evaluate("note => note.closest('[lang]').lang") == "vi"
    )
    page.goto((SITE / "vi" / "notebooks" / "02_stratified_split.html").as_uri())
    outputs = page.locator(".output")
    assert outputs.count() > 10
    assert set(outputs.evaluate_all("all => all.map(output => output.lang)")) == {"en"}
    assert page.locator("article p").first.evaluate("text => text.closest('[lang]').lang") == "vi"


def test_in_vietnamese_terms_are_marked_and_everyday_words_are_not(page):
    marked = set()
    for path in (SITE / "vi" / "notebooks").rglob("*.html"):
        page.goto(path.as_uri())
        marked |= set(page.locator(".term").evaluate_all("all => all.map(term => term.firstChild.data)"))
    marked = {term.lower() for term in marked}
    assert {"tập kiểm tra", "khoảng tin cậy", "frozen", "recall"} <= marked
    assert not marked & {"phần", "nhóm", "từ đầu", "miền", "gộp", "phần đầu", "khởi động", "lối tắt"}


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


@pytest.mark.parametrize("folder", ["notebooks", "vi/notebooks"])
@pytest.mark.parametrize("path", lessons.find(), ids=lambda path: path.stem)
def test_answers_and_solutions_are_folded_and_code_can_be_copied(path, folder, page):
    place = lessons.place(path).with_suffix(".html")
    page.goto((SITE / folder / place).as_uri())
    assert page.locator("details[open]").count() == 0
    assert not any(
        page.locator("details p, details pre").evaluate_all("all => all.map(part => part.checkVisibility())")
    )
    cells = lessons.without_bounds(nbformat.read(path, as_version=4)).cells
    n_code_cells = sum(cell.cell_type == "code" for cell in cells)
    assert page.locator("button.copybtn").count() >= n_code_cells > 0
    assert page.locator(".output button.copybtn").count() == 0
