"""The Open Inference Protocol v2 (KServe, Triton): our server, and our client for any server that speaks it."""
