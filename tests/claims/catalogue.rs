//! Every error code names the test that provokes it; that test must exist.

use std::collections::BTreeSet;

use hibernaculum_core::error::catalogue;
use hibernaculum_testkit::cases;

#[test]
fn every_conformance_case_that_the_catalogue_names_is_in_the_suite() {
    let suite: BTreeSet<_> = cases::all().map(|case| case.name).collect();
    let named: Vec<_> =
        catalogue().filter_map(|row| Some((row.code, row.test.strip_prefix("conformance: ")?))).collect();
    assert!(named.len() >= 13, "the catalogue names only {named:?}");
    let missing: Vec<_> = named.iter().filter(|(_, test)| !suite.contains(test)).collect();
    assert!(missing.is_empty(), "codes whose case is not in the suite: {missing:?}");
}
