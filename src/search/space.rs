//! What is searched: parameters with their domains and the conditions under which they are active. Knows no key of a
//! configuration: a name is a text to sort by.

use super::domain::Domain;
use super::point::Point;

/// Most parameters of a space: the Sobol sequence has as many dimensions here.
pub const MOST_PARAMETERS: usize = 64;

/// Most combinations of values that [`Space::every`] goes through.
const MOST_LISTED: u64 = 1_000_000;

/// One parameter of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name, unique within the space.
    pub name: String,
    /// The values that it may have.
    pub domain: Domain,
    /// It is active only where all of these hold; always active without one.
    pub when: Vec<Condition>,
}

impl Parameter {
    /// A parameter that is always active.
    pub fn new(name: &str, domain: Domain) -> Self {
        Self { name: name.to_owned(), domain, when: Vec::new() }
    }

    /// The same, active only where `parent` is active and has one of `values`, which are those of a [`Point`].
    #[must_use]
    pub fn when(mut self, parent: &str, values: &[f64]) -> Self {
        self.when.push(Condition { parent: parent.to_owned(), values: values.to_vec() });
        self
    }
}

/// Holds where another parameter is active and has one of some values.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The other parameter's name.
    pub parent: String,
    /// Its values: whole numbers, or indices of choices, counted from 0.
    pub values: Vec<f64>,
}

/// Why a list of parameters is no space.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpaceError {
    /// No parameter at all.
    #[error("a search needs at least one parameter")]
    Empty,
    /// More than the Sobol sequence has dimensions.
    #[error("{0} parameters are searched, at most {MOST_PARAMETERS} can be; give some a fixed value")]
    TooMany(usize),
    /// Two of one name.
    #[error("{0} is searched twice; give one domain for it")]
    Twice(String),
    /// A domain without values, or one whose logarithms do not exist.
    #[error("{name}: {cause}")]
    Domain {
        /// The parameter.
        name: String,
        /// What is wrong with its domain, and the remedy.
        cause: String,
    },
    /// A condition on something that is not searched.
    #[error("{name} is active by {parent}, which is not searched; name a searched parameter")]
    NoParent {
        /// The conditional parameter.
        name: String,
        /// What it depends on.
        parent: String,
    },
    /// A condition that cannot hold.
    #[error(
        "{name} is active where {parent} is {value}, which is none of its values; name whole numbers or choices of its domain"
    )]
    NoValue {
        /// The conditional parameter.
        name: String,
        /// What it depends on.
        parent: String,
        /// The value that does not exist.
        value: String,
    },
    /// A parameter whose condition leads back to itself.
    #[error("{0} is active by itself, over other parameters; remove one of their conditions")]
    Circle(String),
}

/// Checked parameters, sorted by name, so that the order of writing does not matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
    /// Indices of the parents of each parameter, with the values at which it is active.
    parents: Vec<Vec<(usize, Vec<f64>)>>,
    /// Indices of all parameters, parents before children.
    order: Vec<usize>,
}

