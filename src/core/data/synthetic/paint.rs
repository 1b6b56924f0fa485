//! From a scene to colours: the retina's ground, the nerve head, the vessels, lesions, the light, and the sensor.
//! It refuses to know masks; they come from the same outlines in the parent module.

use super::canvas::{Coverage, Frame, blur};
use super::lesions;
use super::mottle::Mottle;
use super::random::{Random, Stream};
use super::scene::{Colour, Scene};
use super::shape::{Point, add, bump, distance, edge, length, turned};
use super::vessels::{Kind, grow};

/// What blood lets through of red, green and blue.
const VEIN: Colour = [0.60, 0.36, 0.42];
const ARTERY: Colour = [0.80, 0.48, 0.50];

/// The photograph of a scene, height·width·3 bytes.
pub(super) fn photograph(scene: &Scene, frame: &Frame, seed: u64, index: usize) -> Vec<u8> {
    let mut pixels = tissue(scene, frame, &mut Random::new(seed, index, Stream::Mottle));
    bleed(scene, frame, &mut pixels, seed, index);
    for spot in lesions::draw(scene, &mut Random::new(seed, index, Stream::Lesions)) {
        spot.blend(frame, &mut pixels);
    }
    illuminate(scene, frame, &mut pixels);
    blur(frame, &mut pixels, scene.camera.blur * frame.radius);
    expose(scene, frame, &pixels, &mut Random::new(seed, index, Stream::Sensor))
}

/// Ground, atrophy, disc and cup, without vessels.
fn tissue(scene: &Scene, frame: &Frame, random: &mut Random) -> Vec<Colour> {
    let [broad, middle, fine, choroid] = [5, 14, 40, 22].map(|cells| Mottle::new(cells, random));
    // Beyond the field only what the blur may carry into it counts.
    let margin = 4.0 / frame.radius + 3.0 * scene.camera.blur;
    let mut pixels = vec![[0.0; 3]; frame.height * frame.width];
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let p = frame.point(i / frame.width, i % frame.width);
        if !in_field(scene, p, margin) {
            continue;
        }
        let grain = fine.at(p);
        let mottling = scene.ground.mottling;
        let tone = 1.0 + mottling[0] * (broad.at(p) + 0.5 * middle.at(p)) + mottling[1] * grain;
        // Choroidal vessels shine through as pale ribbons between darker islands.
        let ribbon = mottling[2] * (0.5 - choroid.at(p).abs().min(1.0));
        let ground = ground(scene, p, tone, ribbon);
        *pixel = nerve_head(scene, frame, p, grain, ground);
    }
    pixels
}

/// The retina at `p`.
fn ground(scene: &Scene, p: Point, tone: f64, ribbon: f64) -> Colour {
    let g = &scene.ground;
    let from_fovea = distance(p, scene.fovea);
    let macula = g.macula * (bump(from_fovea, g.macula_reach) + 0.35 * bump(from_fovea, 0.13)).min(1.2);
    let own = turned(add(p, scene.disc.centre, -1.0), [scene.axis[0], -scene.axis[1]]);
    let from_disc = length(own);
    let upright = own[1] * own[1] / (from_disc * from_disc + 1e-9);
    let fibres = g.fibres * bump(from_disc, 0.85) * (0.3 + 0.7 * upright);
    let shade = [0.75, 1.0, 1.05].map(|share| 1.0 - share * macula);
    let sheen = [0.6, 1.0, 1.2].map(|share| 1.0 + share * fibres);
    let choroid = [1.0, 1.5, 1.2].map(|share| 1.0 + share * ribbon);
    [0, 1, 2].map(|c| g.colour[c] * tone * choroid[c] * shade[c] * sheen[c])
}

