"""Answers from a bundle, through LiteRT and without TensorFlow."""
