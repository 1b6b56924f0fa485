//! Classes that training cannot learn: no sample of its part shows them.

use super::{Dataset, Parts};

/// What to warn of, a line for each class without a marked pixel in the training part, in the order of the classes.
pub fn absent(dataset: &Dataset, parts: &Parts) -> Vec<String> {
    let ([h, w], others) = (dataset.size, [("val", &parts.val), ("test", &parts.test)]);
    let shown = |samples: &[usize], class: usize| {
        let plane = class * h * w..(class + 1) * h * w;
        samples.iter().filter(|i| dataset.samples[**i].mask[plane.clone()].contains(&1)).count()
    };
    let told = |(class, name): (usize, &String)| {
        if shown(&parts.train, class) > 0 {
            return None;
        }
        let there = others.map(|(part, samples)| (part, shown(samples, class)));
        let there: Vec<String> = there.iter().filter(|(_, n)| *n > 0).map(|(part, n)| format!("{n} of {part}")).collect();
        let everywhere: Vec<usize> = (0..dataset.samples.len()).collect();
        Some(if !there.is_empty() {
            format!(
                "no training sample has a pixel of \"{name}\", {} have: change the split, so that it can be learnt",
                there.join(" and ")
            )
        } else if shown(&everywhere, class) > 0 {
            format!(
                "no sample of train, val and test has a pixel of \"{name}\", others have: change the split, so that it can be learnt"
            )
        } else {
            format!(
                "no sample has a pixel of \"{name}\" at {h} × {w}: check the masks, how their values are read, and preprocess.size"
            )
        })
    };
    dataset.classes.iter().enumerate().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Sample;

    #[test]
    fn a_class_that_training_lacks_is_told_with_where_it_is() {
        let sample = |mask: [u8; 4]| Sample { mask: mask.to_vec(), ..Sample::default() };
        let dataset = |masks: &[[u8; 4]]| Dataset {
            channels: 1,
            classes: vec!["a".into(), "b".into()],
            size: [1, 2],
            samples: masks.iter().copied().map(sample).collect(),
            official_test: vec![],
            sources: vec![],
            fingerprint: String::new(),
        };
        let parts = Parts { train: vec![0], val: vec![1, 2], test: vec![3] };
        let told = |masks: &[[u8; 4]]| absent(&dataset(masks), &parts).join("; ");
        assert_eq!(told(&[[1, 0, 0, 1], [0; 4], [0; 4], [0; 4], [0; 4]]), "");
        assert_eq!(
            told(&[[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0; 4]]),
            "no training sample has a pixel of \"b\", 2 of val and 1 of test have: change the split, so that it can be learnt"
        );
        assert!(
            told(&[[1, 0, 0, 0], [0; 4], [0; 4], [0; 4], [0, 0, 1, 0]])
                .starts_with("no sample of train, val and test has a pixel")
        );
        assert!(told(&[[0, 0, 1, 0], [0; 4], [0; 4], [0; 4], [0; 4]]).starts_with("no sample has a pixel of \"a\" at 1 × 2: "));
    }
}
