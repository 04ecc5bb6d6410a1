"""What a node can carry of which streams: limits first, then estimates."""
