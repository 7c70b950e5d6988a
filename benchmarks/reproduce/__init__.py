"""Published figures of variational autoencoders, with keras_ae; `report` writes the page."""
