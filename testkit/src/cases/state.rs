//! What a session holds between executions.

use crate::prelude::*;

cases! { "state":
    smoke names_live_between_executions,
    smoke a_failed_execution_keeps_what_it_did,
    imports_functions_and_classes_stay,
    objects_keep_their_identity,
    open_files_and_generators_stay_alive,
    the_working_directory_stays,
    changes_tell_what_was_bound_rebound_and_removed,
    a_mutation_in_place_is_no_change,
}

async fn names_live_between_executions(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 41").await?.expect_no_value()?;
    session.run("x + 1").await?.expect_value("42")?;
    Ok(())
}

async fn a_failed_execution_keeps_what_it_did(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1\n1/0\ny = 2").await?.expect_exception("ZeroDivisionError")?;
    session.run("x, 'y' in globals()").await?.expect_value("(1, False)")?;
    Ok(())
}

async fn imports_functions_and_classes_stay(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let definitions = python(
        "
        import math
        def area(r):
            return math.floor(math.pi * r * r)
        class Circle:
            def __init__(self, r): self.r = r
            def area(self): return area(self.r)
        ",
    );
    session.run(definitions).await?.expect_no_value()?;
    session.run("Circle(10).area()").await?.expect_value("314")?;
    Ok(())
}

async fn objects_keep_their_identity(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("a = []; b = a; before = id(a)").await?.expect_completed()?;
    session.run("a.append(1)").await?.expect_completed()?;
    session.run("b, id(b) == before").await?.expect_value("([1], True)")?;
    Ok(())
}

async fn open_files_and_generators_stay_alive(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("f = open('notes', 'w+'); g = iter(range(3)); next(g)").await?.expect_value("0")?;
    session.run("f.write('hi'), next(g)").await?.expect_value("(2, 1)")?;
    session.run("f.seek(0), f.read(), next(g)").await?.expect_value("(0, 'hi', 2)")?;
    Ok(())
}

async fn the_working_directory_stays(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os; os.mkdir('below'); os.chdir('below')").await?.expect_completed()?;
    session.run("os.path.basename(os.getcwd())").await?.expect_value("'below'")?;
    Ok(())
}

async fn changes_tell_what_was_bound_rebound_and_removed(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let names = |changes: &[hibernaculum_core::Change]| -> Vec<_> {
        changes.iter().map(|change| (change.name.clone(), change.type_name.clone())).collect()
    };
    let pair = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());

    let first = session.run("x = 1; y = 'a'").await?.outcome.changes;
    ensure_eq("added at first", names(&first.added), vec![pair("x", "int"), pair("y", "str")])?;
    ensure_eq("modified at first", first.modified.len(), 0)?;

    let second = session.run("x = 2.5; z = [y]; del y").await?.outcome.changes;
    ensure_eq("added", names(&second.added), vec![pair("z", "list")])?;
    ensure_eq("modified", names(&second.modified), vec![pair("x", "float")])?;
    ensure_eq("removed", second.removed, vec!["y".to_owned()])
}

async fn a_mutation_in_place_is_no_change(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("a = [1]").await?.expect_completed()?;
    let changes = session.run("a.append(2); a = a").await?.outcome.changes;
    ensure_eq("changes", changes, hibernaculum_core::Changes::default())
}
