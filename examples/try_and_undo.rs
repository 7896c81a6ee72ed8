//! Try and undo: `cargo run --example try_and_undo`.
//!
//! An agent proposes cells, and some of them are wrong. Each runs, with a check behind it, in a transaction over all memory that waits; then it is
//! committed, or everything that it did is undone, down to the last changed object.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use anyhow::Context as _;
use hibernaculum::{
    ExecutionRequest, LocalBackend, Sandbox, SandboxSpec, Session, Status, TransactionPolicy,
    TransactionScope,
};

/// What must hold after every cell.
const CHECK: &str = "len(orders) == 4 and all(order['total'] >= 0 for order in orders)";

/// What the agent proposes, and whether it should stay.
const PROPOSALS: [(&str, bool); 5] = [
    ("for order in orders:\n    order['total'] = order['price'] * order['count']", true),
    ("for order in orders:\n    order['total'] -= 10", false), // a total falls below zero, in place
    ("orders.sort(key=lambda order: order.pop('name'))\n1 / 0", false), // breaks off half-way
    ("del orders[2:]; import os; os._exit(1)", false),         // takes the interpreter with it
    ("total = sum(order['total'] for order in orders)", true),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let backend = LocalBackend::builder().build()?;
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    session
        .execute(
            "orders = [dict(name=name, price=price, count=count, total=0) for name, price, count in\n          \
             [('tea', 3, 2), ('rice', 2, 10), ('salt', 1, 1), ('oil', 9, 1)]]",
        )
        .await?;

    for (code, should_stay) in PROPOSALS {
        println!("\n>>> {}", code.replace('\n', "\n... "));
        let stayed = attempt(&session, code).await?;
        anyhow::ensure!(stayed == should_stay, "{code:?} stayed: {stayed}");
    }

    let result = session.execute("total, sorted(orders[0])").await?;
    let value = result.value().context("the names are gone")?;
    println!("\nAt last: {}", value.repr);
    anyhow::ensure!(value.repr == "(36, ['count', 'name', 'price', 'total'])", "an undone cell left a trace");
    sandbox.close().await?;
    Ok(())
}

/// Runs a proposal with the check behind it; whether it was committed.
async fn attempt(session: &Session, code: &str) -> anyhow::Result<bool> {
    let waits = TransactionPolicy::Explicit { scope: TransactionScope::Memory };
    let cell = ExecutionRequest::new(format!("{code}\n{CHECK}")).transaction(waits);
    let result = session.execute(cell).await?;
    match result.status() {
        // Nothing waits any more: the copy from before has taken over already.
        Status::Crashed => println!("    crashed; the state is {:?}", result.state()),
        Status::Completed if result.json() == Some(&true.into()) => {
            println!("    holds: committed");
            session.commit(&result.execution).await?;
            return Ok(true);
        }
        _ => {
            let problem = result.error().map_or("the check does not hold", |error| error.type_name.as_str());
            println!("    {problem}: rolled back");
            session.rollback(&result.execution).await?;
        }
    }
    Ok(false)
}
