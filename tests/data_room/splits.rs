//! Splits: their laws for any data set, and what they refuse.

use crate::tree::{Tree, named};
use proptest::prelude::*;
use std::collections::BTreeSet;
use umlaut::config::{self, Fit, SplitRule};
use umlaut::data::{Dataset, Splits, split};

fn read(toml: &str) -> SplitRule {
    toml::from_str(toml).unwrap()
}

fn refusal(dataset: &Dataset, toml: &str) -> String {
    split(dataset, &read(toml)).unwrap_err().to_string()
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("p{}_{i}", i % 7)).collect()
}

fn by_name(dataset: &Dataset, part: &[usize]) -> BTreeSet<String> {
    part.iter().map(|i| dataset.samples[*i].name.clone()).collect()
}

/// In no two parts, and none left out.
fn assert_partition(parts: &Splits, count: usize) {
    let mut all = [&parts.train[..], &parts.val, &parts.test].concat();
    all.sort();
    assert_eq!(all, (0..count).collect::<Vec<_>>());
    assert!([&parts.train, &parts.val, &parts.test].iter().all(|part| part.is_sorted()));
}

fn patient(name: &str) -> &str {
    name.split('_').next().unwrap()
}

proptest! {
    #[test]
    fn fractions_share_out_everything(count in 3usize..60, seed: u64, shares in prop::array::uniform3(1u32..20)) {
        let sum = f64::from(shares.iter().sum::<u32>());
        let [train, val, test] = shares.map(|share| f64::from(share) / sum);
        let config = SplitRule::Fractions(config::FractionSplit { train, val, test, seed, group: None });
        let parts = split(&named(&numbered(count)), &config).unwrap();
        assert_partition(&parts, count);
        for (part, share) in [(&parts.train, train), (&parts.val, val), (&parts.test, test)] {
            prop_assert!(!part.is_empty());
            // Where no part needs a gift, largest remainders stay within 1.
            if [train, val, test].iter().all(|share| share * count as f64 >= 1.0) {
                prop_assert!((part.len() as f64 - share * count as f64).abs() < 1.0 + 1e-9);
            }
        }
    }

    #[test]
    fn groups_stay_together(count in 10usize..60, seed: u64) {
        let dataset = named(&numbered(count));
        let config = config::FractionSplit { train: 0.5, val: 0.25, test: 0.25, seed, group: Some("^(p\\d)_".into()) };
        let folds = config::KFoldSplit { k: 3, folds: vec![2], test: 0.2, seed, group: Some("^p\\d".into()) };
        for config in [SplitRule::Fractions(config), SplitRule::KFold(folds)] {
            let parts = split(&dataset, &config).unwrap();
            assert_partition(&parts, count);
            let patients = [&parts.train, &parts.val, &parts.test]
                .map(|part| part.iter().map(|i| patient(&dataset.samples[*i].name)).collect::<BTreeSet<_>>());
            for (a, b) in [(0, 1), (0, 2), (1, 2)] {
                prop_assert!(patients[a].is_disjoint(&patients[b]));
            }
        }
    }

    #[test]
    fn the_order_of_listing_does_not_matter(names in Just(numbered(20)).prop_shuffle(), seed in 0u64..3) {
        let (listed, sorted) = (named(&names), named(&numbered(20)));
        let config = config::KFoldSplit { k: 4, folds: vec![1], test: 0.25, seed, group: None };
        for config in [SplitRule::KFold(config), SplitRule::Fractions(config::FractionSplit { seed, ..Default::default() })] {
            let (a, b) = (split(&listed, &config).unwrap(), split(&sorted, &config).unwrap());
            for (a, b) in [(&a.train, &b.train), (&a.val, &b.val), (&a.test, &b.test)] {
                prop_assert_eq!(by_name(&listed, a), by_name(&sorted, b));
            }
        }
    }

    #[test]
    fn every_sample_validates_in_one_fold(count in 8usize..40, k in 2usize..7, seed: u64, test in prop::sample::select(vec![0.0, 0.2])) {
        let dataset = named(&numbered(count));
        let parts: Vec<Splits> = (1..=k)
            .map(|fold| split(&dataset, &SplitRule::KFold(config::KFoldSplit { k, folds: vec![fold], test, seed, group: None })).unwrap())
            .collect();
        let mut validated: Vec<usize> = parts.iter().flat_map(|parts| parts.val.clone()).collect();
        validated.extend(&parts[0].test);
        validated.sort();
        prop_assert_eq!(validated, (0..count).collect::<Vec<_>>());
        let sizes: Vec<usize> = parts.iter().map(|parts| parts.val.len()).collect();
        prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        for fold in &parts {
            assert_partition(fold, count);
            prop_assert_eq!(&fold.test, &parts[0].test);
            prop_assert_eq!(fold.test.is_empty(), test == 0.0);
        }
    }
}

