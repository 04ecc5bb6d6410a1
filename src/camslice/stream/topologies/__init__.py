"""How pods share an accelerator: one file per topology, all behind `sharing.Sharing`."""
