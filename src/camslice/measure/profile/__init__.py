"""What one stream costs on this machine, and how many it carries: measurements, and the statistics that they are worth."""
