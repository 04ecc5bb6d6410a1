"""How much a server takes on before it refuses; every number is a bound on its memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a server. Times in s, sizes in bytes or pixels."""

    waiting_pictures: int = 128
    """Pictures of one model and one kind of input that may wait for the engine."""
    held_bytes: int = 512 << 20
    """Bytes of all requests of one model and one kind of input that are not answered yet, raw answers included."""
    pictures_per_request: int = 64
    picture_side: int = 8192
    picture_pixels: int = 16_000_000
    """8-megapixel cameras (3840 x 2160) fit with room to spare; decoded, such a picture takes 48 MB."""
    encoded_bytes: int = 64 << 20
    """Bytes of all the JPEG pictures of a request."""
    regions: int = 256
    region_bytes: int = 4 << 30
    """Bytes of all regions of shared memory together."""
    unhurried_s: float = 1.0
    """A request without a deadline takes its turn as if it had so long; it is never refused as late."""
    patience_s: float = 30.0
    """How long a model that is unloaded goes on with the requests it has taken."""
