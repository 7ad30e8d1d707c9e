#!/usr/bin/env bash
# Makes the environment in which slides.py measures WSInfer 0.6.1 and ResNet-18, beside torch for the CPU; never ours.
#
#     benchmarks/wsinfer_environment.sh FOLDER        then: python benchmarks/slides.py --wsinfer FOLDER/bin/python
set -euo pipefail
folder=${1:?"expected the folder of the new environment, outside the checkout"}
python3 -m venv "$folder"
# Newer zarr and tiffslide do not go with WSInfer 0.6.1. WSInfer reads by OpenSlide where that is installed, as we do.
"$folder/bin/pip" install "wsinfer==0.6.1" "torch==2.13.0" "torchvision==0.28.0" "zarr<3" "tiffslide<3" \
  openslide-python openslide-bin
# A torchvision built for CUDA cannot load its operators beside torch for the CPU, and then fails at import where it
# describes two of them. Nothing here uses them, so they are described only where they were loaded.
packages=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
described='torch\.library\.register_fake\("torchvision::q?nms"\)'
sed -i -E "s/^@($described)$/@(\1 if torchvision.extension._has_ops() else lambda described: described)/" \
  "$packages/torchvision/_meta_registrations.py"
"$folder/bin/python" -c "import torch, torchvision; print('torch', torch.__version__, 'torchvision', torchvision.__version__)"