#[test]
fn shares_are_rounded_by_largest_remainder() {
    let sizes = |count: usize, shares: [f64; 3]| {
        let [train, val, test] = shares;
        let config = SplitRule::Fractions(config::FractionSplit { train, val, test, seed: 1, group: None });
        let parts = split(&named(&numbered(count)), &config).unwrap();
        [parts.train.len(), parts.val.len(), parts.test.len()]
    };
    assert_eq!(sizes(120, [0.7, 0.15, 0.15]), [84, 18, 18]);
    assert_eq!(sizes(30, [0.8, 0.2, 0.0]), [24, 6, 0]);
    // 3.5, 0.75, 0.75: one each to the two largest remainders.
    assert_eq!(sizes(5, [0.7, 0.15, 0.15]), [3, 1, 1]);
    // 9.8, 0.1, 0.1: the small parts get one of the large one's.
    assert_eq!(sizes(10, [0.98, 0.01, 0.01]), [8, 1, 1]);
}

#[test]
fn seeds_differ_and_repeat() {
    let dataset = named(&numbered(40));
    let with = |seed: u64| split(&dataset, &read(&format!("[fractions]\nseed = {seed}"))).unwrap();
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
    // Written down, so that a change of the draw cannot pass unseen: it changes numbers of every experiment.
    assert_eq!(with(1).val, [2, 3, 8, 18, 27, 33]);
}

fn two_official_parts() -> Dataset {
    let mut dataset = named(&numbered(20));
    dataset.official_test = (0..20).map(|i| i >= 14).collect();
    dataset
}

#[test]
fn the_official_test_part_tests_or_validates() {
    let dataset = two_official_parts();
    let parts = split(&dataset, &read("[official]")).unwrap();
    assert_eq!(parts.test, (14..20).collect::<Vec<_>>());
    // A fifth of 14 is 2.8.
    assert_eq!((parts.train.len(), parts.val.len()), (11, 3));
    assert_partition(&parts, 20);
    let parts = split(&dataset, &read("[official]\nvalidate_on = 'test'")).unwrap();
    assert_eq!((parts.train.len(), parts.val, parts.test.len()), (14, (14..20).collect(), 0));
}

#[test]
fn official_parts_and_groups() {
    let dataset = two_official_parts();
    assert_eq!(
        refusal(&dataset, "[official]\ngroup = '^p.'"),
        "split: group = '^p.' has groups in both official splits: p0, p1, p2, p3, p4, and 1 more; use split.fractions, or no group"
    );
    let mut apart = two_official_parts();
    apart.samples.iter_mut().skip(14).for_each(|sample| sample.name.insert(0, 't'));
    let parts = split(&apart, &read("[official]\ngroup = '^t?p.'\nval_fraction = 0.3")).unwrap();
    // Seven patients of two samples; 2.1 of them is 2.
    assert_eq!((parts.train.len(), parts.val.len(), parts.test.len()), (10, 4, 6));
}

#[test]
fn official_parts_that_are_not_there() {
    let expected = "split.official: the data set has no official test split; use split.fractions, or complete the data set";
    assert_eq!(refusal(&named(&numbered(9)), "[official]"), expected);
}