/// Puts atrophy, disc and cup over the ground at `p`.
fn nerve_head(scene: &Scene, frame: &Frame, p: Point, grain: f64, ground: Colour) -> Colour {
    let (disc, head) = (&scene.disc, &scene.head);
    if distance(p, disc.centre) > 2.0 * disc.reach() {
        return ground;
    }
    let mut colour = ground;
    if let Some(atrophy) = &scene.atrophy {
        let share = 0.65 * edge(atrophy.depth(p), 0.015 + 0.5 / frame.radius) * (1.0 + 0.3 * grain).min(1.0);
        let pale = [0.76, 0.52, 0.32];
        colour = blend(colour, pale, share);
    }
    let depth = disc.depth(p);
    let temporal = (turned(disc.own(p), disc.turn)[0]).clamp(-1.0, 1.0);
    let paling = 0.25 * head.pallor * (1.0 + temporal);
    let rim = blend(head.rim, head.cup, paling).map(|c| c * (1.0 + 0.06 * grain));
    colour = blend(colour, rim, edge(depth, head.disc_soft.max(0.6 / frame.radius)));
    let cup_depth = scene.cup.depth(p);
    let share = edge(cup_depth, head.cup_soft.max(0.6 / frame.radius));
    let hollow = blend(rim, head.cup, 0.85).map(|c| c * (1.0 + 0.03 * grain));
    blend(colour, hollow, share)
}

/// Lets the vessels absorb light.
fn bleed(scene: &Scene, frame: &Frame, pixels: &mut [Colour], seed: u64, index: usize) {
    let vessels = grow(scene, seed, index);
    for (kind, passes, reflex) in [(Kind::Vein, VEIN, 0.10), (Kind::Artery, ARTERY, 0.28)] {
        let coverage = Coverage::of(frame, &vessels, kind);
        for (i, pixel) in pixels.iter_mut().enumerate() {
            let (blood, crest) = (coverage.blood[i], coverage.reflex[i]);
            if blood > 0.0 {
                *pixel = [0, 1, 2].map(|c| pixel[c] * (1.0 - blood * (1.0 - passes[c])) * (1.0 + reflex * crest));
            }
        }
    }
}

/// Lamp, vignette, haze and reflection.
fn illuminate(scene: &Scene, frame: &Frame, pixels: &mut [Colour]) {
    let light = &scene.light;
    for (i, pixel) in pixels.iter_mut().enumerate() {
        let p = frame.point(i / frame.width, i % frame.width);
        let off = distance(p, light.centre);
        let square = off * off;
        let haze = [0.58, 0.40, 0.27];
        *pixel = blend(*pixel, haze, light.haze * (0.6 + 0.4 * square));
        *pixel = [0, 1, 2].map(|c| pixel[c] * light.cast[c] * light.exposure * (1.0 - light.vignette[c] * square).max(0.15));
        if let Some(crescent) = &light.crescent {
            let share = edge(distance(p, crescent.centre) - crescent.inner - crescent.soft, crescent.soft);
            *pixel = [0, 1, 2].map(|c| pixel[c] + share * crescent.colour[c]);
        }
    }
}

/// Noise, the shoulder of the sensor's curve, the black surround, eight bits.
fn expose(scene: &Scene, frame: &Frame, pixels: &[Colour], random: &mut Random) -> Vec<u8> {
    let noise = scene.camera.noise;
    let mut bytes = Vec::with_capacity(pixels.len() * 3);
    for (i, pixel) in pixels.iter().enumerate() {
        let seen = aperture(scene, frame, frame.point(i / frame.width, i % frame.width));
        let grey = random.bell();
        for value in pixel {
            let noisy = value + noise * (0.75 * grey + 0.65 * random.bell());
            bytes.push((255.0 * shoulder(noisy.max(0.0)) * seen + 0.5) as u8);
        }
    }
    bytes
}

/// Straight up to 0.75, then bent so that 1 is never passed.
fn shoulder(x: f64) -> f64 {
    let over = (x - 0.75).max(0.0);
    x.min(0.75) + over / (1.0 + over / 0.25)
}

/// The share of a pixel that sees the field: 0 in the black surround.
fn aperture(scene: &Scene, frame: &Frame, p: Point) -> f64 {
    let soft = 0.004 + 0.6 / frame.radius;
    edge(1.0 - soft - length(p), soft) * edge(scene.camera.cut - p[1].abs(), soft)
}

/// Whether `p` is in the field or within `margin` of it.
fn in_field(scene: &Scene, p: Point, margin: f64) -> bool {
    length(p) < 1.0 + margin && p[1].abs() < scene.camera.cut + margin
}

/// From `under` to `over` by `share`.
fn blend(under: Colour, over: Colour, share: f64) -> Colour {
    [0, 1, 2].map(|c| under[c] + share * (over[c] - under[c]))
}
