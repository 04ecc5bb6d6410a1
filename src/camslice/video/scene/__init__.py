"""Drawn scenes whose truth is known exactly: for tests, for accuracy without labelled video, for demonstrations."""
