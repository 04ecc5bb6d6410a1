"""Regions of many cameras on one canvas: which regions, where they lie, and whose detections those on it are."""
