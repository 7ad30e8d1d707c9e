"""What a slide is read from: OpenSlide's formats, tiled TIFFs of JPEG, and plain pictures."""
