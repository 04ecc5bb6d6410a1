"""What a cloud lets an account rent: its quotas, and the zones in which it offers a type."""
