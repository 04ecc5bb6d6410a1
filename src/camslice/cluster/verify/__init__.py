"""Live latency and dollars against a plan, with causes that are worked out."""
