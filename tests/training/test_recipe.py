import pytest

from gastropath.errors import CannotReadTable, UnknownSetting
from gastropath.training.recipe import CnnRecipe, read_recipe, recipe_names


def test_the_baseline_recipe_holds_what_the_specification_asks_for():
    recipe = read_recipe("baseline")
    assert isinstance(recipe, CnnRecipe)
    assert (recipe.method, recipe.tile_px, recipe.epochs) == ("cnn", 224, 20)
    assert recipe.patience > 0


def test_every_recipe_that_comes_along_is_valid():
    assert "baseline" in recipe_names()
    for name in recipe_names():
        read_recipe(name)


def test_a_setting_can_be_changed_by_number_and_by_word():
    recipe = read_recipe("baseline", ["epochs=3", "monitor=val_accuracy", "learning_rate = 1e-4"])
    assert isinstance(recipe, CnnRecipe)
    assert (recipe.epochs, recipe.monitor, recipe.learning_rate) == (3, "val_accuracy", 1e-4)


def test_a_typo_in_a_setting_is_refused_with_the_right_name():
    with pytest.raises(UnknownSetting, match="did you mean 'epochs'"):
        read_recipe("baseline", ["epoch=3"])


def test_a_typo_in_a_recipe_name_is_refused_with_the_right_name():
    with pytest.raises(UnknownSetting, match="did you mean 'baseline'"):
        read_recipe("basline")


@pytest.mark.parametrize(
    "change", ["epochs=0", "epochs=many", "learning_rate=-1", "learning_rate=nan", "tile_px=8", "monitor=accuracy"]
)
def test_a_value_out_of_range_is_refused_and_named(change):
    with pytest.raises(UnknownSetting, match=change.split("=")[0]):
        read_recipe("baseline", [change])


def test_a_change_without_a_value_says_what_was_expected():
    with pytest.raises(UnknownSetting, match="KEY=VALUE"):
        read_recipe("baseline", ["epochs"])


def test_a_written_recipe_reads_back_the_same(tmp_path):
    recipe = read_recipe("baseline", ["seed=5", "mpp=0.25"])
    recipe.write(tmp_path / "recipe.toml")
    assert read_recipe(str(tmp_path / "recipe.toml")) == recipe


def test_a_recipe_file_that_is_no_toml_is_refused(tmp_path):
    (tmp_path / "mine.toml").write_text("epochs: 3")
    with pytest.raises(CannotReadTable, match=r"mine\.toml"):
        read_recipe(str(tmp_path / "mine.toml"))


def test_a_missing_recipe_file_is_refused():
    with pytest.raises(UnknownSetting, match="no such file"):
        read_recipe("nowhere.toml")
