"""From a model and labels to a new bundle: head, calibration, references, and a card that says what was learned."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gastropath import __version__
from gastropath.bundle.files import GRAPH, REFERENCES, Bundle, write_bundle
from gastropath.errors import BadBundle, TooFewTiles
from gastropath.inference.calibration import calibrate, share_right
from gastropath.inference.classifier import Classifier
from gastropath.inference.graph_head import read_head, with_head
from gastropath.inference.ood import MAX_REFERENCES, choose_references, references_npz
from gastropath.inference.selftest import with_self_test
from gastropath.progress import Progress, silent
from gastropath.report.html import Page
from gastropath.report.notices import model_notices
from gastropath.report.sections.adaptation import judgement_in_words
from gastropath.report.sections.order import card_sections
from gastropath.report.wording import count
from gastropath.results.adaptation import Adaptation, Judgement, KeptKnowledge, LabelCount, Unit
from gastropath.results.card import Card, CardClass
from gastropath.results.interval import Interval
from gastropath.results.learned import COLUMNS, LEARNED, LearnedTile
from gastropath.tables import write_rows
from gastropath.teach.examples import Examples, counts, seen
from gastropath.teach.labels import Source
from gastropath.teach.refit import Base, Refitted, answered, refit
from gastropath.tissue_classes import tissue_classes

REPORT = "report.html"

_SUFFIX = ", adapted"
"""What is added to the name of a model."""

_MOST_PLACES = 1000
_FEWEST = 2


@dataclass(frozen=True)
class Adapted:
    """A model that learned from its user's labels, not written yet.

    Attributes
    ----------
    card
        Calibrated, with what was learned.
    graph
        Of ``model.tflite``.
    references
        Of ``references.npz``.
    learned
        The labelled tiles, those to check among them.
    """

    card: Card
    graph: bytes
    references: bytes
    learned: tuple[LearnedTile, ...]

    def write(self, folder: Path, earlier: Sequence[LearnedTile] = ()) -> Bundle:
        """Write the bundle, which appears when it is whole.

        Parameters
        ----------
        folder
            Must not hold anything yet.
        earlier
            Tiles that the model it came from had learned.
        """
        table = io.StringIO(newline="")
        tiles = {tile.pixel_sha256: tile for tile in (*earlier, *self.learned)}
        write_rows(table, COLUMNS, (tile.row() for tile in tiles.values()))
        card = self.card
        page = Page(card.name, in_words(card), card_sections(card), card.training_data.synthetic)
        files: dict[str, Path | bytes] = {
            GRAPH: self.graph,
            REFERENCES: self.references,
            LEARNED: table.getvalue().encode(),
            REPORT: page.render().encode(),
        }
        return write_bundle(folder, self.card, files)


def base_of(classifier: Classifier) -> Base:
    """Return what a model says of the tiles it learned from.

    Raises
    ------
    BadBundle
        If the bundle does not hold them with their labels, or its graph has no head that can be replaced.
    """
    known, where = classifier.ood, classifier.folder
    try:
        head = read_head(classifier.graph.content)
    except BadBundle as error:
        raise error.at(where or classifier.card.name) from None
    if known is None or known.labels is None or (known.labels >= len(classifier.classes)).any():
        raise BadBundle(
            "holds no labelled features of the tiles it learned from, as models of earlier versions do not",
            where=where,
            remedy="train it again, or adapt another model",
        )
    units = np.arange(len(known.labels)) if known.units is None else known.units
    return Base(head, classifier.classes, known.features, known.labels, units)


def adapted(
    classifier: Classifier,
    whole: Base,
    examples: Examples,
    codes: Sequence[str],
    unit: Unit,
    *,
    created: str,
    name: str = "",
    seed: int = 0,
    progress: Progress = silent,
) -> Adapted:
    """Fit a model's head anew on its own tiles and on labelled ones, and judge what came of it.

    Parameters
    ----------
    classifier, whole
        The model, and from :func:`base_of` what it says of the tiles it learned from.
    examples
        Labelled tiles; those to check are kept out of the fit.
    codes
        Classes of the new model.
    unit
        What the units of the examples are.
    created
        Date and time for the card.
    name
        Of the new model; by default the old name and that it was adapted.
    seed
        Of folds and draws.

    Raises
    ------
    BadBundle
        If the graph does with its classes what is not known here.
    TooFewTiles
        If there are too few labels to learn from, or a class without any tile.
    """
    is_check = np.array([source == "check" for source in examples.sources], bool)
    learning, checking = examples[~is_check], examples[is_check]
    _check_enough(learning)
    base, card = whole.of(codes), classifier.card
    found = refit(base, learning, codes, seed=seed, progress=progress)
    graph = with_head(classifier.graph.content, found.head)
    classes = _classes(card, codes)
    units_known = classifier.ood is not None and classifier.ood.units is not None
    record = Adaptation(
        base=card.name,
        base_sha256=card.files[GRAPH],
        base_source=card.source,
        labels=tuple(LabelCount(where=where[:300], labels=dict(row)) for where, row in _places(counts(examples))),
        sources={source: examples.sources.count(source) for source in dict.fromkeys(examples.sources)},
        added=tuple(code for code in codes if code not in whole.codes),
        left_out=tuple(code for code in whole.codes if code not in codes),
        share=found.share,
        strength=found.strength,
        judgements=tuple(_judgements(whole, found, learning, checking, codes, unit)),
        kept=_kept(base, found, units_known),
    )
    rule = card.abstention
    references = _references(base, learning, codes, seed)
    calibration, abstention, domain = calibrate(
        found.held_out,
        len(references[1]),
        by=rule.target if rule else "none",
        at=rule.target_value if rule else 0.0,
        in_domain=card.domain.accepted_share if card.domain else 1.0,
        answers_unmet=bool(rule and rule.answers_unmet),
    )
    new = card.model_copy(
        update={
            "name": name or f"{card.name.removesuffix(_SUFFIX)}{_SUFFIX}"[:200],
            "created": created,
            "classes": classes,
            "calibration": calibration,
            "abstention": abstention,
            "domain": domain,
            "metrics": None,
            "adaptation": record,
            "self_test": None,
            "versions": {**card.versions, "gastropath": __version__},
        }
    )
    new = Card.model_validate(new.model_dump())
    return Adapted(with_self_test(new, graph), graph, references_npz(*references), seen(examples))


def in_words(card: Card) -> list[str]:
    """Say of an adapted model what its reader should know first."""
    assert card.adaptation is not None
    found = card.adaptation.headline
    return [*model_notices(card), *([f"On its user's labels: {judgement_in_words(found)}."] if found else [])]


def _check_enough(examples: Examples) -> None:
    """Check that there is something to learn from."""
    n, classes = len(examples), len(set(examples.labels))
    if n < _FEWEST * 2 or classes < _FEWEST:
        what = f"{count(n, 'label')} of {count(classes, 'class', 'classes')} to learn from"
        remedy = "label at least four tiles, of two classes or more"
        raise TooFewTiles(what, remedy=remedy)


def _classes(card: Card, codes: Sequence[str]) -> tuple[CardClass, ...]:
    known = {entry.code: entry for entry in card.classes}
    new = {t.code: CardClass(code=t.code, name=t.name, color=t.color) for t in tissue_classes(codes)}
    return tuple(known.get(code, new[code]) for code in codes)


def _places(found: Mapping[str, Mapping[str, int]]) -> list[tuple[str, Mapping[str, int]]]:
    """Return the counts of each place; of more than a thousand, the rest together."""
    rows = list(found.items())
    if len(rows) <= _MOST_PLACES:
        return rows
    rest: dict[str, int] = {}
    for _, row in rows[_MOST_PLACES - 1 :]:
        for label, n in row.items():
            rest[label] = rest.get(label, 0) + n
    return [*rows[: _MOST_PLACES - 1], ("others", rest)]


def _references(base: Base, examples: Examples, codes: Sequence[str], seed: int) -> tuple[np.ndarray, ...]:
    """Return features, labels and units of the tiles that stand for all: new ones, and own ones as room is left."""
    number = {code: place for place, code in enumerate(codes)}
    new = np.array([number[label] for label in examples.labels], np.int64)
    taken = choose_references(new, seed, MAX_REFERENCES // 2)
    own = choose_references(base.labels, seed, MAX_REFERENCES - len(taken))
    units = np.unique(np.array(examples.units), return_inverse=True)[1].ravel()[taken] + base.units.max(initial=0) + 1
    return (
        np.concatenate([base.features[own], examples.features[taken]]),
        np.concatenate([base.labels[own], new[taken]]),
        np.concatenate([base.units[own], units]),
    )


def _judgements(
    whole: Base, found: Refitted, learning: Examples, checking: Examples, codes: Sequence[str], unit: Unit
) -> list[Judgement]:
    """Return the figures, of each kind of label one."""
    judged: list[Judgement] = []
    if len(checking):
        after = answered(found.head, checking.features, codes)
        judged.append(_judgement(whole, checking, after, "check", "slide" if unit == "block" else unit))
    if (found.new >= 0).all():
        answers = np.array(codes)[found.new]
        for source in ("own", "suggested"):
            rows = np.flatnonzero([s == source for s in learning.sources])
            if len(rows):
                judged.append(_judgement(whole, learning[rows], answers[rows], source, unit))
    return judged


def _judgement(whole: Base, examples: Examples, after: np.ndarray, source: Source, unit: Unit) -> Judgement:
    true, before = np.array(examples.labels), answered(whole.head, examples.features, whole.codes)
    units = np.unique(examples.slides if source == "check" else examples.units, return_inverse=True)[1].ravel()
    return Judgement(
        source=source,
        n=len(examples),
        units=int(units.max()) + 1,
        unit=unit,
        before=_accuracy(before == true, units),
        after=_accuracy(after == true, units),
    )


def _kept(base: Base, found: Refitted, units_known: bool) -> KeptKnowledge | None:
    if not len(base.labels):
        return None
    before, after = (_accuracy(answers == base.labels, base.units) for answers in found.own)
    return KeptKnowledge(n=len(base.labels), units_known=units_known, before=before, after=after)


def _accuracy(right: np.ndarray, units: np.ndarray) -> Interval:
    """Return the share of right answers; its interval resamples units, of which there must be two."""
    return share_right(right, units) if len(np.unique(units)) > 1 else Interval.of(float(right.mean()))
