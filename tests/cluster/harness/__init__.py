"""A throw-away Kubernetes on this machine, of the real programs that tools/kube-tools builds."""
