"""The page that `camslice bench --report` writes: self-contained, with plots drawn here and the raw figures embedded."""
