"""The command line: one tool, `keras-ae`, whose options follow the variants' signatures."""
