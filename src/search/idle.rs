//! How long slots wait for results, by the clock and by what jobs really took: a search played again on its own numbers.

use super::clock::Clock;

/// The share of the slots' time, until the last job starts, in which a slot was free and the next job needed a result that was
/// not there. Jobs start in order on `slots` virtual and as many real slots; job i was predicted to take `costs[i]` ticks and
/// took `seconds[i]`. What fills waits in between counts as waiting.
pub fn idle(slots: usize, costs: &[u64], seconds: &[f64]) -> f64 {
    let (mut clock, mut free) = (Clock::new(slots), vec![0.0_f64; slots.max(1)]);
    let (mut ends, mut waited, mut last): (Vec<f64>, f64, f64) = Default::default();
    for (cost, seconds) in costs.iter().zip(seconds) {
        let needed = clock.sees().into_iter().map(|job| ends[job]).fold(0.0, f64::max);
        let slot = (0..free.len()).min_by(|a, b| free[*a].total_cmp(&free[*b])).expect("there is a slot");
        last = needed.max(free[slot]);
        waited += last - free[slot];
        free[slot] = last + seconds;
        ends.push(free[slot]);
        clock.push(*cost);
    }
    if last > 0.0 { waited / (free.len() as f64 * last) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Stream;

    /// By hand: jobs of 4 ticks on two slots; job 2 starts at tick 4 and sees nothing, job 4 at tick 8 and sees 0 and 1, which end
    /// at 5. Job 0 takes 20 s, the others 4: jobs 1 to 3 pass one slot until 12, where job 4 waits for job 0 until 20.
    #[test]
    fn a_job_waits_for_what_it_sees() {
        assert_eq!(idle(2, &[4; 5], &[4.0; 5]), 0.0);
        assert_eq!(idle(2, &[4; 5], &[20.0, 4.0, 4.0, 4.0, 4.0]), 8.0 / 40.0);
        assert_eq!((idle(3, &[], &[]), idle(0, &[4], &[1.0])), (0.0, 0.0));
    }

    /// The figures that the padding of the clock is for: runs of one search that differ tenfold, predicted with a standard error
    /// of 10 and 30 %.
    #[test]
    fn slots_hardly_wait_where_costs_are_predicted_roughly() {
        let mean = |error: f64| {
            let each = (0..20_u64).map(|world| {
                let number = |stream: &str, job: usize| Stream::new(world, stream, job, 0).uniform();
                // The sum of twelve, less six, is nearly normal.
                let normal = |job| (0..12).map(|at| number("error", 12 * job + at)).sum::<f64>() - 6.0;
                let costs: Vec<f64> = (0..100).map(|job| 1e6 * libm::pow(10.0, number("cost", job))).collect();
                let took: Vec<f64> = costs.iter().enumerate().map(|(job, cost)| cost * libm::exp(error * normal(job))).collect();
                idle(4, &costs.iter().map(|cost| *cost as u64).collect::<Vec<_>>(), &took)
            });
            each.sum::<f64>() / 20.0
        };
        assert!(mean(0.1) <= 0.03 && mean(0.3) <= 0.06, "{} {}", mean(0.1), mean(0.3));
    }
}
