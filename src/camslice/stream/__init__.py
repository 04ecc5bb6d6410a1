"""One frame's way from camera to result: mailboxes, scheduler, stage clock, ledger, processes."""
