"""How to cite the tiles goes from the folder that `fetch` made into the card, and from there to readers."""

from pathlib import Path

from gastropath.data.index import find_tiles
from gastropath.data.split.split import Split
from gastropath.report.markdown import model_card_body
from gastropath.training.draft_card import draft_card
from gastropath.training.recipe import read_recipe


def test_a_citation_beside_the_tiles_or_above_them_is_on_the_card_and_in_its_text(noise_tiles, tmp_path: Path):
    index = find_tiles([noise_tiles({"TUM": 3, "STR": 3}, folder="gastric/all_image")])
    split = Split(index, ("train",) * len(index), "file", None)
    recipe = read_recipe("transfer")
    assert draft_card(split, recipe, name="tiles", created="").training_data.citation == ""
    (tmp_path / "gastric" / "CITATION.txt").write_text("Lou et al., 2025\ndoi 10.1234/5")
    card = draft_card(split, recipe, name="tiles", created="")
    assert card.training_data.citation == "Lou et al., 2025\ndoi 10.1234/5"
    text = "\n".join(model_card_body(card))
    assert "Lou et al., 2025\n\ndoi 10.1234/5" in text
