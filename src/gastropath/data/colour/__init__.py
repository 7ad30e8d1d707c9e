"""What colour alone tells about the class."""
