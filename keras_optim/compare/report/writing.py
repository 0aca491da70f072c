"""Files of a report: the page, Markdown, tables as CSV, and figures."""

from pathlib import Path

from keras_optim.compare.comparison import Comparison
from keras_optim.compare.files import write_file
from keras_optim.compare.report import csv_tables, image_files, markdown
from keras_optim.compare.report.gallery import gallery
from keras_optim.compare.report.page import page
from keras_optim.compare.report.view import View


def write(comparison: Comparison, folder: str | Path) -> Path:
    """Write the whole report into a folder, and return the path of its page.

    It holds `report.html` and `report.md`, `tables/{summary,runs,curves}.csv`, and each figure as
    `plots/*.svg` and `plots/*.png`. A figure for which there are no numbers is left out. A reader
    never sees half a file.
    """
    folder = Path(folder)
    plot(comparison, folder / "plots")
    for name, table in csv_tables.tables(View(comparison)).items():
        write_file(folder / "tables" / f"{name}.csv", table)
    write_file(folder / "report.md", markdown.markdown(comparison))
    return report(comparison, folder / "report.html")


def report(comparison: Comparison, path: str | Path) -> Path:
    """Write the page alone."""
    write_file(Path(path), page(comparison))
    return Path(path)


def plot(comparison: Comparison, folder: str | Path) -> list[Path]:
    """Write each figure as SVG and PNG, and return the paths of the SVG."""
    paths = []
    for picture in gallery(View(comparison)):
        path = Path(folder) / f"{picture.name}.svg"
        write_file(path, image_files.svg(picture.draw))
        write_file(path.with_name(f"{picture.name}.png"), image_files.png(picture.draw))
        paths.append(path)
    return paths
