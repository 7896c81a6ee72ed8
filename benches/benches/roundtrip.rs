//! `1+1` and back through the public `Session` API, beside a bare Python that evaluates it.

#![expect(clippy::expect_used, reason = "a bench that cannot run says so by a panic")]

use std::time::Instant;

use criterion::Criterion;
use hibernaculum::LocalBackend;
use hibernaculum_benches::{Bench, Contest, Floor, Mode};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let backend = LocalBackend::builder().build().expect("a backend is made");
    let bench =
        Bench::open("local", backend, Bench::runtime().expect("a runtime is made")).expect("a session opens");
    let (product, python) = (bench.product(), bench.python());
    let mut floor = Floor::start(python, Mode::Roundtrip).expect("the floor starts");
    let mut contest = Contest::default();
    let mut both = |iterations| {
        let product = || Ok(product.roundtrip("1+1", "2").expect("the session answers"));
        let floor = || {
            let start = Instant::now();
            floor.ask("1+1").map(|_| start.elapsed())
        };
        contest.measure(iterations, product, floor).expect("the floor answers")
    };
    let mut group = criterion.benchmark_group("roundtrip");
    group.bench_function("session", |bencher| bencher.iter_custom(|iterations| both(iterations).product));
    group.bench_function("floor", |bencher| bencher.iter_custom(|iterations| both(iterations).floor));
    group.finish();
    contest.print("roundtrip");
    bench.close().expect("the sandbox closes");
    criterion.final_summary();
}
