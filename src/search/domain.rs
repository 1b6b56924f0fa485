//! The values that one parameter may have, and the scale on which models see them.
//!
//! A number is modelled as t, itself or its logarithm, between bounds; a whole number has the cell ± 0.5 around it. A value is
//! rounded before any model sees it, so that models learn from what was really trained.

/// The values of a parameter. Those of choices are indices, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Domain {
    /// Numbers between the two; four significant digits.
    Uniform(f64, f64),
    /// Numbers between the two, above 0, on a logarithmic scale; four significant digits.
    LogUniform(f64, f64),
    /// Whole numbers from the first to the second.
    Int(i64, i64),
    /// Whole numbers from the first, at least 1, to the second, on a logarithmic scale.
    LogInt(i64, i64),
    /// As many choices, each between its neighbours, as sizes are.
    Ordered(usize),
    /// As many choices, each as far from any other.
    Choice(usize),
}

/// Largest size of a whole number: beyond 2⁵³ not all have an f64.
const LARGEST: u64 = 1 << 53;

/// Steps to a neighbour, as fractions of the distance between the bounds.
const STEPS: [f64; 6] = [-0.1, -0.03, -0.01, 0.01, 0.03, 0.1];

/// Up to so many other whole numbers are all neighbours; of more, those within [`NEAR`] and those at [`STEPS`].
const MOST_NEIGHBOURS: u64 = 12;

/// Distance up to which whole numbers are neighbours in a large domain.
const NEAR: i64 = 4;

impl Domain {
    /// What is wrong with the domain, and the remedy.
    pub(super) fn check(&self) -> Result<(), String> {
        match *self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) if !(low.is_finite() && high.is_finite() && low < high) => {
                Err(format!("[{low}, {high}] has no numbers between; give a finite lower and a larger upper bound"))
            }
            Self::LogUniform(low, _) if low <= 0.0 => Err(format!("the logarithm of {low} does not exist; begin above 0")),
            Self::Int(low, high) | Self::LogInt(low, high) if low > high => {
                Err(format!("[{low}, {high}] has no whole numbers; give the lower bound first"))
            }
            Self::Int(low, high) | Self::LogInt(low, high) if low.unsigned_abs().max(high.unsigned_abs()) > LARGEST => {
                Err(format!("[{low}, {high}] goes beyond ±2^53; give narrower bounds"))
            }
            Self::LogInt(low, _) if low < 1 => Err(format!("a logarithmic scale cannot begin at {low}; begin at 1 or above")),
            Self::Ordered(0) | Self::Choice(0) => Err("there is nothing to choose from; give at least one value".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether the values have no order.
    pub(super) fn is_choice(&self) -> bool {
        matches!(self, Self::Choice(_))
    }

    /// How many values there are; `None` of numbers that are not whole.
    pub(super) fn count(&self) -> Option<u64> {
        let (low, high) = self.whole()?;
        Some(high.abs_diff(low) + 1)
    }

    /// The value with an index below the count.
    pub(super) fn nth(&self, index: u64) -> f64 {
        self.whole().map_or(f64::NAN, |(low, _)| low.saturating_add_unsigned(index) as f64)
    }

    /// Whether it is one of a countable domain's values.
    pub(super) fn has(&self, value: f64) -> bool {
        self.whole().is_some_and(|(low, high)| value == value.trunc() && (low as f64..=high as f64).contains(&value))
    }

    /// The bounds of t.
    pub(super) fn bounds(&self) -> (f64, f64) {
        let (low, high) = match *self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) => (low, high),
            _ => self.whole().map(|(low, high)| (low as f64 - 0.5, high as f64 + 0.5)).expect("all other values are whole"),
        };
        (self.scaled(low), self.scaled(high))
    }

    /// t of a value.
    pub(super) fn scaled(&self, value: f64) -> f64 {
        if self.is_log() { libm::log(value) } else { value }
    }

    /// The value of t, rounded: to a whole number, or to four significant digits; within the bounds.
    pub(super) fn value(&self, t: f64) -> f64 {
        let x = if self.is_log() { libm::exp(t) } else { t };
        match *self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) => rounded(x).clamp(low, high) + 0.0,
            _ => {
                let (low, high) = self.whole().expect("all other values are whole");
                (x + 0.5).floor().clamp(low as f64, high as f64) + 0.0
            }
        }
    }

    /// The edges of a whole number's cell on the scale of t; `None` where numbers are not whole.
    pub(super) fn cell(&self, value: f64) -> Option<(f64, f64)> {
        self.whole().map(|_| (self.scaled(value - 0.5), self.scaled(value + 0.5)))
    }

    /// The value at a coordinate in [0, 1).
    pub(super) fn at(&self, unit: f64) -> f64 {
        match *self {
            Self::Choice(count) => (unit * count as f64).floor().clamp(0.0, count as f64 - 1.0),
            _ => {
                let (low, high) = self.bounds();
                self.value(low + unit * (high - low))
            }
        }
    }

    /// The coordinate of a value in [0, 1]; the index itself of a choice without order.
    pub(super) fn unit(&self, value: f64) -> f64 {
        if self.is_choice() {
            return value;
        }
        let (low, high) = self.bounds();
        (self.scaled(value) - low) / (high - low)
    }

    /// Neighbours of a value, without itself.
    pub(super) fn near(&self, value: f64) -> Vec<f64> {
        let (low, high) = self.bounds();
        let t = self.scaled(value);
        let steps = STEPS.iter().map(|step| self.value((t + step * (high - low)).clamp(low, high)));
        let mut found: Vec<f64> = match self.whole() {
            None => steps.collect(),
            Some((first, last)) if self.is_choice() || last.abs_diff(first) <= MOST_NEIGHBOURS => {
                (first..=last).map(|whole| whole as f64).collect()
            }
            Some((first, last)) => {
                let whole = value as i64;
                let near = (whole - NEAR).max(first)..=(whole + NEAR).min(last);
                near.map(|whole| whole as f64).chain(steps).collect()
            }
        };
        found.retain(|other| *other != value);
        found.sort_by(f64::total_cmp);
        found.dedup();
        found
    }

    /// First and last value of a countable domain.
    fn whole(&self) -> Option<(i64, i64)> {
        match *self {
            Self::Uniform(..) | Self::LogUniform(..) => None,
            Self::Int(low, high) | Self::LogInt(low, high) => Some((low, high)),
            Self::Ordered(count) | Self::Choice(count) => Some((0, count as i64 - 1)),
        }
    }

    fn is_log(&self) -> bool {
        matches!(self, Self::LogUniform(..) | Self::LogInt(..))
    }
}

/// To four significant digits.
fn rounded(x: f64) -> f64 {
    format!("{x:.3e}").parse().expect("a number was written")
}
