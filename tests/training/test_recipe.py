import subprocess
import sys
import tomllib
from importlib import resources

import pytest

from gastropath.errors import CannotReadTable, UnknownSetting
from gastropath.training.recipe import CnnRecipe, FinetuneRecipe, TransferRecipe, read_recipe, recipe_names


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


ALL = {
    "tile_px": 224, "mpp": 0.5, "class_weights": "balanced", "abstain_by": "accuracy", "abstain_at": 0.8,
    "abstain_unmet": "abstain",
    "in_domain": 0.95, "seed": 0,
}  # fmt: skip
PRETRAINED = {
    "backbone": "efficientnet-lite0", "weights": "", "maps": ["block_05", "block_11", "last"], "views": 0,
    "strength": 0.0,
}  # fmt: skip
DEFAULTS = {
    CnnRecipe: {
        **ALL, "class_weights": "none", "epochs": 20, "batch_size": 32, "learning_rate": 0.001, "patience": 5,
        "monitor": "val_loss",
    },
    TransferRecipe: {**ALL, **PRETRAINED},
    FinetuneRecipe: {
        **ALL, **PRETRAINED, "views": 1, "epochs": 15, "batch_size": 32, "learning_rate": 0.0003, "patience": 8,
        "warmup_epochs": 1.0, "label_smoothing": 0.1, "turns": True, "zoom": 0.2, "stain": 0.2, "blur_px": 1.0,
    },
}  # fmt: skip
"""What an absent setting means. A recipe that was written without it was trained like this: never change a line here;
add one where a setting is added."""

METHODS = {CnnRecipe: "cnn", TransferRecipe: "transfer", FinetuneRecipe: "finetune"}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_what_an_absent_setting_means_never_changes(kind):
    method = METHODS[kind]
    assert kind(method=method).model_dump(mode="json") == {"method": method, **DEFAULTS[kind]}


@pytest.mark.parametrize("kind", DEFAULTS)
def test_a_run_writes_all_its_settings_also_those_it_was_not_given(kind, tmp_path):
    method = METHODS[kind]
    kind(method=method).write(tmp_path / "recipe.toml")
    assert tomllib.loads((tmp_path / "recipe.toml").read_text()) == {"method": method, **DEFAULTS[kind]}


def test_what_a_recipe_shows_as_a_comment_is_its_default():
    folder = resources.files("gastropath") / "recipes"
    for name in recipe_names():
        lines = (folder / f"{name}.toml").read_text("utf-8").splitlines()
        shown = [line.removeprefix("# ") for line in lines if line.startswith("# ") and " = " in line]
        assert len(shown) > 5
        recipe = read_recipe(name).model_dump(mode="json")
        settings = tomllib.loads("\n".join(shown))
        assert {key: recipe[key] for key in settings} == settings


BASELINE_OF_0_1_0 = """tile_px = 224
mpp = 0.5
class_weights = "none"
abstain_by = "accuracy"
abstain_at = 0.8
in_domain = 0.95
seed = 0
epochs = 5
batch_size = 16
learning_rate = 0.001
patience = 5
method = "cnn"
monitor = "val_loss"
"""
TRANSFER_OF_0_1_0 = """tile_px = 224
mpp = 0.5
class_weights = "balanced"
abstain_by = "accuracy"
abstain_at = 0.8
in_domain = 0.95
seed = 0
backbone = "efficientnet-lite0"
weights = ""
maps = ["block_05", "block_11", "last"]
views = 0
strength = 0.0
method = "transfer"
"""


@pytest.mark.parametrize("text", [BASELINE_OF_0_1_0, TRANSFER_OF_0_1_0])
def test_a_recipe_as_version_0_1_0_wrote_it_is_read_whole_and_without_any_of_its_lines(text, tmp_path):
    file, settings = tmp_path / "recipe.toml", tomllib.loads(text)
    file.write_text(text)
    later = {"abstain_unmet": "abstain"}  # came after it
    settings |= later
    assert read_recipe(str(file)).model_dump(mode="json") == settings
    for lacking in settings.keys() - later.keys() - {"method"}:
        lines = [line for line in text.splitlines() if not line.startswith(lacking)]
        file.write_text("\n".join(lines))
        recipe = read_recipe(str(file))
        assert recipe.model_dump(mode="json") == {**settings, lacking: DEFAULTS[type(recipe)][lacking]}


def test_an_unknown_setting_of_a_file_is_refused_with_the_right_name(tmp_path):
    (tmp_path / "mine.toml").write_text('method = "finetune"\nblur = 1.0\n')
    with pytest.raises(UnknownSetting, match=r"mine\.toml.*did you mean 'blur_px'"):
        read_recipe(str(tmp_path / "mine.toml"))


def test_reading_a_recipe_loads_no_training_software():
    code = (
        "import sys\nfrom gastropath.training.recipe import read_recipe\n"
        "print(read_recipe('finetune').watches_validation, *{'keras', 'tensorflow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True"]
