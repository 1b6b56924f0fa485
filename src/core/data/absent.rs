//! Classes that no sample of a split shows: training cannot learn them, and they have no scores.

use super::{Dataset, IGNORED, Splits};

/// Of each class, how many of these samples have a foreground pixel of it.
fn counts(dataset: &Dataset, samples: &[usize]) -> Vec<usize> {
    let pixels = dataset.size[0] * dataset.size[1];
    let shows = |sample: usize, class: usize| dataset.samples[sample].mask[class * pixels..(class + 1) * pixels].contains(&1);
    (0..dataset.classes.len()).map(|class| samples.iter().filter(|sample| shows(**sample, class)).count()).collect()
}

/// Of each class, whether any of these samples has a foreground pixel of it.
pub fn shown(dataset: &Dataset, samples: &[usize]) -> Vec<bool> {
    counts(dataset, samples).into_iter().map(|count| count > 0).collect()
}

/// Of each of these samples and of every class how many pixels are foreground, and how many count.
pub fn foreground(dataset: &Dataset, samples: &[usize]) -> Vec<Vec<[usize; 2]>> {
    let pixels = dataset.size[0] * dataset.size[1];
    let count = |plane: &[u8], is: fn(&u8) -> bool| plane.iter().filter(|value| is(value)).count();
    let of = |sample: &usize| {
        let planes = dataset.samples[*sample].mask.chunks_exact(pixels);
        planes.map(|plane| [count(plane, |value| *value == 1), count(plane, |value| *value != IGNORED)]).collect()
    };
    samples.iter().map(of).collect()
}

/// What to warn of: a line for each class without a foreground pixel in the training split, in the order of the classes; then for the other
/// splits one for each class that they lack though training has it, or one in all where they have no foreground.
pub fn absent(dataset: &Dataset, splits: &Splits) -> Vec<String> {
    let [h, w] = dataset.size;
    let everywhere: Vec<usize> = (0..dataset.samples.len()).collect();
    let (of_train, of_all) = (counts(dataset, &splits.train), counts(dataset, &everywhere));
    let others = [("val", counts(dataset, &splits.val)), ("test", counts(dataset, &splits.test))];
    let message = |(class, name): (usize, &String)| {
        if of_train[class] > 0 {
            return None;
        }
        let there = others.iter().map(|(part, counts)| (part, counts[class])).filter(|(_, n)| *n > 0);
        let there: Vec<String> = there.map(|(part, n)| format!("{n} of {part}")).collect();
        Some(if !there.is_empty() {
            format!(
                "no training sample has a pixel of \"{name}\", {} have: change the split, so that it can be learnt",
                there.join(" and ")
            )
        } else if of_all[class] > 0 {
            format!(
                "no sample of train, val and test has a pixel of \"{name}\", others have: change the split, so that it can be learnt"
            )
        } else {
            format!(
                "no sample has a pixel of \"{name}\" at {h} × {w}: check the masks, how their values are read, and preprocess.size"
            )
        })
    };
    let mut message: Vec<String> = dataset.classes.iter().enumerate().filter_map(message).collect();
    for (part, counts) in
        others.iter().zip([&splits.val, &splits.test]).filter(|(_, samples)| !samples.is_empty()).map(|(of, _)| of)
    {
        if counts.iter().all(|count| *count == 0) {
            let learnt = of_train.iter().any(|count| *count > 0);
            message.extend(learnt.then(|| {
                format!("no {part} sample has any foreground: scores there say only whether the prediction is empty too")
            }));
            continue;
        }
        let lacking =
            dataset.classes.iter().zip(counts.iter().zip(&of_train)).filter(|(_, (here, train))| **here == 0 && **train > 0);
        message.extend(lacking.map(|(name, _)| {
            format!(
                "no {part} sample has a pixel of \"{name}\": it has no scores there, and means over the classes are without it"
            )
        }));
    }
    message
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
        let splits = Splits { train: vec![0], val: vec![1, 2], test: vec![3] };
        let message = |masks: &[[u8; 4]]| absent(&dataset(masks), &splits).join("; ");
        assert_eq!(message(&[[1, 0, 0, 1], [1, 0, 0, 1], [0; 4], [1, 0, 1, 0], [0; 4]]), "");
        assert_eq!(
            message(&[[1, 0, 0, 1], [1, 0, 0, 0], [0; 4], [0; 4], [0; 4]]),
            "no val sample has a pixel of \"b\": it has no scores there, and means over the classes are without it; \
             no test sample has any foreground: scores there say only whether the prediction is empty too"
        );
        assert_eq!(
            message(&[[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1], [0; 4]]),
            "no training sample has a pixel of \"b\", 2 of val and 1 of test have: change the split, so that it can be learnt"
        );
        assert!(
            message(&[[1, 0, 0, 0], [0; 4], [0; 4], [0; 4], [0, 0, 1, 0]])
                .starts_with("no sample of train, val and test has a pixel")
        );
        assert!(
            message(&[[0, 0, 1, 0], [0; 4], [0; 4], [0; 4], [0; 4]]).starts_with("no sample has a pixel of \"a\" at 1 × 2: ")
        );
    }
}
