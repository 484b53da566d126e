"""A site in two languages: which parts are in which, and the way to the same place in the other one."""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.locale import _

# Language of a site -> the other one, what that is called, and the way to it from the first page's folder.
OTHER = {"en": ("vi", "Tiếng Việt", "vi/"), "vi": ("en", "English", "../")}
ENGLISH = "⟨en⟩"  # begins what is in English on a Vietnamese page
PLACES = (nodes.section, nodes.paragraph)


def name(app: Sphinx, config: Config) -> None:
    """Have the site's name in its language."""
    config.project = config.html_title = _(config.project)


def mark(app: Sphinx, doctree: nodes.document) -> None:
    """Give headings and paragraphs ids that are the same in both languages, and say what is in English."""
    for number, place in enumerate(doctree.findall(lambda node: isinstance(node, PLACES))):
        place["ids"].append(f"place-{number}")
    english = [node for node in doctree.findall(nodes.Element) if is_english(node)]
    if app.env.metadata[app.env.docname].get("language") == "en":
        english = [node for node in doctree if isinstance(node, nodes.section)]  # all there is
    for node in english:
        node["classes"].append("language-en")  # of which docutils makes lang="en"


def is_english(node: nodes.Element) -> bool:
    """Return whether this is code or an output, or a heading or paragraph without a translation."""
    is_marked = isinstance(node, (nodes.title, nodes.paragraph)) and node.astext().startswith(ENGLISH)
    return is_marked or isinstance(node, nodes.literal_block)


def offer(
    app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None
) -> None:
    """Put a link to the other language on top of a page."""
    language, called, way = OTHER[app.config.language[:2]]
    target = f"{'../' * pagename.count('/')}{way}{pagename}.html"
    attributes = f'class="other-language" rel="alternate" lang="{language}" hreflang="{language}"'
    context["theme_announcement"] = f'<a href="{target}" {attributes}>{called}</a>'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all that with Sphinx."""
    app.connect("config-inited", name)
    app.connect("doctree-read", mark)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
