"""The outputs of a slide, fed block by block, once: to files of a folder, or in memory."""
