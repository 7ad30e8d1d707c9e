"""The model card in the format of the Hub: everything the sections say, and nothing in it becomes markup."""

from __future__ import annotations

import pytest
import yaml

from gastropath.bundle.files import open_bundle, starter
from gastropath.report.markdown import escaped, model_card, model_card_body, sections_to_markdown
from gastropath.report.notices import SYNTHETIC_MODEL
from gastropath.report.parts import Bullets, Section, Table, Text


def header(text: str) -> dict[str, object]:
    return yaml.safe_load(text.split("---\n")[1])


def test_every_number_of_the_card_has_its_interval(make_metrics, make_card):
    lines = model_card(make_card(make_metrics())).splitlines()
    half = "0.500 (0.250–0.750)"
    for line in (
        "## Accuracy",
        f"| accuracy, test part | 20 | {half} |",
        f"| TUM | tumour epithelium | 10 | {half} | {half} | {half} | {half} |",
        "| empty | empty | 0 | – | – | – | – |",
        "| TUM | 10 | 75.0% | – | 20.0% | 5.0% |",
        f"| drawn gl\\|ass | 30 | {half} | {half} | {half} |",
        f"| blur, 2 px | {half} | −0.100 (−0.200 to −0.050) | 50.0% | – |",
        f"| deletion: area gained over random order | {half} | above 0.010 | yes |",
        "| rank correlation with the maps after shuffling all layers | – | below 0.5 | NO |",
        "**Beware.**",
        "| views | 8 |",
    ):
        assert line in lines
    assert "Do not believe the activation maps of this model." in "\n".join(lines)


def test_the_header_is_what_the_hub_reads(make_metrics, make_card):
    found = header(model_card(make_card(make_metrics())))
    assert found["license"] == "cc-by-4.0"
    assert found["pipeline_tag"] == "image-classification"
    assert isinstance(found["model-index"], list)
    (index,) = found["model-index"]
    (result,) = index["results"]
    assert index["name"] == "a model"
    assert result["task"] == {"type": "image-classification"}
    assert set(result["dataset"]) == {"name", "type"}
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {"accuracy": 0.5, "f1": 0.5}


def test_a_name_cannot_break_out_of_the_header(make_metrics, make_card):
    text = model_card(make_card(make_metrics(), name="x\n---\nevil: yes"))
    assert "evil" not in header(text)
    assert "evil: yes" not in text.splitlines()


def test_a_draft_and_a_synthetic_model_say_so(make_card):
    card = make_card()
    data = card.training_data.model_copy(update={"synthetic": True})
    text = "\n".join(model_card_body(make_card(training_data=data)))
    assert "has not been evaluated" in text
    assert f"**{SYNTHETIC_MODEL}**" in text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a|b", r"a\|b"),
        ("two\nlines", "two lines"),
        ("<script>", "&lt;script>"),
        ("*bold* _soft_ `code` [link](x)", r"\*bold\* \_soft\_ \`code\` \[link](x)"),
        ("tile_px and HMU-GC-HE-30K (CC BY 4.0), 0.5", "tile_px and HMU-GC-HE-30K (CC BY 4.0), 0.5"),
        ("&lt; AT&T", r"\&lt; AT&T"),
    ],
)
def test_a_text_is_not_taken_for_markup(text, written):
    assert escaped(text) == written


@pytest.mark.parametrize("text", ["# heading", "- item", "1. item", "22) item", "+ item", "> quote", "~~~", "==="])
def test_a_paragraph_does_not_begin_a_list_or_heading(text):
    line = sections_to_markdown([Section("s", [Text(text)])])[2]
    assert line != text
    assert line.replace("\\", "") == text


def test_numbers_are_written_as_they_are():
    lines = sections_to_markdown([Section("s", [Text("0.5 is half; 10.5 is more"), Table(("a",), [("0.5",)])])])
    assert "0.5 is half; 10.5 is more" in lines
    assert "| 0.5 |" in lines


def test_a_list_is_a_list():
    assert sections_to_markdown([Section("s", [Bullets(["one", "two"])])])[2:4] == ["- one", "- two"]


def test_the_readme_of_the_starter_model_says_what_its_card_says():
    """Where the words change, write it anew: ``model_card(open_bundle(starter()).card)``."""
    bundle = open_bundle(starter())
    assert (bundle.folder / "README.md").read_text("utf-8") == model_card(bundle.card)
