//! 1,000,000 printed lines, taken as they come, beside a bare Python that prints them into a pipe.

#![expect(clippy::expect_used, reason = "a bench that cannot run says so by a panic")]

use criterion::{Criterion, Throughput};
use hibernaculum::LocalBackend;
use hibernaculum_benches::{Bench, Contest, print_lines};

const LINES: usize = 1_000_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let backend = LocalBackend::builder().build().expect("a backend is made");
    let bench =
        Bench::open("local", backend, Bench::runtime().expect("a runtime is made")).expect("a session opens");
    let (product, python) = (bench.product(), bench.python());
    let code = format!("for _ in range({LINES}): print('x')");
    let mut contest = Contest::default();
    let mut both = |iterations| {
        let product = || Ok(product.output(&code, 2 * LINES).expect("the session prints"));
        let floor = || print_lines(python, LINES);
        contest.measure(iterations, product, floor).expect("the floor prints")
    };
    let mut group = criterion.benchmark_group("print_lines");
    group.sample_size(10).throughput(Throughput::Elements(LINES as u64));
    group.bench_function("session", |bencher| bencher.iter_custom(|iterations| both(iterations).product));
    group.bench_function("floor", |bencher| bencher.iter_custom(|iterations| both(iterations).floor));
    group.finish();
    contest.print("print_lines");
    bench.close().expect("the sandbox closes");
    criterion.final_summary();
}
