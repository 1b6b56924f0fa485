//! What a model costs before it is built: parameters, floating-point operations, memory of training.
//!
//! Numbers beyond 64 bits, which no machine computes, stay at the largest.
//!
//! Pure arithmetic over [`config::Model`]; [`Cost::of`] is the entry. Nothing is known here of tensors, so that a plan can be
//! judged without making one.

use crate::config::{self, Activation, Blocks, Norm, Up};

/// Bytes of a number (f32).
const FLOAT: u64 = 4;
/// Copies of a parameter while training: value, gradient and Adam's two moments.
const COPIES: u64 = 4;
/// Largest feature maps alive beside the kept ones while gradients flow: one coming in, one going out, a skip's waiting.
const PASSING: u64 = 3;

/// What goes through the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Channels of an image.
    pub in_channels: usize,
    /// Channels of the output.
    pub classes: usize,
    /// Height and width in pixels.
    pub size: [usize; 2],
    /// Images a batch.
    pub batch: usize,
}

/// One step of the forward pass with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name, that of its convolution's tensors where it has one: `encoder.0.3`.
    pub name: String,
    /// What it does: `conv 3×3, batch norm, ReLU`.
    pub kind: String,
    /// Channels, height and width of its output.
    pub shape: [usize; 3],
    /// Trained numbers.
    pub parameters: u64,
    /// Floating-point operations of convolutions for one image, forward: two for each multiply-add. Backward takes about twice as
    /// many; everything that is no convolution is below a hundredth of the whole and not counted.
    pub flops: u64,
}

/// Bytes that training takes, without the program itself and the data set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Parameters, their gradients and two moments of the optimizer.
    pub parameters: u64,
    /// What the forward pass of a batch keeps for the backward one.
    pub activations: u64,
    /// Gradients on their way, at the most.
    pub passing: u64,
}

impl Memory {
    /// All together. The peak of a process, measured in four cases without moments, was 0.85 to 1.09 times this.
    pub fn total(&self) -> u64 {
        sum([self.parameters, self.activations, self.passing])
    }
}

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// In the order of the forward pass.
    pub layers: Vec<Layer>,
    /// For one batch of training.
    pub memory: Memory,
}

impl Cost {
    /// Counts without building. Sides that no number of halvings divides are rounded down, as pooling does.
    pub fn of(model: &config::Model, input: Input) -> Self {
        let count = Count::new(model.blocks(), input);
        match model {
            config::Model::Unet(net) => count.unet(&net.channels, net.up, false),
            config::Model::AttentionUnet(net) => count.unet(&net.channels, net.up, true),
            config::Model::UnetPlusPlus(net) => count.unet_plus_plus(&net.channels, net.deep_supervision),
        }
    }

    /// Trained numbers in all.
    pub fn parameters(&self) -> u64 {
        sum(self.layers.iter().map(|layer| layer.parameters))
    }

    /// Floating-point operations of one image, forward.
    pub fn flops(&self) -> u64 {
        sum(self.layers.iter().map(|layer| layer.flops))
    }
}

fn sum(numbers: impl IntoIterator<Item = u64>) -> u64 {
    numbers.into_iter().fold(0, u64::saturating_add)
}

/// Walks the forward pass and adds up.
struct Count {
    blocks: Blocks,
    input: Input,
    layers: Vec<Layer>,
    /// Bytes that operations keep of one image.
    kept: u64,
}

impl Count {
    fn new(blocks: Blocks, input: Input) -> Self {
        Self { blocks, input, layers: Vec::new(), kept: 0 }
    }

    fn unet(mut self, widths: &[usize], up: Up, gated: bool) -> Cost {
        let depth = widths.len().saturating_sub(1);
        let mut channels = self.input.in_channels;
        self.keep(channels, 0);
        for (level, width) in widths.iter().enumerate() {
            self.pool(level, channels);
            self.block(&format!("encoder.{level}"), level, channels, *width);
            channels = *width;
        }
        for level in (0..depth).rev() {
            self.up(up, level, widths[level + 1], widths[level]);
            if gated {
                self.gate(level, widths[level]);
            }
            self.keep(2 * widths[level], level);
            self.block(&format!("decoder.{level}"), level, 2 * widths[level], widths[level]);
        }
        self.head(widths.first().copied().unwrap_or(0))
    }

    fn unet_plus_plus(mut self, widths: &[usize], deep: bool) -> Cost {
        let depth = widths.len().saturating_sub(1);
        let mut channels = self.input.in_channels;
        self.keep(channels, 0);
        for (level, width) in widths.iter().enumerate() {
            self.pool(level, channels);
            self.block(&format!("block.{level}.0"), level, channels, *width);
            channels = *width;
        }
        for (column, level) in (1..=depth).flat_map(|column| (0..=depth - column).map(move |level| (column, level))) {
            let below = widths[level + 1];
            self.layer(format!("up.{level}.{column}"), "bilinear ×2".into(), below, level, 0, 0);
            self.keep(below, level);
            self.keep_output(widths[level], level);
            self.block(&format!("block.{level}.{column}"), level, column * widths[level] + below, widths[level]);
        }
        for column in 0..if deep { depth.saturating_sub(1) } else { 0 } {
            self.convolution(format!("side.{column}"), "conv 1×1".into(), [widths[0], self.input.classes], 1, 0, 0);
            self.keep(2 * self.input.classes, 0);
        }
        self.head(widths.first().copied().unwrap_or(0))
    }