#[test]
fn lists_with_stars() {
    let dataset = named(&["a1", "a2", "b1", "b2", "c"].map(String::from));
    let parts = split(&dataset, &read("[lists]\ntrain = ['a*', 'b2', 'a1']\nval = ['b1']")).unwrap();
    assert_eq!(parts, Splits { train: vec![0, 1, 3], val: vec![2], test: vec![] });
}

#[test]
fn lists_that_are_wrong() {
    let dataset = named(&["slice_01", "slice_02", "slice_03"].map(String::from));
    assert_eq!(
        refusal(&dataset, "[lists]\ntrain = ['slice_01']\nval = ['slcie_02']"),
        "split.lists.val: no sample \"slcie_02\"; did you mean \"slice_02\"?"
    );
    assert_eq!(
        refusal(&dataset, "[lists]\ntrain = ['slice_01.png']\nval = []"),
        "split.lists.train: no sample \"slice_01.png\"; did you mean \"slice_01\"?"
    );
    assert_eq!(
        refusal(&dataset, "[lists]\ntrain = ['slice_01']\nval = ['image*']"),
        "split.lists.val: no sample \"image*\"; there are slice_01, slice_02, slice_03; names are those of the files, without extension"
    );
    assert_eq!(
        refusal(&dataset, "[lists]\ntrain = ['slice_0*']\nval = ['slice_02']\ntest = ['slice_03']"),
        "split.lists: 1 sample(s) are both in train and in val: slice_02; name each in one part only"
    );
    assert_eq!(
        refusal(&dataset, "[lists]\ntrain = ['*']\nval = []"),
        "split: the part val is empty; it needs at least one sample"
    );
}

#[test]
fn groups_that_are_wrong() {
    let dataset = named(&["a1", "a2", "b1", "c"].map(String::from));
    assert_eq!(
        refusal(&dataset, "[fractions]\ngroup = '^(.)\\d'"),
        "split: group = '^(.)\\d' does not match 1 name(s): c; widen it so that it matches all"
    );
    assert!(refusal(&dataset, "[fractions]\ngroup = '('").starts_with("split: group = '(' is no regular expression: "));
}

#[test]
fn too_few_samples() {
    assert_eq!(
        refusal(&named(&numbered(2)), "[fractions]"),
        "split.fractions needs at least 3 samples (groups, where `group` is set), there are 2; add data or ask for fewer parts"
    );
    // Seven patients.
    assert!(refusal(&named(&numbered(30)), "[k_fold]\nk = 8\nfolds = [1]\ngroup = 'p.'").contains("at least 8 samples"));
    assert_eq!(
        refusal(&named(&numbered(5)), "[k_fold]\nk = 5\nfolds = [1]\ntest = 0.2"),
        "split.k_fold needs at least 6 samples (groups, where `group` is set), there are 5; add data or ask for fewer parts"
    );
    assert_eq!(
        refusal(&named(&numbered(9)), "[k_fold]\nk = 3\nfolds = [1, 2]"),
        "split.k_fold.folds must hold one fold between 1 and 3 here, got [1, 2]"
    );
}

#[test]
fn the_same_picture_in_two_parts() {
    let tree = Tree::new();
    tree.pairs(3);
    // Other bytes, same pixels.
    tree.grey("images/copy.tif", [4, 4], |y, x| 10 + (4 * y + x) as u8);
    tree.grey("masks/copy.png", [4, 4], |_, _| 0);
    let dataset = tree.open(&tree.folders(""), [4, 4], Fit::Pad).unwrap();
    let apart = refusal(&dataset, "[lists]\ntrain = ['0', '1']\nval = ['2']\ntest = ['copy']");
    assert_eq!(
        apart.replace(&tree.root().display().to_string(), "ROOT"),
        "the same picture is in two parts of the split: ROOT/images/1.png in train and ROOT/images/copy.tif in test; remove one of \
         the files, or keep both in one part (split.lists, or `group`)"
    );
    assert!(split(&dataset, &read("[lists]\ntrain = ['0', '1', 'copy']\nval = ['2']")).is_ok());
}
