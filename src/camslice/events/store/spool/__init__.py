"""A bounded, ordered log of batches on disk between a pod and its database.

Everything that a pod writes goes through it: `front` puts batches in, `carrier` takes them out, in order, and writes them to
the tables. While the database is away they wait here, through the death of the pod too, and no memory grows.
"""
