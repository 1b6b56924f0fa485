//! The networks in ONNX's operators, layer by layer as `umlaut_core::model` has them.

use super::graph::Builder;
use super::proto::Attribute;
use crate::config::{Activation, Blocks, Model, Norm, Unet, UnetPlusPlus, Up};

/// That of the normalisations.
const EPSILON: f32 = 1e-5;

/// The logits of images (n, channels, h, w), both by name.
pub(super) fn logits(g: &mut Builder, model: &Model, images: &str) -> String {
    let blocks = model.blocks();
    let map = match model {
        Model::Unet(net) => unet(g, net, blocks, false, images),
        Model::AttentionUnet(net) => unet(g, net, blocks, true, images),
        Model::UnetPlusPlus(net) => unet_plus_plus(g, net, blocks, images),
    };
    conv(g, "head", &map, 1)
}

fn unet(g: &mut Builder, net: &Unet, blocks: Blocks, gated: bool, images: &str) -> String {
    let depth = net.channels.len() - 1;
    let (mut x, mut skips) = (images.to_owned(), Vec::new());
    for level in 0..depth {
        let skip = block(g, blocks, &format!("encoder.{level}"), &[&x]);
        x = pool(g, &skip);
        skips.push(skip);
    }
    x = block(g, blocks, &format!("encoder.{depth}"), &[&x]);
    for (level, mut skip) in skips.into_iter().enumerate().rev() {
        x = match net.up {
            Up::Transposed => transposed(g, &format!("up.{level}"), &x),
            Up::NearestConv => {
                let large = doubled(g, &x, "nearest");
                unit(g, blocks, &format!("up.{level}"), 1, &large)
            }
        };
        if gated {
            skip = gate(g, blocks, &format!("gate.{level}"), &x, &skip);
        }
        x = block(g, blocks, &format!("decoder.{level}"), &[&skip, &x]);
    }
    x
}

fn unet_plus_plus(g: &mut Builder, net: &UnetPlusPlus, blocks: Blocks, images: &str) -> String {
    let depth = net.channels.len() - 1;
    let mut maps: Vec<Vec<String>> = Vec::new();
    for level in 0..=depth {
        let x = if level == 0 { images.to_owned() } else { pool(g, &maps[level - 1][0]) };
        maps.push(vec![block(g, blocks, &format!("block.{level}.0"), &[&x])]);
    }
    for column in 1..=depth {
        for level in 0..=depth - column {
            let below = doubled(g, &maps[level + 1][column - 1], "linear");
            let sources: Vec<&str> = maps[level].iter().chain([&below]).map(String::as_str).collect();
            let map = block(g, blocks, &format!("block.{level}.{column}"), &sources);
            maps[level].push(map);
        }
    }
    maps.swap_remove(0).swap_remove(depth)
}

fn block(g: &mut Builder, blocks: Blocks, name: &str, sources: &[&str]) -> String {
    let x = match sources {
        [one] => (*one).to_owned(),
        several => g.add("Concat", several, vec![Attribute::int("axis", 1)]),
    };
    let first = unit(g, blocks, name, 0, &x);
    if !blocks.residual {
        return unit(g, blocks, name, 3, &first);
    }
    let second = conv(g, &format!("{name}.3"), &first, 3);
    let second = normalised(g, blocks, &format!("{name}.4"), &second);
    let shortcut = projected(g, blocks, &format!("{name}.shortcut"), &x);
    let sum = g.add("Add", &[&second, &shortcut], vec![]);
    activated(g, blocks.activation, &sum)
}

/// Convolution 3×3, normalisation, activation.
fn unit(g: &mut Builder, blocks: Blocks, name: &str, position: usize, x: &str) -> String {
    let y = conv(g, &format!("{name}.{position}"), x, 3);
    let y = normalised(g, blocks, &format!("{name}.{}", position + 1), &y);
    activated(g, blocks.activation, &y)
}

/// Convolution 1×1 and normalisation.
fn projected(g: &mut Builder, blocks: Blocks, name: &str, x: &str) -> String {
    let y = conv(g, &format!("{name}.0"), x, 1);
    normalised(g, blocks, &format!("{name}.1"), &y)
}

fn gate(g: &mut Builder, blocks: Blocks, name: &str, signal: &str, skip: &str) -> String {
    let of_signal = projected(g, blocks, &format!("{name}.signal"), signal);
    let of_skip = projected(g, blocks, &format!("{name}.skip"), skip);
    let sum = g.add("Add", &[&of_signal, &of_skip], vec![]);
    let sum = g.add("Relu", &[&sum], vec![]);
    let psi = projected(g, blocks, &format!("{name}.psi"), &sum);
    let psi = g.add("Sigmoid", &[&psi], vec![]);
    g.add("Mul", &[skip, &psi], vec![])
}

