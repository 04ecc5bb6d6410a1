"""What the user declares, and the pure rules that every other room obeys.

Nothing here does I/O except `fleet.spec`, the border at which a YAML file becomes frozen values.
"""
