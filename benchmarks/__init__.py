"""How fast keras_ae trains and scores, beside stock Keras and loops written by hand."""
