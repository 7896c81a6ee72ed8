//! 1,000,000 printed lines, taken as they come, beside a bare Python that prints them into a pipe.

#![expect(clippy::expect_used, reason = "a bench that cannot run says so by a panic")]

use criterion::{Criterion, Throughput};
use hibernaculum_benches::{Contest, Product, floor_script, print_lines};

const LINES: usize = 1_000_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let product = Product::open().expect("a session opens");
    let python = product.python().expect("Python knows its executable");
    // At least half the floor's rate.
    let mut contest = Contest::new("print_lines", 2.0);
    let mut both = |iterations| {
        let product = || Ok(product.print_lines(LINES).expect("the session prints"));
        let floor = || print_lines(&python, floor_script(), LINES);
        contest.measure(iterations, product, floor).expect("the floor prints")
    };
    let mut group = criterion.benchmark_group("print_lines");
    group.sample_size(10).throughput(Throughput::Elements(LINES as u64));
    group.bench_function("session", |bencher| bencher.iter_custom(|iterations| both(iterations).product));
    group.bench_function("floor", |bencher| bencher.iter_custom(|iterations| both(iterations).floor));
    group.finish();
    contest.print();
    product.close().expect("the sandbox closes");
    criterion.final_summary();
}