    /// The way down to a level.
    fn pool(&mut self, level: usize, channels: usize) {
        if level > 0 {
            self.layer(format!("pool.{}", level - 1), "max pool 2×2".into(), channels, level, 0, 0);
            // A byte for each output says where the largest was; the output is the convolution's input.
            self.kept += self.pixels(level) * channels as u64;
            self.keep(channels, level);
        }
    }

    /// An attention gate on a skip of so many channels.
    fn gate(&mut self, level: usize, channels: usize) {
        let inside = (channels / 2).max(1);
        for (part, inputs, outputs) in [("signal", channels, inside), ("skip", channels, inside), ("psi", inside, 1)] {
            let (norm, trained) = self.norm(outputs);
            let kind = format!("conv 1×1{norm}");
            self.convolution(format!("gate.{level}.{part}.0"), kind, [inputs, outputs], 1, level, trained);
            // The norm's input; for ψ also the ReLU's and its own.
            self.keep(if part == "psi" { 2 * inside } else { outputs }, level);
        }
    }

    fn head(mut self, inputs: usize) -> Cost {
        let classes = self.input.classes;
        self.keep_output(inputs, 0);
        self.convolution("head".into(), "conv 1×1".into(), [inputs, classes], 1, 0, 0);
        // Logits and targets for each of the two loss terms.
        self.keep(2 * classes, 0);
        let largest = self.layers.iter().map(|layer| layer.shape.iter().product::<usize>()).max().unwrap_or(0);
        let (batch, parameters) = (self.input.batch as u64, sum(self.layers.iter().map(|l| l.parameters)));
        let memory = Memory {
            parameters: parameters.saturating_mul(COPIES * FLOAT),
            activations: self.kept.saturating_mul(batch),
            passing: (PASSING * FLOAT * largest as u64).saturating_mul(batch),
        };
        Cost { layers: self.layers, memory }
    }

    fn block(&mut self, name: &str, level: usize, inputs: usize, outputs: usize) {
        self.unit(format!("{name}.0"), "conv 3×3", inputs, outputs, level);
        self.keep_output(outputs, level);
        self.unit(format!("{name}.3"), "conv 3×3", outputs, outputs, level);
        if self.blocks.residual {
            let (norm, trained) = self.norm(outputs);
            self.convolution(format!("{name}.shortcut.0"), format!("conv 1×1{norm}"), [inputs, outputs], 1, level, trained);
            // The norm's input and the activation's.
            self.keep(2 * outputs, level);
        }
    }

    fn up(&mut self, up: Up, level: usize, inputs: usize, outputs: usize) {
        match up {
            Up::NearestConv => {
                self.keep(inputs, level);
                self.unit(format!("up.{level}.1"), "nearest ×2, conv 3×3", inputs, outputs, level);
            }
            Up::Transposed => {
                self.keep_output(inputs, level + 1);
                // Of the four positions of the kernel each output pixel meets one.
                let flops = (2 * self.pixels(level)).saturating_mul((inputs * outputs) as u64);
                let parameters = (4 * inputs * outputs + outputs) as u64;
                self.layer(format!("up.{level}"), "transposed conv 2×2".into(), outputs, level, parameters, flops);
            }
        }
    }

    /// Convolution 3×3, normalisation, activation; keeps what the last two need.
    fn unit(&mut self, name: String, conv: &str, inputs: usize, outputs: usize, level: usize) {
        let (norm, trained) = self.norm(outputs);
        let activation = match self.blocks.activation {
            Activation::Relu => "ReLU",
            Activation::LeakyRelu => "leaky ReLU",
            Activation::Elu => "ELU",
            Activation::Silu => "SiLU",
        };
        self.convolution(name, format!("{conv}{norm}, {activation}"), [inputs, outputs], 9, level, trained);
        // A norm keeps its input; the activation its own, but for a ReLU fused with batch norm, which works it out again.
        let fused = self.blocks.norm == Norm::Batch && self.blocks.activation == Activation::Relu;
        let alone = fused || self.blocks.norm == Norm::None;
        (0..if alone { 1 } else { 2 }).for_each(|_| self.keep(outputs, level));
    }

    /// What a normalisation is called after a comma, and the numbers of so many channels that it trains.
    fn norm(&self, channels: usize) -> (&'static str, u64) {
        let trained = 2 * channels as u64;
        match self.blocks.norm {
            Norm::Batch => (", batch norm", trained),
            Norm::Group => (", group norm", trained),
            Norm::Instance => (", instance norm", trained),
            Norm::None => ("", 0),
        }
    }

