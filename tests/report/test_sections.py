"""What a result means is said in the field's words, follows from the numbers, and stands in one place."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import gastropath
from gastropath.report.markdown import model_card
from gastropath.report.notices import model_notices
from gastropath.report.parts import Bullets, Chart, Section, Table, Text
from gastropath.report.sections import accuracy, confidence, faithfulness, judged_tiles, leakage, robustness, split
from gastropath.report.sections.order import accuracy_sections, card_sections, summary, trust_sections
from gastropath.report.terminal import main_metrics
from gastropath.results.card import UNLIKE_IS_MEASURED, LabelReview, TrainingData
from gastropath.results.interval import Interval
from gastropath.results.metrics import SplitInfo
from gastropath.results.split import FoldCounts, SplitDocument

PACKAGE = Path(gastropath.__file__).parent
RESULTS = ("report/", "evaluation/", "results/", "bundle/", "app/about.py", "cli/training.py", "cli/split.py")
"""Where it is said what a result means."""

HALF = Interval(value=0.5, low=0.25, high=0.75)
GAIN = Interval(value=0.2, low=0.1, high=0.3)


def words(sections: list[Section] | Section) -> str:
    """Return every text of sections, tables included."""
    found: list[str] = []
    for section in [sections] if isinstance(sections, Section) else sections:
        found.append(section.title)
        for part in section.parts:
            match part:
                case Text(text):
                    found.append(text)
                case Bullets(items):
                    found += items
                case Table(columns, rows, caption):
                    found += [caption, *columns, *(str(cell) for row in rows for cell in row)]
                case Chart():
                    found += [part.alt, part.caption]
    return "\n".join(found)


def rows_of(section: Section | None, number: int = 0) -> list[list[str]]:
    assert section
    table = [part for part in section.parts if isinstance(part, Table)][number]
    return [[str(cell) for cell in row] for row in table.rows]


def warnings_of(section: Section | None) -> list[str]:
    assert section
    return [part.text for part in section.parts if isinstance(part, Text) and part.tone == "warning"]


def test_the_accuracy_says_what_it_was_measured_on_and_what_makes_it_less_than_it_looks(make_metrics):
    section = accuracy.accuracy(make_metrics())
    said = words(section)
    assert "the test part: 20 tiles in 25 known groups, none of which the model learned from" in said
    assert "resample groups" in said
    assert ["accuracy, test part", "20", "0.500 (0.250–0.750)"] in rows_of(section)
    assert ["coverage", "20", "0.500 (0.250–0.750)"] in rows_of(section)
    assert warnings_of(section) == ["Beware."]


def test_a_class_without_tiles_has_dashes_for_numbers(make_metrics):
    assert rows_of(accuracy.each_class(make_metrics()))[-1] == ["empty", "empty", "0", "–", "–", "–", "–"]


def test_every_source_has_its_own_row(make_metrics):
    (row,) = rows_of(accuracy.sources(make_metrics()))
    assert row == ["another laboratory", "7", *["0.500 (0.250–0.750)"] * 4, "12.5%"]
    assert accuracy.sources(make_metrics(by_source={})) is None


@pytest.mark.parametrize(
    ("gain", "verdict"),
    [
        (GAIN, "the model sees more than colour"),
        (Interval(value=0.1, low=-0.1, high=0.3), "nothing shows that the model sees more than colour"),
        (None, "nothing shows that the model sees more than colour"),
    ],
)
def test_what_colour_alone_reaches_is_compared_in_pairs(make_metrics, gain, verdict):
    metrics = make_metrics(shortcut_baseline={"macro_f1": HALF, "gain": gain})
    assert (accuracy.against_colour(metrics) or "").endswith(f"{verdict}.")


def test_few_tiles_of_a_class_name_no_best_class(make_metrics):
    metrics = make_metrics()
    few = {code: row.model_copy(update={"support": 3}) for code, row in metrics.per_class.items()}
    assert "too few to say" in (accuracy.best_and_worst_class(make_metrics(per_class=few)) or "")
    rows = dict(metrics.per_class) | {"STR": metrics.per_class["STR"].model_copy(update={"f1": GAIN})}
    said = accuracy.best_and_worst_class(make_metrics(per_class=rows))
    assert said == (
        "Best recognised: TUM (tumour epithelium) (F1 0.50); worst: STR (cancer-associated stroma) (F1 0.20)."
    )


def test_abstention_is_told_as_rules_and_as_coverage(make_metrics, make_card):
    metrics = make_metrics()
    section = confidence.abstention(make_card(metrics), metrics)
    said = words(section)
    assert "Low confidence: below 0.600" in said
    assert "a selective accuracy of 80%" in said
    assert "Out of distribution (unlike the training tiles)" in said
    assert "coverage 50.0% (25.0% to 75.0%), selective accuracy 50.0% (25.0% to 75.0%)" in said
    assert rows_of(section)[0] == ["TUM", "10", "75.0%", "–", "20.0%", "5.0%"]
    assert warnings_of(section) == [
        "The selective accuracy of 80% that the threshold was chosen for is missed on these tiles."
    ]


@pytest.mark.parametrize(
    ("state", "told", "says"),
    [
        ("met", False, "a selective accuracy of 80% is met: selective accuracy 81.0% (60.0% to 93.0%)"),
        ("not_shown", False, "That answers reach a selective accuracy of 80% is not shown on"),
        ("unmet", False, "It abstains on every tile; its best guess and the probabilities are still given"),
        ("unmet", True, "It answers nevertheless, as it was told to"),
    ],
)
def test_whether_a_target_is_reached_is_said_in_the_same_words_everywhere(make_metrics, make_card, state, told, says):
    rule = make_card(None).abstention.model_copy(update={"state": state, "answers_unmet": told})
    card = make_card(make_metrics(), abstention=rule)
    assert says in words(confidence.abstention(card, card.metrics))
    assert says in " ".join(part.text for part in main_metrics(card.metrics, card) if isinstance(part, Text))
    assert (says in " ".join(model_notices(card))) == (state == "unmet")
    assert says in model_card(card)


@pytest.mark.parametrize(
    ("source", "tiles"),
    [
        ("validation", "the validation part of the model's training data (1 tile)"),
        ("out-of-fold", "the model's training data (1 tile, each judged by a model made without it)"),
    ],
)
def test_it_is_said_which_tiles_a_threshold_was_chosen_on(make_card, source, tiles):
    rule = make_card(None).abstention.model_copy(update={"fitted_on": source, "n": 1, "state": "met"})
    assert confidence.target_in_words(rule).startswith(f"On {tiles}, a selective accuracy of 80% is met")
    assert f"This threshold was chosen on {tiles} for" in words(confidence.abstention(make_card(abstention=rule), None))


def test_a_target_of_an_earlier_version_has_no_interval_and_is_not_shown(make_card):
    rule = make_card(None).abstention.model_copy(update={"selective_accuracy": Interval(value=0.81)})
    assert confidence.target_in_words(rule).endswith("81.0% on the same tiles, without an interval.")


def test_a_model_without_rules_never_abstains(make_metrics, make_card):
    metrics = make_metrics()
    whole = metrics.abstention.model_copy(update={"coverage": Interval(value=1, low=0.9, high=1)})
    metrics = make_metrics(abstention=whole)
    section = confidence.abstention(make_card(metrics, abstention=None, domain=None), metrics)
    assert "never abstains" in words(section)
    assert not [part for part in section.parts if isinstance(part, Table)]
    assert "area under the risk-coverage curve" in words(section)


def test_the_calibration_error_is_held_against_chance(make_metrics):
    metrics = make_metrics()
    assert "cannot be told from chance" in words(confidence.confidence(metrics))
    small = Interval(value=0.1, low=0.05, high=0.15)
    after = metrics.calibration.before.model_copy(update={"ece_by_chance": small})
    larger = metrics.model_copy(update={"calibration": metrics.calibration.model_copy(update={"after": after})})
    assert "the error measured here is larger" in words(confidence.confidence(larger))


def test_pictures_that_are_out_of_distribution_and_get_a_class_are_a_warning(make_metrics):
    metrics = make_metrics()
    assert warnings_of(confidence.out_of_distribution(metrics)) == [
        "The model assigned a class to 50.0% of the pictures of drawn gl|ass, which show none of its classes."
    ]
    domain = metrics.domain.model_copy(update={"pictures": {}})
    assert confidence.out_of_distribution(make_metrics(domain=domain)) is None


def test_the_limits_say_what_was_measured_in_place_of_what_may_be(make_metrics, make_card):
    measured = confidence.measured_limits(make_card(make_metrics()))
    assert UNLIKE_IS_MEASURED not in measured
    assert any("it still assigned a class to drawn gl|ass (50%)" in limit for limit in measured)
    assert UNLIKE_IS_MEASURED in confidence.measured_limits(make_card())


def test_changes_that_cost_accuracy_are_counted_and_the_costliest_named(make_metrics):
    metrics = make_metrics()
    assert robustness.robustness_in_words(metrics.robustness) == (
        "1 of 1 computed changes of the tiles cost accuracy. The costliest is blur, 2 px: −0.100 (−0.200 to −0.050)."
    )
    row = metrics.robustness.changed[0].model_copy(update={"change": HALF})
    harmless = metrics.robustness.model_copy(update={"changed": (row,)})
    assert robustness.robustness_in_words(harmless).startswith("None of 1 computed changes")


def test_maps_that_fail_a_check_are_not_to_be_believed(make_metrics):
    metrics = make_metrics()
    section = faithfulness.activation_maps(metrics)
    (warning,) = warnings_of(section)
    assert "FAILED: they hardly depend on what the model learned." in warning
    assert warning.endswith("Do not believe the activation maps of this model.")
    assert [row[3] for row in rows_of(section)] == ["yes", "yes", "NO"]
    assert "100% of the maps of shuffled networks" in words([section] if section else [])


def test_the_judged_tiles_are_compared_with_the_training_tiles(make_metrics):
    section = judged_tiles.judged_tiles(make_metrics())
    said = words([section] if section else [])
    assert "redness 1.2 standard deviations higher" in said
    assert "1 tile of another size than the model's was taken for one field of view" in said
    assert "No tile of empty" in said
    assert rows_of(section) == [["redness", "10.00", "20.00", "+1.25"]]


def test_answers_of_several_models_have_no_checks_and_no_error(make_metrics, make_card):
    metrics = make_metrics(data=None, robustness=None, explanations=None, part="out-of-fold", split=None)
    titles = [section.title for section in trust_sections(make_card(metrics), metrics)]
    assert titles == ["Confidence", "Abstention", "Out-of-distribution pictures"]
    assert "judged by a model that was trained and calibrated without its fold" in words(accuracy_sections(metrics))


def test_the_summary_says_first_what_matters_most(make_metrics):
    lines = summary(make_metrics(), make_metrics(part="out-of-fold"))
    assert lines[0].startswith("On 20 tiles (test part), accuracy is 50.0% (25.0% to 75.0%) and macro-F1 0.500")
    assert "over the 2 of 3 classes that have tiles" in lines[0]
    assert lines[1].startswith("In cross-validation over 20 tiles")
    assert any("(coverage)" in line and "(selective accuracy)" in line for line in lines)


def test_a_draft_says_that_it_was_not_evaluated(make_card):
    sections = card_sections(make_card())
    assert "has not been evaluated" in words(sections)
    assert {"Classes", "Training data", "Abstention", "Limits", "How to cite"} <= {one.title for one in sections}


def test_training_data_tells_split_review_and_synthetic_tiles(make_metrics, make_card):
    data = TrainingData(
        name="tiles",
        n_tiles=3,
        licence="CC0-1.0",
        sha256="0",
        synthetic=True,
        review=LabelReview(dropped=1, relabelled=2, sha256="abc"),
    )
    said = words(card_sections(make_card(make_metrics(), training_data=data)))
    assert "3, synthetic: drawn by a computer" in said
    assert "1 tile dropped and 2 relabelled before training" in said
    assert "block, seed 0: neighbouring file numbers of a class stay together" in said
    assert "100 train, 20 val, 40 test" in said
    assert "3 tiles too close to another part in file number, 0 tiles with a copy in another part" in said


def split_document(**changes: object) -> SplitDocument:
    document: dict[str, object] = {
        "method": "block", "seed": 0, "fractions": {"train": 0.7}, "tiles": {"train": 70, "val": 15, "test": 15},
        "groups": {"train": 20, "val": 3, "test": 9}, "block": {"TUM": 4, "STR": 6}, "gap": {"TUM": 1, "STR": 1},
        "purged": {"gap": 1, "copies": 0}, "folds": FoldCounts(k=5, left_out=2),
        "kept_together": None, "grouped_by": "",
        "duplicate_pairs_across_parts": 3, "identical_pairs_across_parts": 1, "near_pairs_across_parts": 2,
        "index_sha256": "0" * 64, "split_sha256": "0" * 64, "synthetic": False,
    }  # fmt: skip
    return SplitDocument.model_validate(document | changes)


def test_a_split_is_told_line_by_line():
    assert list(split.split_in_words(split_document(), unnumbered=["a, b/x.png", "y.png"])) == [
        "2 tiles with neither a group nor a number in the name: nothing is known of their neighbours. Say which "
        "patient or slide each is of, in a table with the first line path,group and then a line a tile, such as "
        '"a, b/x.png",PATIENT, and give it with --groups to gastropath split',
        "blocks of about 4 to 6 neighbouring files, more than 1 numbers apart",
        "left out: 1 tile too close to another part in file number, 0 tiles with a copy in another part",
        "pairs of duplicate tiles in different parts: 1 identical, 2 near-duplicate",
        "5 folds; 2 tiles in none of them: too close to another fold, or a copy",
        "warning: the val part holds 15 tiles of only 3 groups",
    ]


def test_what_keeps_slides_together_is_said_and_nothing_else_is_claimed():
    kept = {"groups": 40, "neighbours": 0, "nothing": 60}
    lines = list(split.split_in_words(split_document(kept_together=kept, grouped_by="file names (TCGA barcodes)")))
    assert lines[0] == "40 tiles stay together by group, from file names (TCGA barcodes)"
    assert not any(line.startswith("blocks of") for line in lines)
    assert lines[-1].startswith("warning: Nothing keeps the tiles of a slide together for 60 of 100 tiles: no group is")
    info = SplitInfo(method="block", seed=1, tiles={}, purged={}, kept_together=kept, grouped_by="file names (x)")
    assert split.method_in_words(info) == (
        "block, seed 1: 40 tiles stay together by group, from file names (x); "
        "nothing keeps 60 tiles with others of their slide"
    )


def test_the_terminal_and_the_report_say_in_the_same_words_how_tiles_were_divided():
    kept, source = {"groups": 40, "neighbours": 1, "nothing": 0}, "column 'case' of tiles.csv"
    told = list(split.split_in_words(split_document(kept_together=kept, grouped_by=source)))
    info = SplitInfo(method="block", seed=1, tiles={}, purged={}, kept_together=kept, grouped_by=source)
    assert split.method_in_words(info) == f"block, seed 1: {told[0]}; {told[1]}"
    assert told[1] == "1 tile stay together by neighbouring file numbers of their class"


def test_the_terminal_and_the_report_warn_in_the_same_words():
    kept = {"groups": 0, "neighbours": 0, "nothing": 100}
    warning = split.method_warning("block", kept, counted=True)
    assert f"warning: {warning}" in list(split.split_in_words(split_document(kept_together=kept)))
    assert "for all tiles" in (warning or "")
    assert split.method_warning("block", {"groups": 9, "neighbours": 1, "nothing": 0}, counted=True) is None
    assert "numbered neighbours" not in (split.method_warning("group", kept, counted=True) or "")


@pytest.mark.parametrize(("method", "said"), [("random", "optimistic"), ("file", "nothing else is known")])
def test_a_split_that_leaks_is_warned_of(method, said):
    lines = list(split.split_in_words(split_document(method=method, groups={}, folds=None)))
    assert said in lines[-1]
    assert lines[-1].startswith("warning: The split is ")


def test_duplicates_across_parts_are_counted_and_warned_of():
    assert leakage.count_leakage(None, None).duplicate_pairs_across_parts is None
    assert leakage.count_leakage(0, None).warning is None
    one = leakage.count_leakage(1, None)
    assert (one.duplicate_pairs_across_parts, one.near_pairs_across_parts) == (1, None)
    assert one.warning == (
        "1 pair of duplicate tiles (1 identical, near-duplicates were not searched for) lies in different parts; the "
        "metrics are too good by an unknown amount"
    )
    assert "3 pairs" in (leakage.count_leakage(1, 2).warning or "")


def sentences(file: Path) -> Iterator[str]:
    """Yield the texts of a module that are long enough to be sentences: constants, without docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and isinstance(node.body[0], ast.Expr)
    }
    standing_alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in docstrings | standing_alone
        ):
            yield from (piece for piece in re.split(r"(?<=[.:;]) ", node.value) if len(piece.split()) >= 6)


def test_no_sentence_about_a_result_is_written_in_two_modules():
    places: dict[str, set[str]] = defaultdict(set)
    for file in PACKAGE.rglob("*.py"):
        for sentence in sentences(file):
            places[sentence.strip(" .;:,")].add(file.relative_to(PACKAGE).as_posix())
    twice = {sentence: found for sentence, found in places.items() if len(found) > 1}
    assert {one: found for one, found in twice.items() if any(place.startswith(RESULTS) for place in found)} == {}
