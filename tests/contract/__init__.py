"""The promises that every variant keeps."""
