"""How pods of a node share its accelerators: a seam. Today the NVIDIA device plugin; nothing outside names its resources."""
