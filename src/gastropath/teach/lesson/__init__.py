"""Teaching a model on the page: labels, what is learned from them at once, and what that is worth."""
