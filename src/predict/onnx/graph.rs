//! A graph as it grows: each operator is added behind what it reads.

use super::proto::{self, Attribute, FLOAT, INT64, Node, TensorValue};
use std::collections::HashMap;

/// Shapes and values of tensors by their names.
pub(super) type Tensors = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// Operators and constants so far. A value is known by its name.
pub(super) struct Builder {
    /// What is computed so far.
    pub graph: proto::Graph,
    weights: Tensors,
}

impl Builder {
    /// Nothing yet, with the tensors of a network by their names.
    pub fn new(name: &str, weights: Tensors) -> Self {
        Self { graph: proto::Graph { name: name.to_owned(), ..Default::default() }, weights }
    }

    /// Adds an operator; the name of what it makes.
    pub fn add(&mut self, operator: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        let name = format!("{operator}_{}", self.graph.node.len());
        self.add_as(&name, operator, inputs, attribute)
    }

    /// The same with a name.
    pub fn add_as(&mut self, name: &str, operator: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        self.graph.node.push(Node {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: operator.to_owned(),
            attribute,
        });
        name.to_owned()
    }

    /// A tensor of the network, by its name in the checkpoint.
    ///
    /// # Panics
    /// If the network has none of this name: networks and their descriptions here belong together.
    pub fn weight(&mut self, name: &str) -> String {
        let (shape, values) = self.weights.get(name).unwrap_or_else(|| panic!("the network has `{name}`")).clone();
        self.constant(name, &shape, &values)
    }

    /// The same in another shape, for what is multiplied or added.
    pub fn weight_as(&mut self, name: &str, shape: &[usize]) -> String {
        let values = self.weights.get(name).unwrap_or_else(|| panic!("the network has `{name}`")).1.clone();
        self.constant(name, shape, &values)
    }

    /// Elements of a tensor's first dimension.
    pub fn outputs(&self, name: &str) -> usize {
        self.weights[name].0[0]
    }

    /// A tensor of numbers; one of this name that is there already is the same.
    pub fn constant(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, shape, FLOAT, bytes)
    }

    /// A list of whole numbers.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, &[values.len()], INT64, bytes)
    }

    fn tensor(&mut self, name: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> String {
        if self.graph.initializer.iter().all(|known| known.name != name) {
            let dims = shape.iter().map(|side| *side as i64).collect();
            self.graph.initializer.push(TensorValue { dims, data_type, name: name.to_owned(), raw_data });
        }
        name.to_owned()
    }
}
