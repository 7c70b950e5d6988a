"""Training loops written by hand in one framework each, by someone who had not seen ours."""
