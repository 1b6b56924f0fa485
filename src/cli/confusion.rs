//! Tables of which pixels are taken for what, for a terminal.

use super::summary::thousands;
use comfy_table::{CellAlignment, Table, TableComponent, presets};
use umlaut::metric::{ConfusionMatrix, ThresholdPoint};

/// Two rows for each class: its foreground and its background, by what they are predicted to be, in pixels and shares of the truth.
pub fn of_classes(classes: &[String], points: &[ThresholdPoint]) -> Table {
    let mut table = empty();
    table.set_header(["", "truth", "predicted foreground", "predicted background"]);
    for (class, point) in classes.iter().zip(points) {
        let [tp, fp, fn_, tn] = point.counts;
        table.add_row([class.clone(), "foreground".into(), share(tp, tp + fn_), share(fn_, tp + fn_)]);
        table.add_row([String::new(), "background".into(), share(fp, fp + tn), share(tn, fp + tn)]);
    }
    table.column_iter_mut().skip(2).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// A row for each class that a pixel is of and a column for each that it is predicted to be, background first.
pub fn of_all(classes: &[String], matrix: &ConfusionMatrix) -> Table {
    let mut table = empty();
    let names: Vec<&str> = std::iter::once("background").chain(classes.iter().map(String::as_str)).collect();
    table.set_header(std::iter::once("truth").chain(names.iter().copied()));
    for (truth, name) in names.iter().enumerate() {
        let counts: Vec<u64> = (0..names.len()).map(|predicted| matrix.count(truth, predicted)).collect();
        let all = counts.iter().sum();
        table.add_row(std::iter::once((*name).to_owned()).chain(counts.into_iter().map(|count| share(count, all))));
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn empty() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    for between_rows in [TableComponent::HorizontalLines, TableComponent::MiddleIntersections] {
        table.remove_style(between_rows);
    }
    table
}

/// `1 234 (56.7 %)`; of no pixels at all a count alone.
fn share(count: u64, all: u64) -> String {
    let part = if all == 0 { String::new() } else { format!(" ({:.1} %)", 100.0 * count as f64 / all as f64) };
    thousands(count) + &part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_truth() {
        let point =
            ThresholdPoint { threshold: 0.5, dice: 0.5, iou: 0.5, precision: 0.5, recall: 0.75, counts: [3000, 10, 1000, 0] };
        let text = of_classes(&["disc".to_owned()], &[point]).to_string();
        for cell in ["3 000 (75.0 %)", "1 000 (25.0 %)", "10 (100.0 %)", " 0 (0.0 %)"] {
            assert!(text.contains(cell), "{cell}: {text}");
        }
        assert_eq!(share(0, 0), "0");
    }
}
