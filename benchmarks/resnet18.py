"""ResNet-18 in torch over the tiles of a slide, as one writes it down: an alternative that `slides.py` formulas.

    python resnet18.py map SLIDE.tiff OUT.csv        a row a tile, tiles of 224 px at level 0
    python resnet18.py script MODEL.pt               the network as TorchScript, for WSInfer

Runs in the environment of WSInfer (`wsinfer_environment.sh`), never in ours. Weights are random: the time of a network
does not depend on them. Tiles are read in as many processes as there are cores, as `DataLoader` does it. The network
runs in float32, channels last, in ``inference_mode``, on every core.
"""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import openslide
import torch  # pyright: ignore[reportMissingImports]
from torchvision import models, transforms  # pyright: ignore[reportMissingImports]

TILE_PX, BATCH, CLASSES = 224, 32, 8
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as its weights expect


class SlideTiles(torch.utils.data.Dataset):
    """Tiles of a slide, side by side, without the mask; each opened slide belongs to one process."""

    def __init__(self, path: Path) -> None:
        with openslide.OpenSlide(str(path)) as slide:
            columns, rows = (-(-side // TILE_PX) for side in slide.dimensions)
        self.path = path
        self.corners = [(column * TILE_PX, row * TILE_PX) for row in range(rows) for column in range(columns)]
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)])
        self.slide: openslide.OpenSlide | None = None

    def __len__(self) -> int:
        return len(self.corners)

    def __getitem__(self, number: int):
        self.slide = self.slide or openslide.OpenSlide(str(self.path))
        return self.transform(self.slide.read_region(self.corners[number], 0, (TILE_PX, TILE_PX)).convert("RGB"))


def network():
    """Return ResNet-18 with a head for as many classes as ours has."""
    torch.manual_seed(0)
    return models.resnet18(num_classes=CLASSES).eval()


def map_slide(path: Path, out: Path) -> None:
    """Write the probabilities of every tile."""
    tiles = SlideTiles(path)
    loader = torch.utils.data.DataLoader(tiles, batch_size=BATCH, num_workers=len(os.sched_getaffinity(0)))
    model = network().to(memory_format=torch.channels_last)
    with torch.inference_mode(), out.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["x_px", "y_px", *(f"prob_{number}" for number in range(CLASSES))])
        first = 0
        print("classifying", flush=True)
        for batch in loader:
            answers = model(batch.contiguous(memory_format=torch.channels_last)).softmax(dim=1).tolist()
            table.writerows((*tiles.corners[first + i], *answer) for i, answer in enumerate(answers))
            first += len(answers)
    print("done", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "script":
        torch.jit.script(network()).save(sys.argv[2])
    else:
        map_slide(Path(sys.argv[2]), Path(sys.argv[3]))
