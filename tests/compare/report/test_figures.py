"""Figures: no exception, the same bytes, colours by name."""

import re

import matplotlib
import numpy as np
import pytest

from keras_optim.compare.report import curve_figures, image_files, palette
from keras_optim.compare.report.gallery import gallery
from keras_optim.compare.report.names import file_name
from keras_optim.compare.report.view import NAMED, View
from tests.compare.report.examples import EVIL, FOUR, LONG, ODD
from tests.compare.synthetic import comparison
from tests.conftest import one_backend

pytestmark = one_backend


@pytest.fixture(scope="module")
def drawn():
    """All figures of a comparison with everything, by name."""
    view = View(comparison(9, workloads=FOUR))
    with matplotlib.rc_context(palette.SETTINGS):
        return {p.name: p.draw() for p in gallery(view) if p.optimizer in (None, "adam")}


def test_every_kind_of_figure_is_drawn(drawn):
    expected = {f"{kind}_digits" for kind in ("loss", "accuracy", "grad_norm", "update_norm")}
    expected |= {"lr_sensitivity_housing", "time_to_target_digits", "batch_sizes_digits"}
    expected |= {"performance_profile", "rank_heatmap", "optimizer_memory", "adam_digits"}
    assert expected <= set(drawn)
    assert "batch_sizes_housing" not in drawn


@pytest.mark.parametrize("name", ODD)
def test_odd_comparisons_have_figures(name):
    with matplotlib.rc_context(palette.SETTINGS):
        for picture in gallery(View(ODD[name]())):
            if picture.optimizer in (None, "sgd", EVIL):
                assert picture.draw().axes
            assert picture.alt and picture.caption


def lines(figure):
    """Colours and dashes of the samples beside the curves, by the text beside each."""
    axes = figure.axes[-1]
    samples = [line for line in axes.lines if line.get_transform() == axes.transAxes]
    height = {round(float(s.get_ydata()[0]), 6): s for s in samples}
    found = {}
    for text in axes.texts:
        sample = height.get(round(float(text.get_position()[1]), 6))
        if sample and text.get_text():
            name = text.get_text().split("  ")[-1]
            found[name] = sample.get_color(), str(sample._dash_pattern), sample.get_marker()
    return found


def test_an_optimizer_has_one_style_in_all_figures_of_all_comparisons(drawn):
    seen = {}
    other = View(comparison(("muon", "adam", "my_own", "sgd"), workloads=("text",)))
    with matplotlib.rc_context(palette.SETTINGS):
        figures = [*drawn.values(), *(p.draw() for p in gallery(other) if not p.optimizer)]
    for figure in figures:
        for label, style in lines(figure).items():
            assert seen.setdefault(label, style) == style
    assert len(seen) > NAMED


def test_curves_of_a_figure_differ_and_are_eight_at_most(drawn):
    for name in ("loss_digits", "accuracy_text", "lr_sensitivity_housing", "performance_profile"):
        styles = lines(drawn[name])
        assert len(styles) == len(set(styles.values())) == NAMED


def test_the_only_point_of_a_curve_is_marked():
    """After one epoch, the training accuracy is one number."""
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    curve_figures._point(axes, np.array([0.0, 1.0]), np.array([np.nan, 0.5]), "k", 1)
    [line] = axes.lines
    assert line.get_marker() == "o" and line.get_xydata().tolist() == [[1.0, 0.5]]
    curve_figures._point(axes, np.array([0.0, 1.0]), np.array([0.1, 0.5]), "k", 1)
    assert len(axes.lines) == 1


def test_the_baseline_is_always_named():
    view = View(comparison(30, workloads=("digits",)))
    assert view.baseline in view.named("digits")


def test_styles_of_the_catalog_differ():
    places = palette.known_places()
    assert len(places) > 90 and max(places.values()) < palette.STYLES
    many = [f"sgd[momentum={k}]" for k in range(60)]
    assert len(set(map(repr, palette.styles(many).values()))) == 60


def test_colours_of_a_few_are_apart():
    names = list(palette.known_places())
    for first in range(0, 80, 7):
        found = palette.styles([*names[first : first + 9], "Lookahead(Adam())"]).values()
        assert len(set(found)) == 10
        assert len({style.color for style in found}) == len(palette.COLORS)
    eight = palette.styles(
        ["adamw", "soap", "splus", "prodigy", "Lookahead(Adam())", "a", "b", "c"]
    )
    assert len({style.color for style in eight.values()}) == 8
    assert palette.styles(["adam"])["adam"] == palette.styles(names)["adam"]


def overflows(figure):
    """Texts that end outside the figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    texts = [*figure.texts, *(t for axes in figure.axes for t in axes.texts if t.get_text())]
    for axes in figure.axes:
        low, high = sorted(axes.get_ylim())
        ticks = zip(axes.get_yticks(), axes.get_yticklabels())
        texts += [axes.title, *(text for y, text in ticks if low <= y <= high)]
    for text in texts:
        box = text.get_window_extent(canvas.get_renderer())
        if text.get_text() and not (box.x0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1):
            yield text.get_text()


def test_no_text_is_outside_its_figure():
    names = (LONG, LONG.replace("slow", "fast"), EVIL, "adam")
    view = View(comparison(names, workloads=("digits", "digits-256")))
    with matplotlib.rc_context(palette.SETTINGS):
        for picture in gallery(view):
            if picture.workload != "digits-256" and picture.optimizer != EVIL:
                assert not list(overflows(picture.draw())), picture.name


def test_images_are_the_same_each_time():
    pictures = list(gallery(View(comparison(3, workloads=("digits",)))))
    for picture in (pictures[0], pictures[-1]):
        assert image_files.svg(picture.draw) == image_files.svg(picture.draw)
        assert image_files.png(picture.draw) == image_files.png(picture.draw)
        assert not re.search(r"<dc:date>|20\d\d-\d\d-\d\dT", image_files.svg(picture.draw))


@pytest.mark.parametrize("others", [("a<b", "a>b"), ("x" * 300, "x" * 301)])
def test_labels_never_share_a_file(others):
    names = {file_name(label, "digits") for label in others}
    assert len(names) == 2
    assert all(re.fullmatch(r"[\w.,=+-]{1,200}", name) for name in names)


def test_names_of_files_differ_even_where_case_does_not_count():
    made = comparison(("loss", "sgd[a=1]", "sgd-a=1", "Sgd-a=1"), workloads=("digits",))
    names = [picture.name.lower() for picture in gallery(View(made))]
    assert len(names) == len(set(names))


def test_numbers_within_texts_stay():
    view = View(comparison(("sgd[momentum=0.98765]",), workloads=("digits",)))
    text = image_files.inline(image_files.svg(next(iter(gallery(view))).draw), "x", "")
    assert "sgd[momentum=0.98765]" in text
