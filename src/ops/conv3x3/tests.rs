//! Oracle of a normalised convolution in one pass: the operations one after the other, as a tape that records has them. In f32 both differ by rounding alone,
//! ≤ 1e-5 of the largest number; in bf16 one pass rounds once, the other twice: ≤ 2e-2.

use super::*;
use crate::blocked::tests::numbers;
use candle_core::{Device, Var};

struct Layer {
    weight: Var,
    bias: Var,
    norm: [Var; 2],
    running: Running,
}

fn var(shape: &[usize], seed: u64) -> Var {
    let values = numbers(shape.iter().product(), seed);
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

impl Layer {
    fn new(inputs: usize, outputs: usize) -> Self {
        let positive =
            Tensor::from_vec(numbers(outputs, 5).iter().map(|x| x.abs() + 0.1).collect(), outputs, &Device::Cpu).unwrap();
        let running = Running { mean: var(&[outputs], 4), var: Var::from_tensor(&positive).unwrap() };
        let norm = [var(&[outputs], 6), var(&[outputs], 7)];
        Self { weight: var(&[outputs, inputs, 3, 3], 1), bias: var(&[outputs], 2), norm, running }
    }

    fn apply(&self, tape: &Tape, images: &[Tensor], upsampled: bool, then: Option<Activation>) -> Vec<f32> {
        let maps: Vec<Map> = images.iter().map(|x| Map::constant(tape, x).unwrap()).collect();
        let [weight, bias, norm_weight, norm_bias] =
            [&self.weight, &self.bias, &self.norm[0], &self.norm[1]].map(|v| tape.constant(v.as_tensor()));
        let norm = KeptNorm { weight: &norm_weight, bias: &norm_bias, running: &self.running };
        let sources: Vec<&Map> = maps.iter().collect();
        let y = conv3x3_normalised(tape, &sources, upsampled, (&weight, &bias), norm, then).unwrap();
        values(y.unpack(tape).unwrap().value()).unwrap().to_vec()
    }
}

fn images(channels: &[usize], (h, w): (usize, usize)) -> Vec<Tensor> {
    let image = |c: usize| Tensor::from_vec(numbers(2 * c * h * w, c as u64), (2, c, h, w), &Device::Cpu).unwrap();
    channels.iter().map(|c| image(*c)).collect()
}

#[test]
fn one_pass_gives_what_the_operations_give_one_after_the_other() {
    let thens = [None, Some(Activation::Relu), Some(Activation::Elu)];
    for (channels, outputs, size, upsampled) in
        [(&[3][..], 20, (9, 7), false), (&[17, 5], 33, (13, 6), false), (&[20], 16, (5, 6), true), (&[1], 3, (1, 1), false)]
    {
        let (layer, images) = (Layer::new(channels.iter().sum(), outputs), images(channels, size));
        for (precision, bound) in [(Precision::F32, 1e-5), (Precision::Bf16, 2e-2)] {
            for then in thens {
                let one = layer.apply(&Tape::inference().with_precision(precision), &images, upsampled, then);
                let apart = layer.apply(&Tape::training().with_precision(precision), &images, upsampled, then);
                let largest = apart.iter().fold(0f32, |a, b| a.max(b.abs()));
                let differences = one.iter().zip(&apart).map(|(a, b)| (a - b).abs());
                let error = differences.fold(0f32, |a, b| if b <= a { a } else { b }) / largest;
                assert!(one.len() == apart.len() && error <= bound, "{channels:?} {then:?} {precision:?}: {error:e}");
            }
        }
    }
}

#[test]
fn a_nan_passes_a_relu() {
    for channels in [2, 20] {
        let layer = Layer::new(channels, 17);
        let image = Tensor::full(f32::NAN, (1, channels, 4, 4), &Device::Cpu).unwrap();
        let got = layer.apply(&Tape::inference(), &[image], false, Some(Activation::Relu));
        assert!(got.iter().all(|x| x.is_nan()), "{channels} channels: {got:?}");
    }
}

#[test]
fn several_maps_are_never_upsampled() {
    let (layer, images) = (Layer::new(4, 3), images(&[2, 2], (4, 4)));
    for tape in [Tape::inference(), Tape::training()] {
        let maps: Vec<Map> = images.iter().map(|x| Map::constant(&tape, x).unwrap()).collect();
        let [weight, bias] = [&layer.weight, &layer.bias].map(|v| tape.constant(v.as_tensor()));
        let norm = KeptNorm { weight: &bias, bias: &bias, running: &layer.running };
        let refused = conv3x3_normalised(&tape, &[&maps[0], &maps[1]], true, (&weight, &bias), norm, None);
        assert!(refused.unwrap_err().to_string().contains("none is upsampled"));
    }
}
