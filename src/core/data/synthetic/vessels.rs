//! The vascular tree: arteries and veins that leave the disc upwards and downwards, arch round the macula and branch.
//! Its main function is [`grow`], which gives centre lines and radii; it refuses to know pixels and colours.

use super::random::{Random, Stream};
use super::scene::Scene;
use super::shape::{Point, add, distance, edge, heading, length, turned, unit};

/// Length of a step of growth, in field radii.
const STEP: f64 = 0.015;
/// Nothing thinner than this grows on.
const THINNEST: f64 = 0.0016;
/// Branches of branches of branches end.
const GENERATIONS: usize = 3;

/// What a vessel carries.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Artery,
    Vein,
}

/// A vessel between its root and its end.
pub(super) struct Vessel {
    pub kind: Kind,
    /// Centre line and radius, STEP apart.
    pub line: Vec<(Point, f64)>,
}

/// Where a vessel tends to.
#[derive(Clone, Copy)]
enum Aim {
    /// Along an ellipse round the fovea, upwards (1) or downwards (−1), of that height to width.
    Arch(f64, f64),
    /// A fixed direction.
    Straight(Point),
}

/// The growing tip of a vessel.
#[derive(Clone, Copy)]
struct Tip {
    kind: Kind,
    at: Point,
    towards: Point,
    radius: f64,
    aim: Aim,
    /// Strength of the pull to the aim, per field radius.
    pull: f64,
    generation: usize,
    /// Length that it may grow.
    left: f64,
}

struct Tree<'a> {
    scene: &'a Scene,
    random: Random,
    /// Tortuosity of this eye's vessels.
    wobble: f64,
    vessels: Vec<Vessel>,
    waiting: Vec<Tip>,
}

/// Grows the vessels of picture `index` of the set `seed`.
pub(super) fn grow(scene: &Scene, seed: u64, index: usize) -> Vec<Vessel> {
    let mut random = Random::new(seed, index, Stream::Vessels);
    let wobble = random.within(0.8, 2.6);
    let mut tree = Tree { scene, random, wobble, vessels: Vec::new(), waiting: Vec::new() };
    tree.plant();
    while let Some(tip) = tree.waiting.pop() {
        tree.extend(tip);
    }
    let shift = tree.random.within(0.08, 0.4) * scene.cup.half[0];
    let mut vessels = tree.vessels;
    bend_at_cup(scene, shift, &mut vessels);
    vessels
}

