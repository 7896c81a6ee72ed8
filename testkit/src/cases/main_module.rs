//! `__main__` is the user's module: what that makes possible.

use crate::prelude::*;

cases! { "main module":
    main_is_the_users_module,
    what_a_session_defined_can_be_pickled,
    dataclasses_and_type_hints_work,
    a_pool_of_processes_runs_what_the_session_defined,
    an_executor_of_processes_runs_what_the_session_defined,
    spawned_processes_run_what_can_be_imported,
    spawned_processes_that_cannot_import_explain_themselves,
    a_forked_process_brings_its_exit_code_and_traceback,
    the_sessions_names_are_the_users_only,
}

async fn main_is_the_users_module(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import sys
        x = 1
        if __name__ == '__main__':
            ran = True
        import __main__
        (ran, __main__.x, sys.modules['__main__'].__dict__ is globals(), (lambda: 0).__module__)
        ",
    );
    session.run(code).await?.expect_value("(True, 1, True, '__main__')")?;
    Ok(())
}

async fn what_a_session_defined_can_be_pickled(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Point:\n    def __init__(self, x): self.x = x\ndef double(x): return 2 * x").await?.expect_completed()?;
    let code = "import pickle\np, f = pickle.loads(pickle.dumps((Point(3), double)))\np.x, f is double, type(p) is Point";
    session.run(code).await?.expect_value("(3, True, True)")?;
    Ok(())
}

async fn dataclasses_and_type_hints_work(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        from __future__ import annotations
        import dataclasses, typing
        @dataclasses.dataclass
        class Node:
            value: int
            next: typing.Optional[Node] = None
        Node(1, Node(2)), sorted(typing.get_type_hints(Node))
        ",
    );
    session.run(code).await?.expect_value("(Node(value=1, next=Node(value=2, next=None)), ['next', 'value'])")?;
    Ok(())
}

async fn a_pool_of_processes_runs_what_the_session_defined(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import multiprocessing\ndef square(x): return x * x").await?.expect_completed()?;
    let code = "with multiprocessing.get_context('fork').Pool(2) as pool:\n    squares = pool.map(square, range(8))\nsquares";
    session.run(code).await?.expect_value("[0, 1, 4, 9, 16, 25, 36, 49]")?;
    session.run("with multiprocessing.Pool(2) as pool: y = pool.map(square, [9])\ny").await?.expect_value("[81]")?;
    Ok(())
}

async fn an_executor_of_processes_runs_what_the_session_defined(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import concurrent.futures, multiprocessing
        def cube(x): return x ** 3
        fork = multiprocessing.get_context('fork')
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=fork) as pool:
            cubes = list(pool.map(cube, range(5)))
        cubes
        ",
    );
    session.run(code).await?.expect_value("[0, 1, 8, 27, 64]")?;
    Ok(())
}

async fn spawned_processes_run_what_can_be_imported(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for method in ["spawn", "forkserver"] {
        let code = format!(
            "import math, multiprocessing\nwith multiprocessing.get_context({method:?}).Pool(1) as pool:\n    roots = pool.map(math.sqrt, [4.0, 9.0])\nroots"
        );
        session.run(code).await?.expect_value("[2.0, 3.0]")?;
    }
    Ok(())
}

async fn spawned_processes_that_cannot_import_explain_themselves(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import multiprocessing
        def mine(x): return x
        multiprocessing.get_context('spawn').Process(target=mine, args=(1,)).start()
        ",
    );
    let result = session.run(code).await?;
    result.expect_status(Status::Failed)?;
    let told = result.error().map(|error| error.traceback.clone()).unwrap_or_default();
    let explained = told.contains("fork") && told.contains("module");
    ensure_eq(&format!("whether it names the ways out: {told}"), explained, true)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_forked_process_brings_its_exit_code_and_traceback(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import multiprocessing, sys
        fork = multiprocessing.get_context('fork')
        def leave(): sys.exit(5)
        def fail(): raise ValueError('in the child')
        codes = []
        for target in (leave, fail):
            child = fork.Process(target=target)
            child.start()
            child.join()
            codes.append(child.exitcode)
        codes
        ",
    );
    let result = session.run(code).await?;
    result.expect_value("[5, 1]")?;
    let told = result.stderr.as_str().matches("ValueError: in the child").count();
    ensure_eq(&format!("tracebacks in {:?}", result.stderr.text), told, 1)
}

async fn the_sessions_names_are_the_users_only(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("[name for name in globals() if not name.startswith('_')]").await?;
    let names = result.expect_completed()?.json().cloned().unwrap_or_default();
    let surprising: Vec<_> = names
        .as_array()
        .into_iter()
        .flatten()
        .filter(|name| !["In", "Out", "exit", "quit", "display"].iter().any(|known| *name == known))
        .collect();
    ensure_eq("names that the user did not make", surprising, Vec::<&serde_json::Value>::new())
}
