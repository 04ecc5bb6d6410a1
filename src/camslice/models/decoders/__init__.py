"""What a detector's output tensors mean, one file per family. Nothing heavy is imported: this runs in analysis processes."""
