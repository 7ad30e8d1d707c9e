import pytest

from gastropath.report.parts import Table, Text
from gastropath.report.sections.adaptation import adaptation, judgement_in_words
from gastropath.results.adaptation import Adaptation, Judgement, LabelCount
from gastropath.results.interval import Interval


def judgement(source: str, units: int, unit: str) -> Judgement:
    before, after = Interval(value=0.6, low=0.5, high=0.7), Interval(value=0.9, low=0.8, high=1.0)
    figures = {"before": before.model_dump(), "after": after.model_dump()}
    return Judgement.model_validate({"source": source, "n": 40, "units": units, "unit": unit, **figures})


def adapted(*judgements: Judgement, **changes: object) -> Adaptation:
    return Adaptation(
        base="starter", base_sha256="a" * 64, base_source="", labels=(LabelCount(where="a.svs", labels={"TUM": 40}),),
        sources={"own": 40}, share=1.0, strength=10.0, judgements=judgements,
    ).model_copy(update=changes)  # fmt: skip


def texts(found: Adaptation) -> str:
    return " ".join(part.text for part in adaptation(found).parts if isinstance(part, Text))


def test_the_figure_that_stands_for_a_model_is_that_of_tiles_to_check_and_never_of_suggested_ones():
    check, own, suggested = (
        judgement("check", 3, "slide"),
        judgement("own", 3, "slide"),
        judgement("suggested", 3, "slide"),
    )
    assert adapted(suggested, own, check).headline == check
    assert adapted(suggested, own).headline == own
    assert adapted(suggested).headline is None
    assert "no figure here is one of accuracy on new tiles" in texts(adapted(suggested))


@pytest.mark.parametrize(
    ("judgements", "said"),
    [
        ((), "How good it has become is not known"),
        ((judgement("own", 5, "block"),), "the figures say nothing of other slides"),
        ((judgement("own", 5, "slide"),), "5 slides only"),
        ((judgement("own", 30, "group"),), "chosen by their user, not drawn at random"),
    ],
)
def test_what_figures_cannot_show_is_said(judgements: tuple[Judgement, ...], said: str):
    assert said in texts(adapted(*judgements))


def test_a_figure_is_told_with_its_number_of_units():
    said = judgement_in_words(judgement("own", 49, "group"))
    assert (
        said
        == "accuracy 60.0% (50.0% to 70.0%) before and 90.0% (80.0% to 100.0%) after, on 40 tiles of 49 groups of tiles"
    )
    table = next(part for part in adaptation(adapted(judgement("own", 1, "slide"))).parts if isinstance(part, Table))
    assert table.rows[0][2] == "1 slide"


@pytest.mark.parametrize(("n", "said"), [(1, "1 tile, too few for a figure"), (4, "4 tiles, too few for a figure")])
def test_very_few_tiles_give_no_figure_in_a_sentence(n: int, said: str):
    assert judgement_in_words(judgement("check", 1, "slide").model_copy(update={"n": n})) == said


def test_classes_that_came_and_went_are_named():
    assert "New classes: NEC. Classes it no longer has: ADI, MUC." in texts(
        adapted(added=("NEC",), left_out=("ADI", "MUC"))
    )
