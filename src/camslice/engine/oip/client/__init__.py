"""Our client of the Open Inference Protocol: an engine whose device is a server, ours or anybody's."""
