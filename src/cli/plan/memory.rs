//! Runs that need more memory than their device has, by the estimate of what training keeps.

use super::super::names::Names;
use super::super::summary::bytes;
use super::super::text::counted;
use super::row::Row;
use umlaut::machine;
use umlaut::schedule::Slot;

/// Runs that are named one by one; of more only so many.
const NAMED: usize = 3;

/// A device, and the memory that runs may take there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    device: String,
    gpu: bool,
    bytes: u64,
    /// Runs at a time.
    slots: usize,
}

/// The memory of every device that runs go to, as far as it is known: of GPUs all, of this machine what is available.
pub fn rooms(slots: &[Slot]) -> Vec<Room> {
    let mut names: Vec<&str> = slots.iter().map(|slot| slot.device.as_str()).collect();
    names.dedup();
    let gpus = if names.iter().any(|name| *name != "cpu") { machine::gpus().unwrap_or_default() } else { Vec::new() };
    let of_gpu = |name: &str| {
        let number = umlaut::devices::number(name)?;
        Some(gpus.iter().find(|gpu| gpu.index == number)?.memory?.total)
    };
    let room = |name: &str| {
        let slots = slots.iter().filter(|slot| slot.device == name).count();
        let gpu = name != "cpu";
        let bytes = if gpu { of_gpu(name) } else { machine::available_memory() }?;
        Some(Room { device: name.to_owned(), gpu, bytes, slots })
    };
    names.into_iter().filter_map(room).collect()
}

/// A line for each device that some run has no room on, or some runs at a time.
pub fn warnings(names: &Names, rows: &[Row<'_>], rooms: &[Room]) -> Vec<String> {
    let needs = |row: &Row<'_>| Some(row.load.as_ref()?.cost.memory.total());
    let mut to_run: Vec<(u64, String)> =
        rows.iter().filter(|row| row.epochs.left > 0).filter_map(|row| Some((needs(row)?, names.title(row.run)))).collect();
    to_run.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    rooms.iter().filter_map(|room| warning(&to_run, room)).collect()
}

/// The runs come with what they need, the largest first.
fn warning(runs: &[(u64, String)], room: &Room) -> Option<String> {
    let Room { device, gpu, bytes: has, slots } = room;
    let has_words = format!("{} {}", bytes(*has), if *gpu { "in all" } else { "available" });
    let large = runs.iter().filter(|(needs, _)| needs > has).count();
    if large > 0 {
        let named: Vec<String> =
            runs[..large.min(NAMED)].iter().map(|(needs, title)| format!("{title} ({})", bytes(*needs))).collect();
        let more = if large > NAMED { format!("; and {} more", large - NAMED) } else { String::new() };
        let remedy = match gpu {
            true => "such batches are split into micro-batches there, which takes longer",
            false => {
                "choose a smaller training.batch_size, with training.accumulate for the same number of images a step, or smaller images"
            }
        };
        let runs = format!("{} {}", counted(large, "run"), if large == 1 { "needs" } else { "need" });
        return Some(format!(
            "warning: {runs} more memory than {device} has ({has_words}): {}{more}; {remedy}",
            named.join("; ")
        ));
    }
    let together: u64 = runs.iter().take(*slots).map(|(needs, _)| needs).sum();
    (!gpu && together > *has).then(|| {
        let (count, needs) = (runs.len().min(*slots), bytes(together));
        format!("warning: the {count} largest runs at a time need more memory than {device} has ({has_words}): {needs}; choose fewer --jobs")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(sizes: &[u64]) -> Vec<(u64, String)> {
        sizes.iter().map(|size| (*size * 1_000_000, format!("size {size}"))).collect()
    }

    fn room(device: &str, bytes: u64, slots: usize) -> Room {
        Room { device: device.into(), gpu: device != "cpu", bytes: bytes * 1_000_000, slots }
    }

    #[test]
    fn what_is_too_large_alone_is_named() {
        let said = warning(&runs(&[90, 80, 50]), &room("cpu", 60, 1)).expect("too large");
        let named = "2 runs need more memory than cpu has (60 MB available): size 90 (90 MB); size 80 (80 MB); choose";
        assert!(said.contains(named), "{said}");
        let said = warning(&runs(&[90, 80, 70, 65]), &room("cuda:1", 60, 4)).expect("too large");
        assert!(said.contains("cuda:1 has (60 MB in all)") && said.contains("; and 1 more; such batches are split"), "{said}");
    }

    #[test]
    fn what_is_too_large_together_is_said_of_the_processor_alone() {
        assert_eq!(warning(&runs(&[50, 40]), &room("cpu", 60, 1)), None);
        let said = warning(&runs(&[50, 40, 1]), &room("cpu", 60, 2)).expect("too large");
        assert!(said.contains("the 2 largest runs at a time need") && said.contains("90 MB; choose fewer --jobs"), "{said}");
        assert_eq!(warning(&runs(&[50, 40]), &room("cuda:0", 60, 2)), None, "a schedule sees what is free there");
    }
}
