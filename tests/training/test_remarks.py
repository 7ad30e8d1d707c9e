"""Settings that did nothing in a run are named, and so is training that gained nothing."""

from gastropath.bundle.files import open_bundle, starter
from gastropath.data.index import find_tiles
from gastropath.data.split.split import Split
from gastropath.training.recipe import read_recipe
from gastropath.training.remarks import remarks


def told(tiles, recipe="transfer", changes=(), history=({"strength": 3.0},)) -> str:
    index = find_tiles([tiles])
    split = Split(index, ("train",) * len(index), "file", None)
    return " ".join(remarks(read_recipe(recipe, changes), split, open_bundle(starter()).card, history))


def test_class_weights_without_imbalance_are_named(noise_tiles):
    even, uneven = noise_tiles({"TUM": 3, "STR": 3}), noise_tiles({"TUM": 3, "STR": 2}, folder="uneven")
    assert "class_weights changed nothing" in told(even)
    assert "class_weights" not in told(even, changes=["class_weights=none"])
    assert told(uneven) == ""


def test_settings_of_an_abstention_that_is_off_are_named(noise_tiles):
    tiles = noise_tiles({"TUM": 3, "STR": 2})
    assert "abstain_at changed nothing" in told(tiles, changes=["abstain_by=none"])
    assert "abstain_unmet changed nothing" in told(tiles, changes=["abstain_unmet=answer"])


def test_a_strength_that_could_not_be_chosen_is_named(noise_tiles):
    assert "could not be chosen" in told(noise_tiles({"TUM": 3, "STR": 2}), history=())


def test_what_has_no_epochs_says_that_it_notes_none_for_tensorboard(noise_tiles):
    index = find_tiles([noise_tiles({"TUM": 3, "STR": 2})])
    split, card, row = Split(index, ("train",) * len(index), "file", None), open_bundle(starter()).card, {"epoch": 1.0}
    (said,) = remarks(read_recipe("transfer"), split, card, [row], noted=True)
    assert "transfer has no epochs" in said
    assert "TensorBoard" not in " ".join(remarks(read_recipe("baseline"), split, card, [row], noted=True))


def test_a_model_kept_as_it_was_before_its_first_epoch_is_named(noise_tiles):
    tiles = noise_tiles({"TUM": 3, "STR": 2})
    rows = [{"epoch": 0.0, "val_macro_f1": 0.6}, {"epoch": 1.0, "val_macro_f1": 0.5}]
    assert "before its first epoch" in told(tiles, "finetune", history=rows)
    assert told(tiles, "finetune", history=[rows[0], {"epoch": 1.0, "val_macro_f1": 0.7}]) == ""
