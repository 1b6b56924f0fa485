//! Spots that are neither disc nor cup, on a few pictures: bright exudates and dark haemorrhages.

use super::canvas::Spot;
use super::random::Random;
use super::scene::Scene;
use super::shape::{Point, add, distance};

/// The spots of a scene; most have none.
pub(super) fn draw(scene: &Scene, random: &mut Random) -> Vec<Spot> {
    let mut spots = Vec::new();
    if random.chance(0.14) {
        exudates(scene, random, &mut spots);
    }
    if random.chance(0.14) {
        haemorrhages(random, &mut spots);
    }
    spots.retain(|spot| distance(spot.at, scene.disc.centre) > 1.2 * scene.disc.reach() + spot.radius);
    spots
}

/// Clusters of small yellow spots, around the macula mostly.
fn exudates(scene: &Scene, random: &mut Random, spots: &mut Vec<Spot>) {
    for _ in 0..random.count(1, 3) {
        let away = random.within(0.15, 0.6);
        let centre = add(scene.fovea, random.direction(), away);
        for _ in 0..random.count(4, 14) {
            let at = scattered(centre, 0.12, random);
            let radius = random.within(0.006, 0.026);
            spots.push(Spot { at, radius, colour: [0.95, 0.80, 0.42], opacity: random.within(0.5, 0.95) });
        }
    }
}

/// Dark red dots and blots, anywhere.
fn haemorrhages(random: &mut Random, spots: &mut Vec<Spot>) {
    for _ in 0..random.count(3, 12) {
        let at = scattered([0.0, 0.0], 0.5, random);
        let radius = random.within(0.008, 0.04);
        spots.push(Spot { at, radius, colour: [0.32, 0.07, 0.05], opacity: random.within(0.5, 0.9) });
    }
}

fn scattered(centre: Point, spread: f64, random: &mut Random) -> Point {
    add(centre, [random.bell(), random.bell()], spread)
}
