//! The same tests on a kernel with version 2 alone.

use std::time::Instant;

use super::virtual_machine::{own_tests, run_tests};

#[test]
fn every_test_passes_on_version_2_in_a_virtual_machine() {
    let tests = own_tests();
    assert!(tests.len() > 15, "{tests:?}");
    let begun = Instant::now();
    run_tests(&tests, &["dd", "losetup"]);
    println!("{} tests in {:?}", tests.len(), begun.elapsed());
}
