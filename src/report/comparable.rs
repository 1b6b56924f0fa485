//! Which groups show what a parameter does: those that differ in it alone. Where another changes with it, as in points one by one, nobody
//! can say which of the two it was.

use super::importance::MOST_LEVELS;
use super::sweep::Factor;

/// For each group whether another one agrees with it in all parameters but these and differs in these.
///
/// More than [`MOST_LEVELS`] numbers count as drawn by chance: they are nearly never the same twice, and change with no other by design.
pub(super) fn comparable(all: &[Factor], keys: &[&str]) -> Vec<bool> {
    let (own, others): (Vec<&Factor>, Vec<&Factor>) = all.iter().partition(|factor| keys.contains(&factor.key.as_str()));
    let drawn = |factor: &Factor| factor.numbers().is_some_and(|numbers| numbers.len() > MOST_LEVELS);
    let setting = |group: usize| others.iter().filter(|f| !drawn(f)).map(|f| f.of_group[group]).collect::<Vec<_>>();
    let value = |group: usize| own.iter().map(|f| f.of_group[group]).collect::<Option<Vec<_>>>();
    let groups = all.first().map_or(0, |factor| factor.of_group.len());
    let known: Vec<_> = (0..groups).map(|group| (setting(group), value(group))).collect();
    let differs = |(setting, value): &(Vec<Option<usize>>, Option<Vec<usize>>)| {
        value.is_some() && known.iter().any(|other| other.0 == *setting && other.1.is_some() && other.1 != *value)
    };
    known.iter().map(differs).collect()
}

/// The parameters that have such groups, with the values of these alone.
pub(super) fn charted(all: &[Factor]) -> Vec<Factor> {
    let only = |factor: &Factor| factor.only(&comparable(all, &[&factor.key]));
    all.iter().map(only).filter(|factor| factor.levels.len() > 1).collect()
}

/// The others that vary among the groups of which something is shown.
pub(super) fn varied<'a>(all: &'a [Factor], shown: &[&Factor]) -> Vec<&'a Factor> {
    let groups = |factor: &Factor| -> Vec<Option<usize>> {
        let of_group = factor.of_group.iter().enumerate();
        of_group.filter(|(g, _)| shown.iter().all(|own| own.of_group[*g].is_some())).map(|(_, level)| *level).collect()
    };
    let varies = |factor: &&Factor| groups(factor).windows(2).any(|pair| pair[0] != pair[1]);
    all.iter().filter(|factor| shown.iter().all(|own| own.key != factor.key)).filter(varies).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sweep::Level;

    fn factor(key: &str, of_group: &[usize]) -> Factor {
        let levels = (0..=*of_group.iter().max().unwrap()).map(|l| Level { words: l.to_string(), number: Some(l as f64) });
        Factor { key: key.to_owned(), levels: levels.collect(), of_group: of_group.iter().map(|l| Some(*l)).collect() }
    }

    #[test]
    fn a_parameter_that_never_changes_alone_is_not_comparable() {
        let together = [factor("a", &[0, 1, 2]), factor("b", &[2, 1, 0])];
        assert!(charted(&together).is_empty());
        assert_eq!(comparable(&together, &["a", "b"]), [true; 3], "the two together are");
    }

    #[test]
    fn only_groups_that_differ_in_nothing_else_are_kept() {
        // The first two differ in a alone, the last two in b and c.
        let all = [factor("a", &[0, 1, 1, 1]), factor("b", &[0, 0, 1, 2]), factor("c", &[0, 0, 1, 2])];
        let charted = charted(&all);
        assert_eq!(charted.iter().map(|f| f.key.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(charted[0].of_group, [Some(0), Some(1), None, None]);
        assert_eq!(varied(&all, &[&charted[0]]), Vec::<&Factor>::new());
        assert_eq!(varied(&all, &[&all[0]]).len(), 2);
    }

    #[test]
    fn of_a_grid_and_of_drawn_numbers_all_is_kept() {
        let grid = [factor("a", &[0, 1, 0, 1]), factor("b", &[0, 0, 1, 1])];
        assert_eq!(charted(&grid), grid);
        let drawn = [factor("lr", &[4, 1, 7, 3, 0, 8, 2, 5, 6]), factor("decay", &[1, 5, 2, 8, 3, 6, 0, 4, 7])];
        assert_eq!(charted(&drawn), drawn);
    }
}
