"""What a result means in words: each finding is written here once, and shown by pages, cards, terminal and app."""
