//! Plane geometry in units of the field's radius: points, smooth steps and the wavy ellipses that disc and cup are.
//! It refuses to know pixels and colours.

/// A point or vector (x to the temporal side, y down), in field radii from the field's centre.
pub(super) type Point = [f64; 2];

/// Orders of the waves on an outline; order 1 would only shift it.
const ORDERS: usize = 3;

/// `a` + `times`·`b`.
pub(super) fn add(a: Point, b: Point, times: f64) -> Point {
    [a[0] + times * b[0], a[1] + times * b[1]]
}

pub(super) fn distance(a: Point, b: Point) -> f64 {
    length(add(a, b, -1.0))
}

pub(super) fn length(a: Point) -> f64 {
    (a[0] * a[0] + a[1] * a[1]).sqrt()
}

/// `a` scaled to length 1; `a` is not zero.
pub(super) fn unit(a: Point) -> Point {
    let length = length(a);
    [a[0] / length, a[1] / length]
}

/// The unit vector at `angle` radians from the x axis.
pub(super) fn heading(angle: f64) -> Point {
    [libm::cos(angle), libm::sin(angle)]
}

/// `a` turned by the angle whose (cosine, sine) is `by`.
pub(super) fn turned(a: Point, by: Point) -> Point {
    [a[0] * by[0] - a[1] * by[1], a[0] * by[1] + a[1] * by[0]]
}

/// Rises smoothly from 0 at `t` = −`soft` to 1 at `soft`, through 0.5 at 0 exactly.
pub(super) fn edge(t: f64, soft: f64) -> f64 {
    let s = (t / soft).clamp(-1.0, 1.0);
    0.5 + s * (0.75 - 0.25 * s * s)
}

/// A bell-like bump: 1 at distance 0, 0 from `reach` on, smooth at both ends.
pub(super) fn bump(distance: f64, reach: f64) -> f64 {
    let t = (1.0 - distance * distance / (reach * reach)).max(0.0);
    t * t
}

/// An ellipse whose radius is modulated by low-order waves, as anatomical borders are.
#[derive(Clone)]
pub(super) struct Outline {
    pub centre: Point,
    /// Half-axes along the turned x and y axes.
    pub half: [f64; 2],
    /// (cosine, sine) of the turn.
    pub turn: Point,
    /// Cosine and sine amplitude of the waves of order 2, 3, …, as shares of the radius.
    pub waves: [Point; ORDERS],
}

impl Outline {
    /// Distance inside the border (negative outside), in field radii; exact for a circle, near the border close to exact else.
    pub(super) fn depth(&self, p: Point) -> f64 {
        let [x, y] = self.own(p);
        let radius = (x * x + y * y).sqrt();
        let scale = 0.5 * (self.half[0] + self.half[1]);
        if radius < 1e-9 { scale } else { (self.radius([x / radius, y / radius]) - radius) * scale }
    }

    /// `p` in the frame where the plain ellipse is the unit circle.
    pub(super) fn own(&self, p: Point) -> Point {
        let [x, y] = turned(add(p, self.centre, -1.0), [self.turn[0], -self.turn[1]]);
        [x / self.half[0], y / self.half[1]]
    }

    /// Radius in that frame in direction (cos θ, sin θ): 1 + Σ (aₖ cos kθ + bₖ sin kθ), the multiples by recurrence.
    fn radius(&self, direction: Point) -> f64 {
        let (mut sum, mut multiple) = (1.0, direction);
        for wave in &self.waves {
            multiple = turned(multiple, direction);
            sum += wave[0] * multiple[0] + wave[1] * multiple[1];
        }
        sum
    }

    /// No point of the shape is farther than this from its centre.
    pub(super) fn reach(&self) -> f64 {
        let waves: f64 = self.waves.iter().map(|w| length(*w)).sum();
        self.half[0].max(self.half[1]) * (1.0 + waves)
    }
}
