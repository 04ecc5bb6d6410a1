"""`camslice bench`: the same cameras, model and clocks in every topology, row by row."""
