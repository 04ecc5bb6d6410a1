"""The operator: keeps what a CameraFleet asks for. What it does is decided by pure functions of what it has seen."""
