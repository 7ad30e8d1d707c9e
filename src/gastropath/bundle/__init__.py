"""The model bundle, the only thing that passes from training to use."""
