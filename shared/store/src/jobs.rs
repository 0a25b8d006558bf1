//! Jobs: rows of long work, leased to one runner, resumable in slices. Written by the runtime.
