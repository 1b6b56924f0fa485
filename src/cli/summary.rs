//! `umlaut summary FILE`: what the model of an experiment is made of and what it costs.

use super::failure::Failure;
use super::options::{Sets, load};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};
use std::path::PathBuf;
use umlaut::config::Experiment;
use umlaut::data;
use umlaut::plan::{Cost, Input, Layer};

#[derive(clap::Args)]
pub struct Arguments {
    /// The experiment, a TOML file
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let experiment = load(&arguments.file, &arguments.sets)?;
    let (channels, classes) = match data::describe(&experiment.dataset) {
        Ok(data) => (data.channels, data.classes.len()),
        Err(error) => {
            let (channels, classes) = (experiment.dataset.channels(), experiment.dataset.classes().len());
            eprintln!("note: the data cannot be read, so the channels are taken to be {channels}: {error}");
            (channels, classes)
        }
    };
    print!("{}", text(&experiment, channels, classes));
    Ok(())
}

/// Words that keep a row within 80 columns.
const SHORTER: [(&str, &str); 3] = [("nearest ×2", "up ×2"), ("batch norm", "BN"), ("group norm", "GN")];

/// Layers, shapes, parameters and operations as a table of at most 80 columns, with totals below it.
fn text(experiment: &Experiment, channels: usize, classes: usize) -> String {
    let input = Input { in_channels: channels, classes, size: experiment.input_size(), batch: experiment.training.batch_size };
    let cost = Cost::of(&experiment.model, input);
    let [h, w] = input.size;
    let title = format!("{}: {channels}×{h}×{w} in, {classes}×{h}×{w} out", experiment.name);
    format!("{title}\n\n{}\n\n{}{}", table(&cost.layers), totals(&cost, input), swept(experiment))
}

/// Says that the table shows one of several models.
fn swept(experiment: &Experiment) -> String {
    let keys: Vec<&str> = experiment.sweep.keys().into_iter().filter(|key| key.starts_with("model.")).collect();
    match keys[..] {
        [] => String::new(),
        _ => format!("\nThe sweep varies {}; this is the file's own. For another: --set KEY=VALUE\n", keys.join(", ")),
    }
}

fn table(layers: &[Layer]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─').set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["layer", "operation", "output", "parameters", "GFLOP"]);
    for layer in layers {
        let [c, h, w] = layer.shape;
        let output = format!("{c}×{h}×{w}");
        let kind = SHORTER.iter().fold(layer.kind.clone(), |kind, (long, short)| kind.replace(long, short));
        table.add_row([layer.name.clone(), kind, output, or_dash(layer.parameters, thousands), or_dash(layer.flops, giga)]);
    }
    for column in 2..5 {
        table.column_mut(column).expect("five columns").set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn totals(cost: &Cost, input: Input) -> String {
    let m = cost.memory;
    let step = cost.flops().saturating_mul(3 * input.batch as u64);
    [
        format!("parameters       {}", thousands(cost.parameters())),
        format!("forward          {} GFLOP an image", giga(cost.flops())),
        format!("training step    {} GFLOP at batch size {}, backward counted as twice forward", giga(step), input.batch),
        format!("training memory  {} at batch size {}, estimated:", bytes(m.total()), input.batch),
        format!("{:>26}  parameters, gradients, optimizer moments", bytes(m.parameters)),
        format!("{:>26}  activations kept for the backward pass", bytes(m.activations)),
        format!("{:>26}  gradients on their way", bytes(m.passing)),
    ]
    .map(|line| line + "\n")
    .concat()
}

fn or_dash(number: u64, text: impl Fn(u64) -> String) -> String {
    if number == 0 { "–".to_owned() } else { text(number) }
}

/// `34 527 106`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|g| str::from_utf8(g).expect("digits")).collect();
    groups.join(" ")
}

/// Billions with three significant digits.
pub fn giga(number: u64) -> String {
    let giga = number as f64 / 1e9;
    let decimals = if giga < 10.0 { 3 - usize::from(giga >= 1.0) } else { usize::from(giga < 100.0) };
    format!("{giga:.decimals$}")
}

/// `120 MB`, `2.35 GB`.
pub fn bytes(number: u64) -> String {
    let mega = number as f64 / 1e6;
    if mega < 1000.0 { format!("{mega:.0} MB") } else { format!("{:.2} GB", mega / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> String {
        let experiment: Experiment = toml::from_str("name = 'baseline'").expect("valid");
        text(&experiment, 3, 2)
    }

    #[test]
    fn the_reference_fits_80_columns_and_says_its_totals() {
        let text = reference();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("parameters       34 527 106\n"), "{text}");
        assert!(text.contains("1024×14×14"), "{text}");
    }

    #[test]
    fn a_swept_model_is_mentioned() {
        let toml = "name = 'a'\n[sweep.grid]\n'model.unet.channels' = [[4, 8], [8, 16]]\n'optimizer.adam.lr' = [1e-3]";
        let experiment: Experiment = toml::from_str(toml).expect("valid");
        assert!(text(&experiment, 1, 1).contains("The sweep varies model.unet.channels; this is the file's own."));
    }

    #[test]
    fn numbers_are_written_for_readers() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!([12_345_678, 1_234_567_890, 12_345_678_900, 123_456_789_000].map(giga), ["0.012", "1.23", "12.3", "123"]);
        assert_eq!([1_500_000, 2_345_000_000].map(bytes), ["2 MB", "2.35 GB"]);
    }
}
