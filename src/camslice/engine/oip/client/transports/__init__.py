"""Ways for pictures to get to a server: as they lie, as JPEG or as a tensor, in the request or in shared memory."""
