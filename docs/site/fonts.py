"""Font of the formulas: the part of STIX Two Math that they need, as one small file."""

from pathlib import Path
from typing import Any

import ziamath
from fontTools import subset

SOURCE = Path(ziamath.__file__).parent / "fonts" / "STIXTwoMath-Regular.ttf"
RANGES = (
    *(range(0x20, 0x7F), range(0xA0, 0x100), range(0x2B0, 0x370), range(0x370, 0x400)),
    *(range(0x2010, 0x2060), range(0x20D0, 0x20F0), range(0x2100, 0x2150), range(0x2190, 0x2200)),
    *(range(0x2200, 0x2300), range(0x2308, 0x2310), range(0x27E6, 0x27F0), range(0x2A00, 0x2A40)),
    *(range(0x2A70, 0x2AC0), range(0x1D400, 0x1D468), range(0x1D49C, 0x1D4D0)),
    *(range(0x1D6A4, 0x1D6E2), range(0x1D6E2, 0x1D71C)),
)
"""Letters, Greek, accents, operators, arrows, brackets, and the alphabets of formulas."""


def narrow_roots(font: Any) -> None:
    """Make tall signs of a root as narrow as the usual one.

    Chromium leaves as much room for each root as the widest sign needs.
    """
    variants = font["MATH"].table.MathVariants
    root = font.getBestCmap()[ord("√")]
    forms = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(root)]
    names = {form.VariantGlyph for form in forms.MathGlyphVariantRecord}
    names |= {part.glyph for part in forms.GlyphAssembly.PartRecords}
    width, _ = font["hmtx"][root]
    for name in names - {root}:
        glyph, (wide, _) = font["glyf"][name], font["hmtx"][name]
        glyph.coordinates.scale((width / wide, 1.0))
        glyph.coordinates.toInt()
        glyph.recalcBounds(font["glyf"])
        font["hmtx"][name] = (width, glyph.xMin)


def write(file: Path) -> None:
    """Write the font, with the forms that grow: roots, brackets, accents."""
    options = subset.Options()
    options.flavor = "woff2"
    options.layout_features = ["ssty", "dtls", "flac", "kern"]
    options.name_IDs = [0, 13, 14]  # the copyright and the licence, the SIL Open Font License
    options.desubroutinize = True
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for codes in RANGES for code in codes])
    file.parent.mkdir(parents=True, exist_ok=True)
    with subset.load_font(str(SOURCE), options) as font:
        narrow_roots(font)
        subsetter.subset(font)
        subset.save_font(font, str(file), options)
