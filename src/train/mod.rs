//! One run: the loop, loss, optimizer, lr schedule, checkpoints.
