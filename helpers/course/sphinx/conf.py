"""How Sphinx makes the course's site. `helpers.course.site` writes its sources, and names its language."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # where `languages` and `terms` lie

project = html_title = "Transfer learning, step by step"
extensions = ["myst_parser", "sphinx_copybutton", "languages", "terms"]
root_doc = "index"
myst_heading_anchors = 3
myst_links_external_new_tab = False

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = html_show_sourcelink = html_show_sphinx = html_show_copyright = False
html_show_search_summary = False  # a page opened from a folder may fetch no other
html_use_index = False
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
copybutton_selector = "div.highlight-python pre, div.highlight-sh pre, div.highlight-powershell pre"


def setup(app):
    """Have the headings of the contents tell their level, which Sphinx leaves out."""
    app.connect("html-page-context", _with_levels, priority=900)


def _with_levels(app, pagename, templatename, context, doctree):
    tree = context["furo_navigation_tree"]
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')
