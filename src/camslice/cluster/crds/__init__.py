"""The two kinds of objects that camslice adds to a cluster, made from the very classes that validate fleet.yaml."""
