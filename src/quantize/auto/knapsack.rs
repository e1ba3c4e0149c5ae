//! One candidate of each of several lists with the least sum of losses whose sum of costs a budget allows: the knapsack problem
//! with choices.
//!
//! List by list, all sums of the lists so far are kept that may become the best: those with a smaller loss than every sum that
//! costs no more. If a choice from all lists is the best one, then its part from the first lists is among these, or one that is
//! as good, since a cheaper or better part would make the whole cheaper or better. Sums whose cost leaves less than the least
//! that the other lists cost are dropped. What is left is small where costs are alike from layer to layer, as those of real
//! networks are; where it is not, only the best sum is kept of each of [`MOST`] equal ranges of costs. What is found then still
//! keeps to the budget, but something slightly better may be missed.

/// Sums that are kept after each list.
const MOST: usize = 1 << 13;

/// One of the things to choose from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub cost: f64,
    pub loss: f64,
}

/// A sum over the first lists.
#[derive(Clone, Copy)]
struct Sum {
    total: Candidate,
    /// The candidate of the last of these lists, and the place of the sum without it.
    chosen: usize,
    before: usize,
}

/// The place of the candidate of each list; `None` if the cheapest ones cost more than the budget.
pub(super) fn choose(lists: &[Vec<Candidate>], budget: f64) -> Option<Vec<usize>> {
    choose_of(lists, budget, MOST)
}

fn choose_of(lists: &[Vec<Candidate>], budget: f64, most: usize) -> Option<Vec<usize>> {
    let start = Sum { total: Candidate { cost: 0.0, loss: 0.0 }, chosen: 0, before: 0 };
    let mut stages: Vec<Vec<Sum>> = vec![vec![start]];
    for (at, list) in lists.iter().enumerate() {
        let others: f64 = lists[at + 1..].iter().map(|list| least_cost(list)).sum();
        let sums = extended(stages.last()?, list).into_iter().filter(|sum| sum.total.cost + others <= budget);
        stages.push(thinned(useful(sums.collect()), most));
    }
    let mut place = stages.last()?.len().checked_sub(1)?;
    let mut chosen = Vec::with_capacity(lists.len());
    for stage in stages[1..].iter().rev() {
        chosen.push(stage[place].chosen);
        place = stage[place].before;
    }
    chosen.reverse();
    Some(chosen)
}

/// What the cheapest candidate costs.
fn least_cost(list: &[Candidate]) -> f64 {
    list.iter().map(|candidate| candidate.cost).fold(f64::INFINITY, f64::min)
}

/// Each sum with each candidate.
fn extended(sums: &[Sum], list: &[Candidate]) -> Vec<Sum> {
    let with = |(before, sum): (usize, &Sum)| {
        let total = sum.total;
        list.iter().enumerate().map(move |(chosen, candidate)| {
            let total = Candidate { cost: total.cost + candidate.cost, loss: total.loss + candidate.loss };
            Sum { total, chosen, before }
        })
    };
    sums.iter().enumerate().flat_map(with).collect()
}

/// Those that lose less than all that cost no more, in ascending order of cost.
fn useful(mut sums: Vec<Sum>) -> Vec<Sum> {
    sums.sort_by(|a, b| a.total.cost.total_cmp(&b.total.cost).then(a.total.loss.total_cmp(&b.total.loss)));
    let mut least = f64::INFINITY;
    sums.retain(|sum| {
        let is_better = sum.total.loss < least;
        least = least.min(sum.total.loss);
        is_better
    });
    sums
}

/// At most `most` and one of them, the last of each range of costs: it loses least.
fn thinned(sums: Vec<Sum>, most: usize) -> Vec<Sum> {
    let (Some(first), Some(last)) = (sums.first(), sums.last()) else { return sums };
    if sums.len() <= most {
        return sums;
    }
    let (start, range) = (first.total.cost, last.total.cost - first.total.cost);
    let cell = |sum: &Sum| ((sum.total.cost - start) / range * most as f64) as usize;
    let is_last = |at: usize| sums.get(at + 1).is_none_or(|next| cell(next) > cell(&sums[at]));
    (0..sums.len()).filter(|&at| is_last(at)).map(|at| sums[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Rng;

    /// Random lists of up to four candidates; whole costs, as bytes are, so that sums of them are exact.
    fn lists(rng: &mut Rng, count: usize) -> Vec<Vec<Candidate>> {
        let mut candidate = || Candidate { cost: rng.uniform(1.0, 40.0).floor(), loss: rng.uniform(0.0, 1.0) };
        (0..count).map(|at| (0..1 + at % 4).map(|_| candidate()).collect()).collect()
    }

    fn total(lists: &[Vec<Candidate>], chosen: &[usize]) -> Candidate {
        let picked = lists.iter().zip(chosen).map(|(list, &at)| list[at]);
        picked.fold(Candidate { cost: 0.0, loss: 0.0 }, |sum, candidate| Candidate {
            cost: sum.cost + candidate.cost,
            loss: sum.loss + candidate.loss,
        })
    }

    /// All choices, one after the other.
    fn all(lists: &[Vec<Candidate>]) -> Vec<Vec<usize>> {
        lists.iter().fold(vec![Vec::new()], |choices, list| {
            let with =
                |choice: &Vec<usize>| (0..list.len()).map(|at| [&choice[..], &[at]].concat()).collect::<Vec<_>>();
            choices.iter().flat_map(with).collect()
        })
    }

    #[test]
    fn no_choice_within_the_budget_loses_less() {
        let mut rng = Rng::new(1);
        for round in 0..60 {
            let lists = lists(&mut rng, 1 + round % 7);
            let all: Vec<Candidate> = all(&lists).iter().map(|choice| total(&lists, choice)).collect();
            for budget in [0.0, 20.0, 60.0, 90.0, 120.0, 500.0] {
                let allowed = all.iter().filter(|sum| sum.cost <= budget);
                let least = allowed.map(|sum| sum.loss).min_by(f64::total_cmp);
                let found = choose(&lists, budget).map(|chosen| total(&lists, &chosen));
                assert_eq!(found.map(|sum| sum.loss), least, "{lists:?} {budget}");
                assert!(found.is_none_or(|sum| sum.cost <= budget));
            }
        }
    }

    #[test]
    fn a_sum_that_meets_the_budget_exactly_is_allowed() {
        let list = vec![Candidate { cost: 3.0, loss: 1.0 }, Candidate { cost: 5.0, loss: 0.5 }];
        let lists = vec![list; 3];
        assert_eq!(choose(&lists, 15.0), Some(vec![1, 1, 1]));
        assert_eq!(total(&lists, &choose(&lists, 14.0).unwrap()).cost, 13.0);
        assert_eq!(choose(&lists, 8.0), None);
        assert_eq!(choose(&[], 0.0), Some(Vec::new()));
    }

    #[test]
    fn with_few_sums_kept_the_budget_holds_and_little_is_lost() {
        let mut rng = Rng::new(2);
        for _ in 0..20 {
            let mut lists = lists(&mut rng, 12);
            // Costs that are nowhere alike.
            lists.iter_mut().flatten().for_each(|candidate| candidate.cost += rng.uniform(0.0, 1.0));
            let all: f64 = lists.iter().map(|list| least_cost(list)).sum();
            let budget = all * 1.3;
            let exact = total(&lists, &choose(&lists, budget).unwrap());
            let rough = total(&lists, &choose_of(&lists, budget, 200).unwrap());
            assert!(rough.cost <= budget && rough.loss <= exact.loss * 1.05 && rough.loss >= exact.loss);
        }
    }
}
