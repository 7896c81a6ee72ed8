//! An interrupt, from the call to the end of the execution, of a sleep and of a busy loop, beside a bare Python that gets SIGINT.

#![expect(clippy::expect_used, reason = "a bench that cannot run says so by a panic")]

use criterion::Criterion;
use hibernaculum_benches::{Contest, Floor, Mode, Product, floor_script};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let product = Product::open().expect("a session opens");
    let python = product.python().expect("Python knows its executable");
    let mut floor = Floor::start(&python, floor_script(), Mode::Interrupt).expect("the floor starts");
    for (name, busy) in [("interrupt_sleep", false), ("interrupt_busy", true)] {
        let mut contest = Contest::new(name, 5.0);
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
        contest.print();
    }
    product.close().expect("the sandbox closes");
    criterion.final_summary();
}
