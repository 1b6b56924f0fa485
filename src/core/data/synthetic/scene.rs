//! What is on one photograph, before any pixel: where the parts of the eye lie, how they are coloured and how it was lit.
//! Its main type is [`Scene`], which is in field radii throughout and so the same at every size.

use super::random::{Random, Stream};
use super::shape::{Outline, Point, add, heading, turned};

/// Red, green, blue; 1 is full brightness.
pub(super) type Colour = [f64; 3];

/// One eye on one photograph.
pub(super) struct Scene {
    pub camera: Camera,
    pub light: Light,
    pub ground: Ground,
    /// The optic disc, cup included.
    pub disc: Outline,
    pub cup: Outline,
    pub head: Head,
    /// Pale crescent of atrophy beside the disc.
    pub atrophy: Option<Outline>,
    pub fovea: Point,
    /// The unit vector from the disc to the fovea.
    pub axis: Point,
}

/// Frame and optics.
pub(super) struct Camera {
    /// Field radius as a share of the picture's smaller side.
    pub field: f64,
    /// Half the height of the field after the flat cut, in field radii; above 1 where there is none.
    pub cut: f64,
    /// 1 where temporal is to the right (a left eye), −1 where it is to the left.
    pub mirror: f64,
    /// Standard deviation of the blur, in field radii.
    pub blur: f64,
    /// Standard deviation of the sensor's noise, full scale 1.
    pub noise: f64,
}

/// Illumination.
pub(super) struct Light {
    pub exposure: f64,
    /// The lamp's and the lens's tint.
    pub cast: Colour,
    pub centre: Point,
    /// Loss of light at distance 1 from `centre`, for each channel.
    pub vignette: Colour,
    /// Share of stray light that greys the picture.
    pub haze: f64,
    pub crescent: Option<Crescent>,
}

/// A reflection along part of the rim.
pub(super) struct Crescent {
    /// Centre of the circle that it lies outside of.
    pub centre: Point,
    /// Radius of that circle.
    pub inner: f64,
    pub soft: f64,
    pub colour: Colour,
}

/// The retina around the disc.
pub(super) struct Ground {
    pub colour: Colour,
    /// Strength of the broad mottling, of the fine one and of the visible choroidal vessels.
    pub mottling: [f64; 3],
    /// Darkening at the macula and its reach.
    pub macula: f64,
    pub macula_reach: f64,
    /// Brightening by the nerve fibres above and below the disc.
    pub fibres: f64,
}

/// Colours and borders of the nerve head.
pub(super) struct Head {
    pub rim: Colour,
    pub cup: Colour,
    /// Half-width of the disc's border, in field radii.
    pub disc_soft: f64,
    /// Half-width of the cup's border.
    pub cup_soft: f64,
    /// Paling of the rim's temporal side.
    pub pallor: f64,
}

impl Scene {
    /// The scene of picture `index` of the set `seed`.
    pub(super) fn new(seed: u64, index: usize) -> Self {
        let random = &mut Random::new(seed, index, Stream::Scene);
        let camera = Camera::new(random);
        let light = Light::new(random);
        let ground = Ground::new(random);
        let (disc, cup) = nerve_head(random);
        let head = Head::new(&ground, &disc, &cup, random);
        let axis = heading(random.within(0.0, 0.24));
        let fovea = add(disc.centre, axis, random.within(0.92, 1.08));
        let atrophy = random.chance(0.2).then(|| atrophy(&disc, random));
        Self { camera, light, ground, disc, cup, head, atrophy, fovea, axis }
    }
}

impl Camera {
    fn new(random: &mut Random) -> Self {
        Self {
            field: random.within(0.465, 0.495),
            cut: if random.chance(0.85) { random.within(0.8, 0.92) } else { 2.0 },
            mirror: random.sign(),
            blur: random.within(0.003, 0.009),
            noise: random.within(0.006, 0.022),
        }
    }
}

impl Light {
    fn new(random: &mut Random) -> Self {
        let exposure = if random.chance(0.16) { random.within(0.42, 0.66) } else { random.within(0.78, 1.16) };
        let fall = random.within(0.16, 0.48);
        Self {
            exposure,
            cast: [random.within(0.97, 1.08), random.within(0.92, 1.06), random.within(0.8, 1.12)],
            centre: [random.within(-0.25, 0.25), random.within(-0.2, 0.2)],
            vignette: [fall * 0.85, fall, fall * 1.05],
            haze: if random.chance(0.3) { random.within(0.05, 0.16) } else { 0.0 },
            crescent: random.chance(0.18).then(|| Crescent::new(random)),
        }
    }
}

