//! Dots of equal or nearly equal values, moved aside so that all can be seen.

/// How far each dot is moved aside so that no two are nearer than their size, at most `room` to both sides: the one nearest to its place
/// first. Values in tenths of a point. Also the radius, at most `most`, that makes it possible; the smallest is a fifth of a dot's.
pub(crate) fn swarm(places: &[i32], most: i32, room: i32) -> (Vec<i32>, i32) {
    let smallest = (most / 4).max(4);
    for radius in (smallest..=most).rev() {
        if let Some(moved) = fitted(places, 2 * radius + 6, room) {
            return (moved, radius);
        }
    }
    let step = |k: i32| if k % 2 == 1 { (k + 1) / 2 } else { -k / 2 };
    let rows = (room / (2 * smallest)).max(0) * 2 + 1;
    ((0..places.len()).map(|k| step(k as i32 % rows) * 2 * smallest).collect(), smallest)
}

fn fitted(places: &[i32], apart: i32, room: i32) -> Option<Vec<i32>> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|&i| places[i]);
    let mut moved = vec![0; places.len()];
    for (k, &i) in order.iter().enumerate() {
        let near: Vec<usize> = order[..k].iter().rev().copied().take_while(|&j| places[i] - places[j] < apart).collect();
        let free = |at: &i32| near.iter().all(|&j| (places[i] - places[j]).pow(2) + (at - moved[j]).pow(2) >= apart * apart);
        let quarter = (apart / 4).max(1);
        let candidates = (0..=room / quarter).flat_map(|n| [n * quarter, -n * quarter]);
        moved[i] = candidates.filter(|at| at.abs() <= room).find(free)?;
    }
    Some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_stand_side_by_side() {
        assert_eq!(swarm(&[100, 400], 20, 50), (vec![0, 0], 20));
        let (moved, radius) = swarm(&[100, 100, 103], 20, 50);
        assert!(radius >= 19, "{radius}");
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            assert!((moved[i] - moved[j]).abs() >= 2 * radius + 4, "{moved:?}");
        }
    }

    #[test]
    fn many_dots_become_small_and_stay_in_their_row() {
        for count in [30, 300] {
            let (moved, radius) = swarm(&vec![7; count], 20, 50);
            assert!(radius < 20 && moved.iter().all(|m| m.abs() <= 50), "{radius}: {moved:?}");
        }
        assert_eq!(swarm(&[], 20, 50).0, Vec::<i32>::new());
    }
}
