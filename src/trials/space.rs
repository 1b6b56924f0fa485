//! Between the keys of `[search]` and the numbers of a search: its space, and the configurations of its points.

use super::Error;
use crate::config::{self, Experiment, SearchDraw, Sweep};
use crate::plan::RunId;
use crate::search::{Domain, Parameter, Point, Space};
use std::collections::BTreeMap;
use toml::Value;

/// The searched keys, with what makes values of numbers.
#[derive(Debug, Clone)]
pub(super) struct Searched {
    /// The whole experiment, its search included.
    experiment: Experiment,
    pub space: Space,
}

impl Searched {
    /// The space of an experiment's search.
    ///
    /// # Errors
    /// If there are too many keys, or bounds without values between.
    pub fn of(experiment: &Experiment, search: &config::Search) -> Result<Self, Error> {
        let base = experiment.trial(BTreeMap::new());
        let base = Value::try_from(Experiment { sweep: Sweep::default(), ..base }).expect("an experiment is plain data");
        let parameter = |(key, draw): (&String, &SearchDraw)| {
            let parents = search.parents(key, &base).expect("conditions were checked with the file");
            parents.iter().fold(Parameter::new(key, domain(draw)), |parameter, (parent, values)| parameter.when(parent, values))
        };
        let space = Space::new(search.draw.iter().map(parameter).collect())?;
        Ok(Self { experiment: experiment.clone(), space })
    }

    /// The searched keys, in the order of a point's values.
    pub fn keys(&self) -> Vec<String> {
        self.space.parameters().iter().map(|parameter| parameter.name.clone()).collect()
    }

    /// The keys that are active at a point, with their values.
    pub fn values(&self, point: &Point) -> BTreeMap<String, Value> {
        let draws = &self.experiment.search.as_ref().expect("it is searched").draw;
        let of = |(parameter, value): (&Parameter, &Option<f64>)| {
            Some((parameter.name.clone(), number(&draws[&parameter.name], (*value)?)))
        };
        self.space.parameters().iter().zip(point.values()).filter_map(of).collect()
    }

    /// The experiment of a point, for a plan.
    pub fn trial(&self, point: &Point) -> Experiment {
        self.experiment.trial(self.values(point))
    }

    /// What a point's numbers follow from, the same for two points that are one configuration; `None` if it is excluded or no valid experiment.
    pub fn identity(&self, point: &Point) -> Option<String> {
        let trial = self.trial(point);
        let only = trial.points().into_iter().next().filter(|point| point.left_out.is_none())?;
        let resolved = trial.at(&only.values).ok()?;
        Some(RunId::new(&resolved, "", &[]).hash().to_owned())
    }
}

/// The domain of what is drawn. Choices of numbers have an order.
fn domain(draw: &SearchDraw) -> Domain {
    match draw {
        SearchDraw::Uniform([low, high]) => Domain::Uniform(*low, *high),
        SearchDraw::LogUniform([low, high]) => Domain::LogUniform(*low, *high),
        SearchDraw::Int([low, high]) => Domain::Int(*low, *high),
        SearchDraw::LogInt([low, high]) => Domain::LogInt(*low, *high),
        SearchDraw::Ordered(_) | SearchDraw::Choice(_) => match choices(draw) {
            (values, true) => Domain::Ordered(values.len()),
            (values, false) => Domain::Choice(values.len()),
        },
    }
}

fn choices(draw: &SearchDraw) -> (Vec<Value>, bool) {
    draw.choices().expect("it is a choice")
}

/// The value that a number of a point stands for.
fn number(draw: &SearchDraw, value: f64) -> Value {
    match draw {
        SearchDraw::Uniform(_) | SearchDraw::LogUniform(_) => Value::Float(value),
        SearchDraw::Int(_) | SearchDraw::LogInt(_) => Value::Integer(value as i64),
        SearchDraw::Ordered(_) | SearchDraw::Choice(_) => choices(draw).0.swap_remove(value as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(text: &str) -> Searched {
        let text = format!("name = 'x'\n[dataset.synthetic]\n[search.draw]\n{text}");
        let experiment = config::load_str("x.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        let search = experiment.search.clone().expect("it is searched");
        Searched::of(&experiment, &search).expect("a space")
    }

    #[test]
    fn what_is_excluded_has_no_identity() {
        let excluded =
            searched("'model.unet.norm' = { choice = ['batch', 'group'] }\n[[search.exclude]]\n'model.unet.norm' = 'group'");
        let has = |searched: &Searched, unit| searched.identity(&searched.space.point(&[unit])).is_some();
        assert!(has(&excluded, 0.2) && !has(&excluded, 0.8));
    }

    /// Points whose numbers agree in four digits are one run, and so are those that differ in what is not searched by them.
    #[test]
    fn points_of_one_run_have_one_identity() {
        let rates = searched("'optimizer.adam.lr' = { log_uniform = [1e-4, 1e-2] }");
        let of = |unit: f64| rates.identity(&rates.space.point(&[unit]));
        assert_eq!(of(0.5), of(0.5 + 1e-6));
        assert_ne!(of(0.5), of(0.51));
        let when = "[search.when.'model.unet.groups']\n'model.unet.norm' = 'group'";
        let norms = "'model.unet.groups' = { choice = [2, 1] }\n'model.unet.norm' = { choice = ['batch', 'group'] }";
        let norms = searched(&format!("{norms}\n{when}"));
        assert_eq!(norms.keys(), ["model.unet.groups", "model.unet.norm"]);
        let of = |units: [f64; 2]| norms.identity(&norms.space.point(&units));
        assert_eq!(of([0.2, 0.2]), of([0.8, 0.2]));
        assert_ne!(of([0.2, 0.8]), of([0.8, 0.8]));
    }
}
