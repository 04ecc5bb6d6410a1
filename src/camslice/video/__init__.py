"""Frames in: sources, decoding, pacing."""