    fn convolution(&mut self, name: String, kind: String, [i, o]: [usize; 2], taps: usize, level: usize, more: u64) {
        let weights = (i * o * taps) as u64;
        let flops = (2 * self.pixels(level)).saturating_mul(weights);
        self.layer(name, kind, o, level, weights + o as u64 + more, flops);
    }

    fn layer(&mut self, name: String, kind: String, channels: usize, level: usize, parameters: u64, flops: u64) {
        let [h, w] = self.input.size.map(|side| side >> level);
        self.layers.push(Layer { name, kind, shape: [channels, h, w], parameters, flops });
    }

    /// A map that an operation keeps.
    fn keep(&mut self, channels: usize, level: usize) {
        self.kept = self.kept.saturating_add((channels as u64 * FLOAT).saturating_mul(self.pixels(level)));
    }

    /// A unit's output that the next convolution keeps; where the unit's own ReLU keeps it too, it has been counted.
    fn keep_output(&mut self, channels: usize, level: usize) {
        if self.blocks.norm == Norm::Batch {
            self.keep(channels, level);
        }
    }

    fn pixels(&self, level: usize) -> u64 {
        self.input.size.iter().map(|side| (side >> level) as u64).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Model, Unet, UnetPlusPlus};

    fn reference(batch: usize) -> Cost {
        Cost::of(&Model::default(), Input { in_channels: 3, classes: 2, size: [224, 224], batch })
    }

    #[test]
    fn the_reference_has_34_527_106_parameters_and_about_100_gflop() {
        let cost = reference(1);
        assert_eq!(cost.parameters(), 34_527_106);
        // By hand: conv 3×3 of 64 to 64 channels at 224² is 2 · 9 · 64 · 64 · 224².
        let layer = cost.layers.iter().find(|l| l.name == "encoder.0.3").expect("the layer");
        assert_eq!(layer.flops, 3_699_376_128);
        assert!((95e9..105e9).contains(&(cost.flops() as f64)), "{}", cost.flops());
    }

    /// Oracle: the parameters of the public PyTorch code of both, counted there.
    #[test]
    fn the_reference_variants_have_34_878_638_and_36_629_698_parameters() {
        let input = Input { in_channels: 3, classes: 2, size: [224, 224], batch: 1 };
        let attention = Cost::of(&Model::AttentionUnet(Unet::default()), input);
        let nested = Cost::of(&Model::UnetPlusPlus(UnetPlusPlus::default()), input);
        assert_eq!((attention.parameters(), nested.parameters()), (34_878_638, 36_629_698));
    }

    #[test]
    fn layers_go_down_and_up_again() {
        let unet = Unet { channels: vec![4, 8], up: Up::Transposed, norm: Norm::None, groups: 1, ..Unet::default() };
        let input = Input { in_channels: 1, classes: 3, size: [6, 10], batch: 2 };
        let cost = Cost::of(&Model::Unet(unet), input);
        let rows: Vec<(&str, [usize; 3], u64)> = cost.layers.iter().map(|l| (l.name.as_str(), l.shape, l.parameters)).collect();
        let want = [
            ("encoder.0.0", [4, 6, 10], 40),
            ("encoder.0.3", [4, 6, 10], 148),
            ("pool.0", [4, 3, 5], 0),
            ("encoder.1.0", [8, 3, 5], 296),
            ("encoder.1.3", [8, 3, 5], 584),
            ("up.0", [4, 6, 10], 132),
            ("decoder.0.0", [4, 6, 10], 292),
            ("decoder.0.3", [4, 6, 10], 148),
            ("head", [3, 6, 10], 15),
        ];
        assert_eq!(rows, want);
        // Channels kept: at 60 pixels 1 image, 4 + 4 ReLUs, 8 concatenated, 4 + 4 ReLUs, 3 logits, 3 targets; at 15 pixels 4
        // pooled, 8 + 8 ReLUs, and 4 bytes of places.
        assert_eq!(cost.memory.activations, 2 * (4 * (60 * 31 + 15 * 20) + 15 * 4));
    }

    #[test]
    fn the_largest_network_that_can_be_written_is_counted() {
        let input = Input { in_channels: 3, classes: 255, size: [8192, 8192], batch: 65_536 };
        let channels = vec![65_536; 12];
        let unet = Cost::of(&Model::Unet(Unet { channels: channels.clone(), up: Up::Transposed, ..Unet::default() }), input);
        // The first activation alone: 2¹⁶ images of 2¹⁶ channels of 2²⁶ pixels in f32.
        assert!(unet.flops() == u64::MAX && unet.memory.total() > 1 << 60, "{:?}", unet.memory);
        let plus = Cost::of(&Model::UnetPlusPlus(UnetPlusPlus { channels, ..UnetPlusPlus::default() }), input);
        assert_eq!((plus.flops(), plus.memory.total()), (u64::MAX, u64::MAX));
    }

    #[test]
    fn activations_grow_with_the_batch_and_parameters_do_not() {
        let (one, five) = (reference(1).memory, reference(5).memory);
        assert_eq!(five.activations, 5 * one.activations);
        assert_eq!(five.parameters, one.parameters);
        assert_eq!(one.parameters, 16 * 34_527_106);
    }
}
