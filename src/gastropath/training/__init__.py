"""From tiles to a trained model: the only room that imports TensorFlow."""
