//! Masks that the tests of this room share with scripts/metric_oracle.py.

/// Height and width.
pub const SIZE: [usize; 2] = [24, 30];

fn places() -> impl Iterator<Item = (i32, i32)> {
    (0..SIZE[0] as i32).flat_map(|y| (0..SIZE[1] as i32).map(move |x| (y, x)))
}

/// Multiples of 1/16: a blob with a rough rim.
pub fn logits() -> Vec<f32> {
    let logit =
        |(y, x): (i32, i32)| (40 - (y - 11).pow(2) - (x - 14).pow(2)) as f32 / 16.0 + ((7 * y + 13 * x) % 11 - 5) as f32 / 4.0;
    places().map(logit).collect()
}

/// What the logits mark, and a truth: a disc, and a rectangle that reaches the image's edge.
pub fn drawn() -> (Vec<bool>, Vec<bool>) {
    let truth = |(y, x): (i32, i32)| (y - 10).pow(2) + (x - 12).pow(2) < 49 || ((18..24).contains(&y) && (20..27).contains(&x));
    (logits().iter().map(|logit| *logit >= 0.0).collect(), places().map(truth).collect())
}

/// Cells between membranes, of which the prediction has some with gaps, one too many, and one filled.
pub fn cells() -> (Vec<bool>, Vec<bool>) {
    let truth = |(y, x): (i32, i32)| y % 8 != 0 && (x + y / 8) % 10 != 0;
    let pred = |(y, x): (i32, i32)| {
        (y % 8 != 0 || x == 13 || x == 25) && (x + y / 8) % 10 != 0 && !(y == 4 && x > 10) && (y < 20 || x < 22)
    };
    (places().map(pred).collect(), places().map(truth).collect())
}