fn conv(g: &mut Builder, name: &str, x: &str, side: i64) -> String {
    let (weight, bias) = (g.weight(&format!("{name}.weight")), g.weight(&format!("{name}.bias")));
    let sides = vec![Attribute::ints("kernel_shape", &[side, side]), Attribute::ints("pads", &[side / 2; 4])];
    g.add("Conv", &[x, &weight, &bias], sides)
}

fn transposed(g: &mut Builder, name: &str, x: &str) -> String {
    let (weight, bias) = (g.weight(&format!("{name}.weight")), g.weight(&format!("{name}.bias")));
    let sides = vec![Attribute::ints("kernel_shape", &[2, 2]), Attribute::ints("strides", &[2, 2])];
    g.add("ConvTranspose", &[x, &weight, &bias], sides)
}

fn pool(g: &mut Builder, x: &str) -> String {
    g.add("MaxPool", &[x], vec![Attribute::ints("kernel_shape", &[2, 2]), Attribute::ints("strides", &[2, 2])])
}

/// Both sides doubled: `nearest`, or `linear` with the corners' centres staying where they are.
fn doubled(g: &mut Builder, x: &str, mode: &str) -> String {
    let scales = g.constant("doubled", &[4], &[1.0, 1.0, 2.0, 2.0]);
    let centres = if mode == "nearest" { "asymmetric" } else { "align_corners" };
    let mut how = vec![Attribute::string("mode", mode), Attribute::string("coordinate_transformation_mode", centres)];
    if mode == "nearest" {
        how.push(Attribute::string("nearest_mode", "floor"));
    }
    g.add("Resize", &[x, "", &scales], how)
}

fn activated(g: &mut Builder, activation: Activation, x: &str) -> String {
    match activation {
        Activation::Relu => g.add("Relu", &[x], vec![]),
        Activation::LeakyRelu => g.add("LeakyRelu", &[x], vec![Attribute::float("alpha", 0.01)]),
        Activation::Elu => g.add("Elu", &[x], vec![Attribute::float("alpha", 1.0)]),
        Activation::Silu => {
            let logistic = g.add("Sigmoid", &[x], vec![]);
            g.add("Mul", &[x, &logistic], vec![])
        }
    }
}

fn normalised(g: &mut Builder, blocks: Blocks, name: &str, x: &str) -> String {
    if blocks.norm == Norm::None {
        return x.to_owned();
    }
    let [weight, bias] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
    let channels = g.outputs(&weight);
    match blocks.norm {
        Norm::Batch => {
            let parts = ["weight", "bias", "running_mean", "running_var"].map(|part| g.weight(&format!("{name}.{part}")));
            let [weight, bias, mean, var] = parts.each_ref().map(String::as_str);
            g.add("BatchNormalization", &[x, weight, bias, mean, var], vec![Attribute::float("epsilon", EPSILON)])
        }
        Norm::Instance => {
            let (weight, bias) = (g.weight(&weight), g.weight(&bias));
            g.add("InstanceNormalization", &[x, &weight, &bias], vec![Attribute::float("epsilon", EPSILON)])
        }
        // The channels of a group are one long channel for a moment.
        Norm::Group => {
            let groups = common(blocks.groups, channels);
            let long = g.integers(&format!("groups.{groups}"), &[0, groups as i64, -1]);
            let (ones, zeros) = (vec![1.0; groups], vec![0.0; groups]);
            let one = g.constant(&format!("ones.{groups}"), &[groups], &ones);
            let zero = g.constant(&format!("zeros.{groups}"), &[groups], &zeros);
            let shape = g.add("Shape", &[x], vec![]);
            let y = g.add("Reshape", &[x, &long], vec![]);
            let y = g.add("InstanceNormalization", &[&y, &one, &zero], vec![Attribute::float("epsilon", EPSILON)]);
            let y = g.add("Reshape", &[&y, &shape], vec![]);
            let (weight, bias) = (g.weight_as(&weight, &[channels, 1, 1]), g.weight_as(&bias, &[channels, 1, 1]));
            let y = g.add("Mul", &[&y, &weight], vec![]);
            g.add("Add", &[&y, &bias], vec![])
        }
        Norm::None => unreachable!("it has no parameters"),
    }
}

/// The greatest common divisor, as gates have it for their groups.
fn common(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common(b, a % b) }
}
