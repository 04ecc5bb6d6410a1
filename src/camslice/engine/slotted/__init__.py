"""One engine for the worker processes of a host: pictures and answers in shared memory, a few bytes per batch over a socket."""
