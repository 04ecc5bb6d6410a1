"""What one pod of a fleet needs in a cluster, an object a module. All pure: values in, mappings out."""
