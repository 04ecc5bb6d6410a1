"""A server's worst clients: what they send is made from a seed and a number, so every attack can be made again."""
