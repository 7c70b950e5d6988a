"""A model repository on the disk, as TensorFlow Serving reads one; nothing here needs Keras."""
