"""Which networks of `keras.applications` can be the backbone, how large they are in LiteRT, and how fast.

    python benchmarks/keras_backbones.py [NAME ...] [--write]

Size and speed do not depend on the weights, so these are drawn, written to a file and given as `weights=FILE`, as a
user without a network gives those of ImageNet. Each network is built with the maps that the table names and a head of
eight classes, exported in float16 and in 8-bit integers, and answers for the same tiles, each in a process of its own.
Measured is the time of all cores together, which depends little on what else the machine does; two cores need half of
it a tile. What cannot be converted is named with its reason. `--write` puts the table into `docs/training.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

LITE0 = "efficientnet-lite0"
NAMES = (
    LITE0, "keras:MobileNetV3Small", "keras:MobileNetV3Large", "keras:MobileNetV2", "keras:NASNetMobile",
    "keras:EfficientNetB0", "keras:EfficientNetV2B0", "keras:DenseNet121", "keras:ResNet50", "keras:ResNet50V2",
    "keras:Xception", "keras:InceptionV3", "keras:ConvNeXtTiny", "keras:EfficientNetV2S",
)  # fmt: skip
SIDE, CLASSES, CALIBRATING, TILES, ROUNDS = 224, 8, 24, 8, 3
MAPS_OF_LITE0 = ("block_05", "block_11", "last")
LONGEST = 120
PAGE = Path(__file__).parents[1] / "docs/training.md"
START, END = "<!-- backbones: written by benchmarks/keras_backbones.py -->", "<!-- end of the backbones -->"


def main() -> None:
    """Measure each network in a process of its own, or be one of these."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(measured(arguments.names[0])))
        return
    lines = [
        "| `backbone` | `maps` | features | float16: MB, core-ms a tile | int8: MB, core-ms a tile |",
        "|---|---|---|---|---|",
    ]
    print("\n".join(lines))
    for name in arguments.names:
        ended = subprocess.run([sys.executable, __file__, name, "--child"], capture_output=True, text=True)
        said = (ended.stdout if ended.returncode == 0 else ended.stderr).strip().splitlines()
        lines.append(
            row(name, json.loads(said[-1])) if ended.returncode == 0 else f"| `{name}` | fails: {said[-1]} | | | |"
        )
        print(lines[-1], flush=True)
    if arguments.write:
        before, rest = PAGE.read_text().split(START)
        PAGE.write_text("\n".join([f"{before}{START}", *fitting(lines), f"{END}{rest.split(END)[1]}"]))


def row(name: str, found: dict) -> str:
    """Return what was found of a network as a row of the table."""
    maps = ", ".join(f"`{layer}`" for layer in found["maps"])
    float16, int8 = (
        f"{one['megabytes']:.1f}, {one['core_ms']:.1f}" if "core_ms" in one else f"fails: {one['fails']}"
        for one in (found["float16"], found["int8"])
    )
    return f"| `{name}` | {maps} | {found['features']:,} | {float16} | {int8} |"


def fitting(lines: list[str]) -> list[str]:
    """Return a table with its rows that are too long for a page below it, a cell a line."""
    names = [cell.strip() for cell in lines[0].strip("|").split("|")]
    fitting = [line for line in lines if len(line) <= LONGEST]
    for line in lines:
        if len(line) > LONGEST:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            fitting += ["", f"{cells[0]}:", ""]
            fitting += [f"- {name}: {cell}" for name, cell in zip(names[1:], cells[1:], strict=True)]
    return [*fitting, ""]


def measured(name: str) -> dict:
    """Build, export and run a network."""
    from gastropath.training.backbones import backbone
    from gastropath.training.export import export_graph, quantised_graph
    from gastropath.training.feature_network import feature_network, with_head

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        source = backbone(name, SIDE, weights=drawn_weights(name, Path(folder)))
    maps = MAPS_OF_LITE0 if name == LITE0 else chosen_maps(source.model)
    features = feature_network(source, maps)
    width = features.output_shape[-1]
    model = with_head(features, rng.normal(0, 0.1, (width, CLASSES)), np.zeros(CLASSES))
    tiles = drawn_tiles(CALIBRATING)
    found: dict = {"maps": maps, "features": width}
    for precision, convert in (
        ("float16", lambda: export_graph(model, "float16")),
        ("int8", lambda: quantised_graph(model, tiles)),
    ):
        try:
            graph = convert()
            found[precision] = {"megabytes": len(graph) / 1e6, "core_ms": core_ms(graph, tiles[:TILES])}
        except Exception as error:  # whatever the converter or LiteRT says of a network it cannot take
            found[precision] = {"fails": " ".join(str(error).split())[:80] or type(error).__name__}
    return found


def drawn_weights(name: str, folder: Path) -> str:
    """Write random weights of a network of Keras to a file; the one that comes along has its own."""
    if name == LITE0:
        return ""
    import keras

    build = getattr(keras.applications, name.removeprefix("keras:"))
    file = folder / "drawn.weights.h5"
    build(include_top=False, weights=None, input_tensor=keras.Input((SIDE, SIDE, 3))).save_weights(file)
    return str(file)


def chosen_maps(model) -> tuple[str, ...]:
    """Return the ends of the last blocks at an eighth and a sixteenth of the side, and the last map."""
    chosen = []
    for side in (SIDE // 8, SIDE // 16):
        found = [
            one for one in model.layers if len(shape := getattr(one.output, "shape", ())) == 4 and near(shape, side)
        ]
        ends = [one for one in found if type(one).__name__ in ("Add", "Concatenate")] or found
        chosen += [ends[-1].name] if ends else []
    return (*chosen, "last")


def near(shape: tuple, side: int) -> bool:
    """Whether a map has about this side: networks without padding lose a few rows."""
    return shape[1] == shape[2] and abs(shape[1] - side) <= max(1, side // 8)


def drawn_tiles(n: int) -> np.ndarray:
    """Draw synthetic tiles."""
    from gastropath.data.synthetic.tiles import draw_appearance, draw_tile

    rng, codes = np.random.default_rng(1), ("ADI", "DEB", "LYM", "MUC", "MUS", "NOR", "STR", "TUM")
    return np.stack([draw_tile(codes[i % 8], rng, appearance=draw_appearance(rng, shifted=False)) for i in range(n)])


def core_ms(graph: bytes, tiles: np.ndarray) -> float:
    """Return the milliseconds of all cores together that a tile takes, with an interpreter for each of two threads."""
    from gastropath.inference.graph import Interpreters

    interpreters, best = Interpreters(graph, workers=2), float("inf")
    with ThreadPoolExecutor(2) as pool:
        for _ in range(ROUNDS + 1):
            began = time.process_time()
            list(pool.map(interpreters.call, tiles[:, None]))
            best = min(best, time.process_time() - began)
    return 1000 * best / len(tiles)


if __name__ == "__main__":
    main()
