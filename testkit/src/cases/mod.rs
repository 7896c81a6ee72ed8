//! The promises, one module per subject.

use crate::case::Case;

macro_rules! subjects {
    ($($module:ident),* $(,)?) => {
        $(mod $module;)*

        /// Every case of the suite, subject by subject.
        pub fn all() -> impl Iterator<Item = &'static Case> {
            [$($module::CASES),*].into_iter().flatten()
        }
    };
}

subjects! {
    state, values, output, order, displays, stdin, errors, tracebacks, asynchrony, interrupts, deadlines, queue, cancellation,
    attach, background, main_module, processes, descriptors, crashes, recovery, transaction_table, transactions, pending, guard, live, sandboxes, sessions, isolation, limits,
    refusals, bad_input, hostile, namespace, portable, recall, snapshots, adoption, files, magics, info, environment, preload, large,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn every_promise_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for case in all() {
            assert!(names.insert(case.name), "{} is there twice", case.name);
        }
        assert!(names.len() >= 100, "only {} promises", names.len());
    }

    #[test]
    fn the_smoke_subset_is_small_and_not_empty() {
        let smoke = all().filter(|case| case.smoke).count();
        assert!((8..=30).contains(&smoke), "{smoke} cases are in the smoke subset");
    }
}
