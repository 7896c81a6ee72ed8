//! An interrupt, from the call to the end of the execution, of a sleep and of a busy loop, beside a bare Python that gets SIGINT.

#![expect(clippy::expect_used, reason = "a bench that cannot run says so by a panic")]

use criterion::Criterion;
use hibernaculum::LocalBackend;
use hibernaculum_benches::{Bench, Contest, Floor, Mode};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let backend = LocalBackend::builder().build().expect("a backend is made");
    let bench =
        Bench::open("local", backend, Bench::runtime().expect("a runtime is made")).expect("a session opens");
    let (product, python) = (bench.product(), bench.python());
    let mut floor = Floor::start(python, Mode::Interrupt).expect("the floor starts");
    for (name, busy) in [("interrupt_sleep", false), ("interrupt_busy", true)] {
        let mut contest = Contest::default();
        let mut both = |iterations| {
            let product = || Ok(product.interrupt(busy).expect("the session is interrupted"));
            let floor = || floor.interrupt(busy);
            contest.measure(iterations, product, floor).expect("the floor is interrupted")
        };
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        group.bench_function("session", |bencher| bencher.iter_custom(|iterations| both(iterations).product));
        group.bench_function("floor", |bencher| bencher.iter_custom(|iterations| both(iterations).floor));
        group.finish();
        contest.print(name);
    }
    bench.close().expect("the sandbox closes");
    criterion.final_summary();
}
