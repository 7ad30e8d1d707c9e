"""What cannot become a model is refused before it is trained."""

import pytest

from gastropath.bundle.files import open_bundle, starter
from gastropath.data.index import find_tiles
from gastropath.data.split.split import Split
from gastropath.errors import UnknownSetting
from gastropath.results.card import Card
from gastropath.training.recipe import read_recipe
from gastropath.training.start import Start


def test_classes_that_would_share_a_column_of_our_tables_are_refused(noise_tiles):
    index = find_tiles([noise_tiles({"fat cells": 3, "fat_cells": 3, "TUM": 3})])
    split = Split(index, ("train", "val", "test") * 3, "file", None)
    with pytest.raises(UnknownSetting, match="'fat cells' and 'fat_cells' would share a column"):
        Start(split, read_recipe("transfer")).check()


def test_a_model_of_such_classes_is_not_opened():
    card = open_bundle(starter()).card.model_dump(mode="json")
    card["classes"][0]["code"], card["classes"][1]["code"] = "fat cells", "fat_cells"
    with pytest.raises(ValueError, match="would share a column"):
        Card.model_validate(card)
