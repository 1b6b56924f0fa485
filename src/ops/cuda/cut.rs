//! How work over the rows of a map is cut into blocks of threads, by shapes alone.

use super::CHANNELS;
use super::driver::{Grid, THREADS};

/// How sums over rows of so many channels are cut: threads side by side, blocks over the rows, blocks over the channels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub lanes: usize,
    pub blocks: usize,
    pub across: usize,
}

/// Blocks that an H100 or H200 works on at a time: three on each of 132 multiprocessors. Other GPUs get as many, so that all add in the same
/// order.
const AT_A_TIME: usize = 3 * 132;
/// The least rows that a thread adds up.
const ADDED: usize = 4;
/// Rows that a thread changes, where there are enough to keep the device busy.
const CHANGED: usize = 8;

impl Cut {
    /// For sums: blocks that run all at a time. Depends on the shape of a sample alone.
    pub fn of(rows: usize, channels: usize) -> Self {
        let cut = Self::with(channels);
        Self { blocks: rows.div_ceil(ADDED * cut.beside()).clamp(1, (AT_A_TIME / cut.across).max(1)), ..cut }
    }

    /// For rows that are changed one by one.
    pub fn rowwise(rows: usize, channels: usize, samples: usize) -> Self {
        let cut = Self::with(channels);
        let most = rows.div_ceil(cut.beside()).max(1);
        let least = (2 * AT_A_TIME).div_ceil(cut.across * samples.max(1));
        Self { blocks: most.div_ceil(CHANGED).max(least).min(most), ..cut }
    }

    fn with(channels: usize) -> Self {
        let vectors = channels / CHANNELS;
        let lanes = vectors.next_power_of_two().min(32);
        Self { lanes, blocks: 1, across: vectors.div_ceil(lanes) }
    }

    /// Rows of a block that are worked on at a time.
    fn beside(self) -> usize {
        THREADS as usize / self.lanes
    }

    pub fn grid(self, samples: usize) -> Grid {
        let blocks = [self.blocks, self.across, samples].map(|n| u32::try_from(n).expect("blocks are few"));
        Grid { blocks, threads: THREADS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_cut_into_blocks_that_run_at_a_time() {
        // Maps of the reference network at batch 16: all 396 places are taken, or nearly so.
        let shapes = [(224, 64), (112, 128), (56, 256), (28, 512), (14, 1024)];
        let total = shapes.map(|(side, channels)| {
            let cut = Cut::of(16 * side * side, channels);
            cut.blocks * cut.across
        });
        assert_eq!(total, [396, 396, 396, 396, 392]);
        assert_eq!((Cut::of(1, 8).blocks, Cut::of(0, 8).blocks), (1, 1));
    }

    #[test]
    fn rows_are_shared_out_so_that_all_are_reached() {
        for (rows, channels, samples) in [(1, 8, 1), (802_816, 64, 1), (3136, 1024, 1), (50_176, 24, 16), (7, 8192, 3)] {
            let cut = Cut::rowwise(rows, channels, samples);
            assert!(cut.blocks >= 1 && cut.blocks * cut.beside() < rows + cut.beside(), "no block is idle: {cut:?}");
            assert!(cut.across * cut.lanes * CHANNELS >= channels, "{cut:?}");
        }
    }
}
