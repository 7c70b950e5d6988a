"""Random input to what reads files and requests: refused in words, never a crash."""
