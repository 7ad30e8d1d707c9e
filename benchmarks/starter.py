"""Which recipe makes the best starter model? Gastric sources left out one at a time, and the old starter beside the new.

    python benchmarks/starter.py ../shared/data/tiles.csv ../shared/data/more.csv --out benchmarks/starter.md

Written down before any was run. The recipes, the simplest first; each is a linear head on frozen features of
EfficientNet-Lite0 at three depths, its strength chosen inside the training tiles as recipe ``transfer`` does:

1. as the old starter: eight views, every class weighs the same
2. as 1, and every source (a notebook with gastric tiles, a colorectal set) weighs the same, a tile at most three times
   the mean
3. as 1, and a colorectal tile weighs a third of a gastric one
4. as 1, and eight more views resampled to 0.7 to 1.0 of their side, as most gastric tiles were by plotting
5. as 4, and eight more views with haematoxylin and eosin changed by up to a fifth (Tellez et al. 2018)
6. as 5 and 3, without training tiles whose label is improbable (below 0.1) to heads that were fitted without their fold

What decides is macro-F1 on gastric tiles, each gastric source judged by a model that has not seen it. The rule: ship the
simplest whose macro-F1 is within one standard error (of the best, tiles resampled) of the best.

Beside it: five grouped folds of all tiles; answers and how many of them are right, where each model abstains by what it
saw of sources left out inside its training tiles; the learning curve over gastric tiles; and the old starter, its recipe
on the old tiles without the judged source and calibrated as it was, on the same tiles as the new.
"""
