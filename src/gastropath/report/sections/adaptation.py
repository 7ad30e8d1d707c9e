"""What a model learned from its user, and what that is worth, in words and tables."""

from __future__ import annotations

from gastropath.report.parts import Bullets, Section, Table, Text
from gastropath.report.wording import count
from gastropath.results.adaptation import Adaptation, Judgement

_TITLES = {
    "check": "tiles drawn at random to check, never learned from",
    "own": "labels of its user, each judged by a model made without its {unit}",
    "suggested": "labels that the model suggested: a figure of training",
}
_UNITS = {
    "slide": ("slide", "slides"),
    "block": ("block of the slide", "blocks of the slide"),
    "group": ("group of tiles", "groups of tiles"),
}
"""What was left out together, one and several."""

_FEW_UNITS = 20
_FEW_TILES = 5  # below it, the interval is all that there is


def adaptation(found: Adaptation) -> Section:
    """Say what was learned, from how many labels, and how often the answers are right before and after."""
    rows = [
        (
            _TITLES[j.source].format(unit=_UNITS[j.unit][0]),
            j.n,
            count(j.units, *_UNITS[j.unit]),
            str(j.before),
            str(j.after),
        )
        for j in found.judgements
    ]
    parts: list[Text | Table | Bullets] = [Text(line) for line in in_words(found)]
    if rows:
        columns = ("judged on", "n", "units", "accuracy before", "accuracy after")
        parts.append(Table(columns, rows, "Share of right answers, with 95 % intervals over units"))
    parts += [Text(line, "warning") for line in cautions(found)]
    if found.kept:
        own = found.kept
        together = (
            "with their groups left out" if own.units_known else "left out one by one, since groups are not known"
        )
        parts.append(
            Table(
                ("tiles of the model it came from", "n", "without the new labels", "with them"),
                [(f"judged {together}", own.n, str(own.before), str(own.after))],
                "What the classes it knew before lost or gained",
            )
        )
    classes = list(dict.fromkeys(code for row in found.labels for code in row.labels))
    table = [(row.where, *(row.labels.get(code, 0) for code in classes)) for row in found.labels]
    parts.append(Table(("labels from", *classes), table, "Labels by slide and class"))
    return Section("Adapted to its user's labels", parts)


def in_words(found: Adaptation) -> list[str]:
    """Say in sentences what was done."""
    n = sum(found.sources.values())
    checks = found.sources.get("check", 0)
    said = [
        f"The head of {found.base} (graph SHA-256 {found.base_sha256[:12]}…"
        f"{f', {found.base_source}' if found.base_source else ''}) was fitted anew on "
        f"{count(n - checks, 'label')}{f' and checked on {checks} more' if checks else ''}; its features are those of "
        "that model. The new labels "
        f"weigh together {_as_much(found.share)} the tiles it knew."
    ]
    if found.added:
        said.append(f"New classes: {', '.join(found.added)}.")
    if found.left_out:
        said.append(f"Classes it no longer has: {', '.join(found.left_out)}.")
    return said


def cautions(found: Adaptation) -> list[str]:
    """Say what the figures cannot show."""
    said = []
    judged = found.headline or next(iter(found.judgements), None)
    if judged is None:
        said.append(
            "How good it has become is not known: all labels lie together, and every one was needed to learn from. "
            "Label a second slide, or some tiles to check."
        )
    elif judged.unit == "block":
        said.append(
            "All labels are of one slide: the figures say nothing of other slides, stains or patients. Label a second "
            "slide to see that."
        )
    elif judged.units < _FEW_UNITS:
        said.append(
            f"{count(judged.units, *_UNITS[judged.unit])} only: the intervals are narrower than the truth allows."
        )
    if judged is not None and judged.source != "check":
        said.append(
            "The labelled tiles were chosen by their user, not drawn at random: the figures are not the accuracy over "
            "a slide. Tiles to check give that."
        )
    if found.headline is None and any(j.source == "suggested" for j in found.judgements):
        said.append(
            "The model had a say in which labels were given, so no figure here is one of accuracy on new tiles."
        )
    return said


def judgement_in_words(found: Judgement) -> str:
    """Say a figure in a sentence; of very few tiles, that they are too few for one."""
    if found.n < _FEW_TILES:
        return f"{count(found.n, 'tile')}, too few for a figure"
    return (
        f"accuracy {found.before.percent()} before and {found.after.percent()} after, on "
        f"{count(found.n, 'tile')} of {count(found.units, *_UNITS[found.unit])}"
    )


def _as_much(share: float) -> str:
    return "as much as" if share == 1 else f"{share:g} times as much as"
