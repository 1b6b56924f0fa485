//! Drawn fundus photographs: a bright disc on grey, for now.

/// Counts up whenever the same parameters would give another picture than before.
pub const GENERATOR_VERSION: u32 = 0;

/// A picture with exact masks.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// Height · width · 3, interleaved.
    pub rgb: Vec<u8>,
    /// Height · width, in {0, 1}; cup included.
    pub disc: Vec<u8>,
    /// Height · width, in {0, 1}.
    pub cup: Vec<u8>,
}

/// Draws picture `index` of the series `seed` at `size` = (height, width).
pub fn draw(seed: u64, index: usize, size: [usize; 2]) -> Drawn {
    let noise = blake3::hash(&[seed.to_le_bytes(), (index as u64).to_le_bytes()].concat());
    let [height, width] = size;
    let centre = [0, 1].map(|axis| 0.35 + 0.3 * f64::from(noise.as_bytes()[axis]) / 255.0);
    let mut drawn = Drawn { rgb: Vec::new(), disc: Vec::new(), cup: Vec::new() };
    for y in 0..height {
        for x in 0..width {
            let distance = (y as f64 / height as f64 - centre[0]).hypot(x as f64 / width as f64 - centre[1]);
            let (disc, cup) = (u8::from(distance < 0.2), u8::from(distance < 0.1));
            drawn.disc.push(disc);
            drawn.cup.push(cup);
            drawn.rgb.extend([100 + 50 * (disc + cup), 90 + 50 * disc, noise.as_bytes()[2] / 4]);
        }
    }
    drawn
}
