"""Settings of Sphinx."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from docs.site import formulas
from docs.site.linking import LinkNames

project = "keras_optim"
copyright = "the authors of keras_optim"
extensions = ["myst_parser", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
root_doc = "index"
language = "en"

myst_enable_extensions = ["attrs_inline", "attrs_block", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = False

html_theme = "furo"
html_title = "keras_optim"
html_css_files = ["site.css"]
html_search_scorer = str(Path(__file__).parent / "static" / "scorer.js")
html_js_files = [("table.js", {"defer": "defer"})]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options: dict[str, Any] = {"top_of_page_buttons": []}
pygments_style = "tango"
pygments_dark_style = "github-dark"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def setup(app: Any) -> dict[str, Any]:
    """Register the writer of formulas, and the links of names."""
    app.add_html_math_renderer("mathml", (formulas.inline, None), (formulas.block, None))
    app.add_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
