"""How Sphinx builds the site: `make docs`. No page of it sends a request."""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

project = "thermoscope"
author = "The authors of thermoscope"
version = release = metadata.version("thermoscope")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "tools.site.extension",
]
# One page has all decisions.
exclude_patterns = ["images", "decisions/*"]
# An option as --top-p, and quotes, stay as they are typed.
smartquotes = False
# Single backticks in docstrings: an object of the reference, or else code.
default_role = "py:obj"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

add_module_names = False
autodoc_member_order = "bysource"
# The types stand in the docstrings.
autodoc_typehints = "none"
autosummary_generate = False
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "thermoscope"
html_context = {"default_mode": "auto"}
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_favicon = "_static/icon.svg"
html_copy_source = False
html_show_sphinx = False
# A summary would be fetched, which a page opened from a file can't.
html_show_search_summary = False
html_math_renderer = "mathml"
html_use_index = False
# Pages without others of their section have room for the live pages.
html_sidebars = {"lesson": [], "start": [], "changelog": []}
html_theme_options = {
    "logo": {
        "text": "thermoscope",
        "image_light": "_static/icon.svg",
        "image_dark": "_static/icon.svg",
    },
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "show_prev_next": True,
    "footer_start": ["release"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "back_to_top_button": False,
}
