"""Kubernetes: what a plan asks of a cluster, the operator that keeps it running, and the comparison of both."""
