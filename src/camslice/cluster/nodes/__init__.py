"""What buys the nodes of a plan: Karpenter's node pools, their classes, and overlays that tell it of shares."""
