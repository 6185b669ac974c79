"""A second reader of docs/spec.md: codecs and the judge, written from the text alone."""