impl Space {
    /// A space of these parameters, in any order.
    ///
    /// # Errors
    /// If there is none, there are more than [`MOST_PARAMETERS`], a name is there twice, a domain is empty or has no logarithm,
    /// or a condition is on no searched parameter, on a value that does not exist, or on itself.
    pub fn new(mut parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        match parameters.len() {
            0 => return Err(SpaceError::Empty),
            n if n > MOST_PARAMETERS => return Err(SpaceError::TooMany(n)),
            _ => {}
        }
        if let Some(pair) = parameters.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(SpaceError::Twice(pair[0].name.clone()));
        }
        for Parameter { name, domain, .. } in &parameters {
            domain.check().map_err(|cause| SpaceError::Domain { name: name.clone(), cause })?;
        }
        let parents: Vec<_> = parameters.iter().map(|p| parents(p, &parameters)).collect::<Result<_, _>>()?;
        let order = order(&parents).map_err(|at| SpaceError::Circle(parameters[at].name.clone()))?;
        Ok(Self { parameters, parents, order })
    }

    /// The parameters, sorted by name: a [`Point`] has their values in this order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// How many parameters there are.
    pub fn dimensions(&self) -> usize {
        self.parameters.len()
    }

    /// The domain of a parameter.
    pub(super) fn domain(&self, at: usize) -> &Domain {
        &self.parameters[at].domain
    }

    /// The point at these coordinates in [0, 1), one per parameter.
    pub fn point(&self, unit: &[f64]) -> Point {
        self.with(self.parameters.iter().zip(unit).map(|(p, u)| p.domain.at(*u)).collect())
    }

    /// The point that has these values where its parameters are active.
    pub(super) fn with(&self, values: Vec<f64>) -> Point {
        self.settled(values.into_iter().map(Some).collect())
    }

    /// The point in the unit cube, one coordinate per parameter: 0.5 where one is inactive, the index itself of a choice.
    pub(super) fn encode(&self, point: &Point) -> Vec<f64> {
        let one = |(p, value): (&Parameter, &Option<f64>)| value.map_or(0.5, |value| p.domain.unit(value));
        self.parameters.iter().zip(point.values()).map(one).collect()
    }

    /// Points that differ in one parameter, and in what is active by it: steps up and down of numbers, all other choices.
    pub(super) fn neighbours(&self, point: &Point) -> Vec<Point> {
        let mut found = Vec::new();
        for (at, value) in point.values().iter().enumerate() {
            for other in value.iter().flat_map(|value| self.domain(at).near(*value)) {
                let mut values = point.values().to_vec();
                values[at] = Some(other);
                found.push(self.settled(values));
            }
        }
        found
    }

    /// All points, some more than once; `None` where there are too many, as of any space with a number that is not whole.
    pub(super) fn every(&self) -> Option<impl Iterator<Item = Point> + '_> {
        let counts: Vec<u64> = self.parameters.iter().map(|p| p.domain.count()).collect::<Option<_>>()?;
        let all = counts.iter().try_fold(1_u64, |all, count| all.checked_mul(*count)).filter(|all| *all <= MOST_LISTED)?;
        let point = move |mut index: u64| {
            let mut values = Vec::with_capacity(counts.len());
            for (at, count) in counts.iter().enumerate() {
                values.push(self.domain(at).nth(index % count));
                index /= count;
            }
            self.with(values)
        };
        Some((0..all).map(point))
    }

    /// Values with those of inactive parameters removed; what is active without a value gets the middle of its domain.
    fn settled(&self, mut values: Vec<Option<f64>>) -> Point {
        for &at in &self.order {
            let holds = |(parent, of): &(usize, Vec<f64>)| values[*parent].is_some_and(|value| of.contains(&value));
            let active = self.parents[at].iter().all(holds);
            values[at] = active.then(|| values[at].unwrap_or_else(|| self.domain(at).at(0.5)));
        }
        Point::new(values)
    }
}

/// Indices of a parameter's parents, with the values at which it is active.
fn parents(parameter: &Parameter, all: &[Parameter]) -> Result<Vec<(usize, Vec<f64>)>, SpaceError> {
    let one = |Condition { parent, values }: &Condition| {
        let (name, parent) = (parameter.name.clone(), parent.clone());
        let Some(at) = all.iter().position(|p| p.name == parent) else {
            return Err(SpaceError::NoParent { name, parent });
        };
        match values.iter().find(|value| !all[at].domain.has(**value)) {
            Some(value) => Err(SpaceError::NoValue { name, parent, value: value.to_string() }),
            None if values.is_empty() => Err(SpaceError::NoValue { name, parent, value: "nothing".to_owned() }),
            None => Ok((at, values.clone())),
        }
    };
    parameter.when.iter().map(one).collect()
}

/// Parents before children, otherwise by index.
///
/// # Errors
/// The first parameter that is part of a circle or depends on one.
fn order(parents: &[Vec<(usize, Vec<f64>)>]) -> Result<Vec<usize>, usize> {
    let mut order: Vec<usize> = Vec::new();
    while order.len() < parents.len() {
        let mut rest = (0..parents.len()).filter(|at| !order.contains(at));
        let ready = rest.clone().find(|at| parents[*at].iter().all(|(parent, _)| order.contains(parent)));
        match ready {
            Some(at) => order.push(at),
            None => return Err(rest.next().expect("some are left")),
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests;
