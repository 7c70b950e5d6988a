"""`python -m keras_ae.cli` is `keras-ae`."""

from keras_ae.cli.main import main

main()
