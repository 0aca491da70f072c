"""Parts of an optimizer's docstring, sorted for its page: formula, advice, other libraries."""

import re
from dataclasses import dataclass, field

from docs.site.docstrings import Documented, sentences
from docs.site.markdown import escaped

LIBRARY = re.compile(
    r"Differs from|[Aa]s here:|Addons|\b[Oo]ther libraries|[Ll]ibraries (draw|differ|have)"
    r"|\bKeras('s\b| has no| adds| keeps| computes)|`keras\.optimizers|\btorch(\.optim|'s)?\b"
    r"|\boptax\b|pytorch-optimizer|schedulefree|parameterfree|prodigyopt|dadaptation"
    r"|\b(authors'|original) (code|distributed|version|package|implementation)"
)


@dataclass
class Texts:
    """Paragraphs of a page, by their section."""

    formula: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def sorted_texts(found: Documented) -> Texts:
    r"""Sort the paragraphs of a docstring.

    The formulas, and the sentences that continue them, come first. From the first sentence that
    names another library on, a paragraph is about the differences.

    >>> texts = sorted_texts(Documented(paragraphs=["$$a$$", "with $b$. Tune. As here: optax."]))
    >>> texts.formula, texts.advice, texts.others
    (['$$a$$', 'with $b$.'], ['Tune.'], ['As here: optax.'])
    """
    texts = Texts()
    after_formula = False
    for paragraph in found.paragraphs:
        if paragraph.startswith("$$"):
            texts.formula += [*_leads(texts), paragraph]
            after_formula = True
            continue
        if paragraph.startswith("    "):
            target = texts.others if texts.others and not texts.advice else texts.advice
            target.append(paragraph)
            continue
        parts = [escaped(sentence) for sentence in sentences(paragraph)]
        if after_formula and parts[0][0].islower():
            texts.formula.append(parts.pop(0))
        after_formula = False
        split = next((i for i, part in enumerate(parts) if _is_about_others(part)), len(parts))
        texts.advice += [" ".join(parts[:split])] if split else []
        texts.others += [" ".join(parts[split:])] if split < len(parts) else []
    return texts


def _is_about_others(sentence: str) -> bool:
    """Return whether a sentence names another library; one in parentheses stays where it is."""
    return bool(LIBRARY.search(sentence)) and not sentence.startswith("(")


def _leads(texts: Texts) -> list[str]:
    """Take back the paragraph that leads to a formula: it ends with a colon."""
    if texts.advice and texts.advice[-1].endswith((":", ",")):
        return [texts.advice.pop()]
    return []
