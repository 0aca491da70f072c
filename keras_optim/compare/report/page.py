"""Page: the report as one HTML file that loads nothing."""

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any

from keras_optim.compare.comparison import Comparison, Subject
from keras_optim.compare.report import gallery, image_files, tables, texts
from keras_optim.compare.report.across import across
from keras_optim.compare.report.names import file_name
from keras_optim.compare.report.picture import Picture
from keras_optim.compare.report.view import View

WIDE = 780
"""A figure of more points than this has a row of its own on a wide screen."""


def page(comparison: Comparison) -> str:
    """Write the report of a comparison as HTML."""
    view = View(comparison)
    return _template().render(
        title=texts.title(view),
        summary=texts.summary(view),
        answer=texts.answer(view),
        sections=[*_sections(view)],
        rule=texts.rule(),
        how=texts.how(view),
        misses=tables.misses(view),
        css=_file("report.css"),
        script=_file("report.js"),
    )


def _sections(view: View) -> Iterable[Mapping[str, Any]]:
    """List the parts of the page that have figures."""
    count = 0
    for count, subject in enumerate(view.comparison.subjects.values(), 1):
        yield {
            "id": f"workload-{count}",
            "title": subject.name,
            "lines": texts.workload(subject),
            "table": tables.summary(view, subject),
            "details": tables.details(view, subject),
            "pictures": _pictures(gallery.of_workload(view, subject), f"w{count}"),
        }
    pictures = _pictures(across(view), "a")
    if pictures:
        yield {
            "id": "across",
            "title": _across(view),
            "lines": (),
            "table": None,
            "pictures": pictures,
        }


def _across(view: View) -> str:
    return "Across the workloads" if len(view.comparison.subjects) > 1 else "Memory"


def _pictures(pictures: Iterable[Picture], prefix: str) -> list[Mapping[str, Any]]:
    """Draw pictures; their SVG is markup already, all other texts will be escaped."""
    from markupsafe import Markup, escape

    drawn: list[Mapping[str, Any]] = []
    for place, picture in enumerate(pictures, 1):
        name = f"{prefix}-{place}"
        svg = image_files.inline(image_files.svg(picture.draw), name, str(escape(picture.alt)))
        shown = {"id": name, "title": picture.title, "caption": picture.caption}
        drawn.append({**shown, "svg": Markup(svg), "wide": image_files.width(svg) > WIDE})
    return drawn


def fragment(comparison: Comparison) -> str:
    """Write the part of the report for a notebook: answer, table and main figure of each workload.

    Styles and ids must not meet those of the notebook, so it has no ids, and figures are pictures.
    """
    view = View(comparison)
    parts = [_part(view, subject) for subject in view.comparison.subjects.values()]
    return _template("fragment.html.jinja").render(answer=texts.answer(view), parts=parts)


def _part(view: View, subject: Subject) -> Mapping[str, Any]:
    from base64 import b64encode

    name = file_name(subject.judge, subject.name)
    chosen = [p for p in gallery.of_workload(view, subject) if p.name == name]
    figures = [{"alt": p.alt, "data": b64encode(image_files.png(p.draw)).decode()} for p in chosen]
    return {"table": tables.summary(view, subject), "figures": figures}


def _template(name: str = "report.html.jinja") -> Any:
    """Load a template that escapes all that is put into it."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_text(name))


def _file(name: str) -> Any:
    """Read a file of ours, which is markup already."""
    from markupsafe import Markup

    return Markup(_text(name))


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
