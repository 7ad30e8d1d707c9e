"""Documents are checked when read, and those of earlier versions are brought up."""

import json
from pathlib import Path

import pytest

from gastropath.bundle.files import open_bundle, starter
from gastropath.errors import CannotReadTable
from gastropath.results.card import Card
from gastropath.results.documents import Document
from gastropath.results.metrics import Metrics
from gastropath.results.split import SplitDocument

OLD = Path(__file__).parent / "written_by_0_1_0"
OLD_2 = Path(__file__).parent / "written_in_version_2"
KINDS: list[tuple[str, type[Document]]] = [
    ("card.json", Card),
    ("metrics.json", Metrics),
    ("metrics_of_other_tiles.json", Metrics),
    ("cross_validation.json", Metrics),
    ("split.json", SplitDocument),
]


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_what_0_1_0_wrote_is_read_and_written_in_todays_version(name: str, kind: type[Document]):
    old = json.loads((OLD / name).read_text())
    assert old.get("format_version", 1) == 1
    found = kind.parse((OLD / name).read_bytes(), name)
    again = found.to_json()
    assert json.loads(again)["format_version"] == len(kind.upgrades) + 1
    assert kind.parse(again, name) == found


def test_a_split_of_version_2_is_read_and_its_fingerprints_say_nothing_of_pixels():
    content = (OLD_2 / "split.json").read_bytes()
    found = SplitDocument.parse(content, "split.json")
    assert (found.format_version, found.index_sha256, found.split_sha256) == (3, None, None)
    assert (found.kept_together, found.grouped_by) == (None, "")
    assert found.tiles == json.loads(content)["tiles"]


@pytest.mark.parametrize(("name", "kind"), [("metrics.json", Metrics), ("card.json", Card)])
def test_figures_of_version_2_are_read_and_what_kept_slides_together_is_not_known(name: str, kind: type[Document]):
    old = json.loads((OLD_2 / name).read_text())
    assert old["format_version"] == 2
    new = json.loads(kind.parse(json.dumps(old), name).to_json())
    metrics, before = (new, old) if kind is Metrics else (new["metrics"], old["metrics"])
    assert (new["format_version"], metrics["format_version"]) == (len(kind.upgrades) + 1, 5)
    assert metrics["split"] == {**before["split"], "kept_together": None, "grouped_by": ""}
    assert {key: metrics[key] for key in before if key not in ("split", "format_version")} == {
        key: before[key] for key in before if key not in ("split", "format_version")
    }


def test_no_figure_is_lost_when_metrics_are_brought_up():
    old = json.loads((OLD / "metrics.json").read_text())
    new = json.loads(Metrics.parse(json.dumps(old), "metrics.json").to_json())
    outsiders = old["domain"].pop("outsiders")
    assert new["domain"].pop("other_classes") | new["domain"].pop("pictures") == outsiders
    split = old.pop("split") | {"kept_together": None, "grouped_by": ""}
    assert new.pop("split") == split
    for way in ("deletion", "insertion") if new["explanations"] else ():
        assert new["explanations"][way].pop("limit") == 0
    assert {key: new[key] for key in old} == old
    assert set(new) - set(old) == {"format_version", "by_source", "checks"}
    assert new["checks"] == "full"


@pytest.mark.parametrize(
    ("met", "target", "state"),
    [(True, "accuracy", "not_shown"), (False, "accuracy", "unmet"), (True, "coverage", "met")],
)
def test_a_target_that_was_judged_without_an_interval_is_not_called_met(met, target, state):
    old = json.loads((OLD / "card.json").read_text())
    old["abstention"] |= {"met": met, "target": target}
    rule = Card.parse(json.dumps(old), "card.json").abstention
    assert rule is not None
    assert rule.state == state
    assert rule.selective_accuracy.numbers[0] == old["abstention"]["selective_accuracy"]
    assert rule.selective_accuracy.low is rule.selective_accuracy.high is None


def test_a_class_called_like_a_drawn_picture_is_told_from_it():
    old = json.loads((OLD / "metrics.json").read_text())
    pictures = Metrics.parse(json.dumps(old), "").domain.pictures
    assert all(name.startswith("drawn ") or name == "pieces of photographs" for name in pictures)
    old["domain"]["outsiders"]["BACK"] = next(iter(old["domain"]["outsiders"].values()))
    assert list(Metrics.parse(json.dumps(old), "").domain.other_classes) == ["BACK"]


def test_the_card_of_the_starter_model_is_valid_with_its_figures_by_source():
    metrics = open_bundle(starter()).card.metrics
    assert metrics is not None
    assert sum(source.n for source in metrics.by_source.values()) == metrics.n


@pytest.mark.parametrize(("name", "kind"), KINDS)
@pytest.mark.parametrize("version", [0, 9, 99, "1", 1.5, None, True, [1]])
def test_a_version_that_nobody_wrote_is_refused_with_what_to_do(name: str, kind: type[Document], version: object):
    document = json.loads((OLD / name).read_text()) | {"format_version": version}
    newest = len(kind.upgrades) + 1
    told = rf"format_version .* reads up to {newest}; install the GastroPath that wrote it"
    with pytest.raises(CannotReadTable, match=told):
        kind.parse(json.dumps(document), "file.json")


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "3", '"text"', "\x00", "[" * 100_000, '{"a": NaN}', '{"a": 1e}']
)
def test_what_is_not_a_json_object_is_refused_with_its_file(text: str):
    with pytest.raises(CannotReadTable, match=r"^file\.json: is not"):
        Metrics.parse(text, "file.json")


def test_an_old_document_that_never_was_valid_is_refused_in_words():
    with pytest.raises(CannotReadTable, match="is not a document of format version 1"):
        Metrics.parse('{"domain": 3}', "metrics.json")
    with pytest.raises(CannotReadTable, match="is not a document of format version 1"):
        Card.parse('{"format_version": 1, "metrics": {"accuracy": 1}}', "card.json")


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_an_unknown_key_is_refused_by_name(name: str, kind: type[Document]):
    document = json.loads(kind.parse((OLD / name).read_bytes(), name).to_json()) | {"surprise": 1}
    with pytest.raises(CannotReadTable, match="surprise"):
        kind.parse(json.dumps(document), name)


@pytest.mark.parametrize("value", [1.5, -0.1])
def test_a_share_beyond_its_range_is_refused(value: float):
    document = json.loads(Metrics.parse((OLD / "metrics.json").read_bytes(), "").to_json())
    document["accuracy"]["value"] = value
    with pytest.raises(CannotReadTable, match="between 0 and 1"):
        Metrics.parse(json.dumps(document), "metrics.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"x": 1e999}', "not a finite number"),
        ('{"x": NaN}', "not a finite number"),
        (f'{{"x": {"9" * 5000}}}', "digits"),
        (f'{{"x": {"9" * 21}}}', "digits"),
        ('{"x": ' + "[" * 60 + "]" * 60 + "}", "levels deep"),
        ('{"x": ' + "[" * 100_000 + "]" * 100_000 + "}", "not valid JSON"),
    ],
)
def test_numbers_and_depth_are_bounded(text, said):
    with pytest.raises(CannotReadTable, match=said):
        Card.parse(text, "card.json")
