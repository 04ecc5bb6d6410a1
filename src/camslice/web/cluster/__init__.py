"""The page and API of a cluster's fleet: many pods and the cluster's objects, seen as one running fleet."""