impl Tree<'_> {
    /// Sets the trunks on the disc: an artery and a vein to each quarter, some twigs to the macula and to the nose.
    fn plant(&mut self) {
        let thick = self.random.within(0.0105, 0.0145);
        for kind in [Kind::Vein, Kind::Artery] {
            let radius = if kind == Kind::Vein { thick } else { thick * self.random.within(0.66, 0.8) };
            for up in [1.0, -1.0] {
                let height = self.random.within(0.62, 0.86);
                let lean = self.random.within(-0.25, 0.25);
                self.trunk(kind, up, lean, radius, Aim::Arch(up, height), 5.0);
                let nasal = turned(self.scene.axis, heading(self.random.within(2.0, 2.6)));
                let aim = Aim::Straight([nasal[0], -nasal[1].abs() * up]);
                let lean = self.random.within(-0.9, -0.4);
                let radius = radius * self.random.within(0.6, 0.85);
                self.trunk(kind, up, lean, radius, aim, 2.5);
            }
        }
        for _ in 0..self.random.count(3, 6) {
            let side = if self.random.chance(0.65) { 1.0 } else { -1.0 };
            self.twig(side);
        }
    }

    /// A main vessel that starts at the hub, upwards or downwards, leaning to the temporal side by `lean`.
    fn trunk(&mut self, kind: Kind, up: f64, lean: f64, radius: f64, aim: Aim, pull: f64) {
        let disc = &self.scene.disc;
        let hub = add(self.scene.cup.centre, self.scene.axis, -0.15 * disc.half[0]);
        let at = add(hub, [self.random.within(-1.0, 1.0), self.random.within(-0.6, 0.6)], 0.12 * disc.half[0]);
        let towards = unit([lean, -up]);
        let left = self.random.within(1.4, 2.0);
        self.waiting.push(Tip { kind, at, towards, radius, aim, pull, generation: 0, left });
    }

    /// A thin vessel that leaves the disc to the temporal (1) or nasal (−1) side.
    fn twig(&mut self, side: f64) {
        let disc = &self.scene.disc;
        let kind = if self.random.chance(0.5) { Kind::Artery } else { Kind::Vein };
        let towards = turned(self.scene.axis.map(|a| a * side), heading(self.random.within(-0.8, 0.8)));
        let at = add(disc.centre, towards, disc.half[0] * self.random.within(0.4, 0.85));
        let radius = self.random.within(0.0028, 0.005);
        let left = self.random.within(0.3, 0.75);
        let aim = Aim::Straight(self.scene.axis.map(|a| a * side));
        self.waiting.push(Tip { kind, at, towards, radius, aim, pull: 1.5, generation: 2, left });
    }

    /// Grows one vessel to its end; what branches off it waits its turn.
    fn extend(&mut self, mut tip: Tip) {
        let mut line = vec![(tip.at, tip.radius)];
        let mut curl = 0.0;
        let mut to_fork = self.random.within(0.16, 0.4);
        while tip.left > 0.0 && tip.radius > THINNEST && length(tip.at) < 1.05 && !self.starved(&tip) {
            curl = 0.82 * curl + self.wobble * self.random.bell();
            let aim = self.aim(&tip);
            let normal = [-tip.towards[1], tip.towards[0]];
            tip.towards = unit(add(add(tip.towards, aim, tip.pull * STEP), normal, curl * STEP));
            tip.at = add(tip.at, tip.towards, STEP);
            tip.radius *= 1.0 - 0.35 * STEP;
            tip.left -= STEP;
            to_fork -= STEP;
            if to_fork < 0.0 && tip.generation < GENERATIONS {
                self.fork(&mut tip);
                to_fork = self.random.within(0.1, 0.34) * (1.0 + 0.4 * tip.generation as f64);
            }
            // The end runs out instead of breaking off.
            line.push((tip.at, tip.radius * (tip.left.max(0.0) / 0.25).min(1.0).sqrt()));
        }
        self.vessels.push(Vessel { kind: tip.kind, line });
    }

    /// Nothing but capillaries lies at the fovea.
    fn starved(&self, tip: &Tip) -> bool {
        distance(tip.at, self.scene.fovea) < 0.13 + 6.0 * tip.radius
    }

    /// The direction that the tip tends to now.
    fn aim(&self, tip: &Tip) -> Point {
        match tip.aim {
            Aim::Straight(direction) => direction,
            Aim::Arch(up, height) => {
                let axis = self.scene.axis;
                let [along, across] = turned(add(tip.at, self.scene.fovea, -1.0), [axis[0], -axis[1]]);
                // The tangent is the gradient of along² + (across/height)², turned by a right angle.
                let tangent = [-across / (height * height), along];
                turned(unit(tangent.map(|t| t * up)), axis)
            }
        }
    }

    /// Lets a branch go off to one side and bends the tip a little to the other; cubes of the radii add up (Murray's law).
    fn fork(&mut self, tip: &mut Tip) {
        let side = self.random.sign();
        let share = self.random.within(0.42, 0.78);
        let radius = tip.radius * share;
        let towards = turned(tip.towards, heading(side * self.random.within(0.5, 1.1)));
        let aim = Aim::Straight(turned(tip.towards, heading(side * self.random.within(0.1, 0.9))));
        let left = tip.left * self.random.within(0.35, 0.9);
        let generation = tip.generation + 1;
        self.waiting.push(Tip { at: tip.at, towards, radius, aim, pull: 1.2, generation, left, ..*tip });
        tip.radius *= libm::cbrt(1.0 - share * share * share);
        tip.towards = turned(tip.towards, heading(-side * 0.35 * share * share));
    }
}

/// Moves what lies in the cup by `shift` to the nasal side, so that vessels climb its wall with a bend at the cup's border.
fn bend_at_cup(scene: &Scene, shift: f64, vessels: &mut [Vessel]) {
    let wall = 0.3 * scene.cup.half[0];
    for (at, _) in vessels.iter_mut().flat_map(|v| &mut v.line) {
        let inside = edge(scene.cup.depth(*at) - 0.5 * wall, wall);
        *at = add(*at, scene.axis, -shift * inside);
    }
}
