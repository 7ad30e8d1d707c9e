"""The folder that is pushed to Hugging Face Spaces."""
