"""What a policy loses and saves against full frames, on clips, before it is switched on."""