impl Crescent {
    fn new(random: &mut Random) -> Self {
        // Mostly at the left or right rim: the flat cut takes it away above and below.
        let side = [random.sign(), random.within(-0.6, 0.6)];
        let shift = random.within(0.06, 0.18);
        let strength = random.within(0.25, 0.8);
        let warm = random.within(0.0, 1.0);
        Self {
            centre: side.map(|s| -s * shift),
            inner: random.within(0.9, 0.99),
            soft: random.within(0.03, 0.12),
            colour: [1.0, 0.85 - 0.2 * warm, 0.8 - 0.4 * warm].map(|c| c * strength),
        }
    }
}

impl Ground {
    fn new(random: &mut Random) -> Self {
        // Orange, red, brown and pale fundi; a random mixture of them.
        let kinds = [[0.74, 0.37, 0.16], [0.66, 0.27, 0.13], [0.52, 0.30, 0.17], [0.72, 0.43, 0.26]];
        let shares = kinds.map(|_| random.within(0.02, 1.0)).map(|s| s * s * s);
        let total: f64 = shares.iter().sum();
        let colour = [0, 1, 2].map(|c| kinds.iter().zip(shares).map(|(k, s)| k[c] * s).sum::<f64>() / total);
        let choroid = if random.chance(0.45) { random.within(0.06, 0.17) } else { random.within(0.0, 0.05) };
        Self {
            colour,
            mottling: [random.within(0.04, 0.13), random.within(0.02, 0.06), choroid],
            macula: random.within(0.2, 0.42),
            macula_reach: random.within(0.36, 0.55),
            fibres: random.within(0.05, 0.22),
        }
    }
}

impl Head {
    fn new(ground: &Ground, disc: &Outline, cup: &Outline, random: &mut Random) -> Self {
        let tint = random.within(0.0, 1.0);
        let rim = [0.95, 0.56 + 0.11 * tint, 0.27 + 0.16 * tint];
        // Some discs are hardly paler than the retina around them.
        let blend = if random.chance(0.3) { random.within(0.15, 0.35) } else { random.within(0.0, 0.15) };
        let warm = random.within(0.0, 1.0);
        Self {
            rim: [0, 1, 2].map(|c| rim[c] + blend * (ground.colour[c] - rim[c])),
            cup: [1.04, 0.82 + 0.07 * warm, 0.5 + 0.2 * warm],
            disc_soft: disc.half[0] * random.within(0.05, 0.16),
            cup_soft: cup.half[0] * random.within(0.12, 0.4),
            pallor: random.within(0.0, 0.5),
        }
    }
}

/// The disc, 16-24 % of the field across, and its cup, 0.3-0.8 of the disc, off-centre but well within it.
fn nerve_head(random: &mut Random) -> (Outline, Outline) {
    let size = random.within(0.165, 0.228);
    let tall = random.within(1.0, 1.12);
    let turn = heading(random.within(-0.3, 0.3));
    let disc = Outline {
        centre: [random.within(-0.62, 0.06), random.within(-0.2, 0.2)],
        half: [size / tall.sqrt(), size * tall.sqrt()],
        turn,
        waves: waves(0.022, random),
    };
    // Large cups are common: the collection that this imitates is of a glaucoma clinic.
    let ratio = 0.3 + 0.5 * (0.5 * (random.unit() + random.unit())).sqrt();
    let upright = random.within(0.94, 1.06);
    // Both outlines wave by 5 % at most: what is left between them, the cup may move by.
    let room = (0.92 - 1.06 * ratio).min(0.2);
    let direction = random.direction();
    let shift = room * random.within(0.1, 0.9);
    let place = [0, 1].map(|i| shift * direction[i] * disc.half[i]);
    let cup = Outline {
        centre: add(disc.centre, turned(place, turn), 1.0),
        half: [disc.half[0] * ratio / upright, disc.half[1] * ratio * upright],
        turn,
        waves: waves(0.03, random),
    };
    (disc, cup)
}

/// Waves of order 2, 3 and 4 in random phase, of amplitude up to `largest`, half and a quarter of it.
fn waves(largest: f64, random: &mut Random) -> [Point; 3] {
    [1.0, 0.5, 0.25].map(|share| {
        let amplitude = random.within(0.2, 1.0) * largest * share;
        random.direction().map(|d| d * amplitude)
    })
}

/// The disc's outline, widened and moved to the temporal side mostly.
fn atrophy(disc: &Outline, random: &mut Random) -> Outline {
    let wider = random.within(1.08, 1.3);
    let away = [1.0, random.within(-0.9, 0.9)];
    let mut outline = disc.clone();
    outline.centre = add(outline.centre, away, disc.half[0] * random.within(0.5, 1.0) * (wider - 0.95));
    outline.half = outline.half.map(|h| h * wider);
    outline.waves = waves(0.05, random);
    outline
}
