//! Limits: refused where they make no sense, enforced where they are promised.

use std::time::Duration;

use hibernaculum_core::{ByteSize, SandboxSpec};

use crate::prelude::*;

cases! { "limits":
    limits_that_make_no_sense_are_refused,
    memory_of_a_process_is_limited [Need::Limit(LimitKind::ProcessMemory)],
    open_files_of_a_process_are_limited [Need::Limit(LimitKind::ProcessOpenFiles)],
    the_size_of_a_file_is_limited [Need::Limit(LimitKind::ProcessFileSize)],
    the_cpu_time_of_a_process_is_limited [Need::Limit(LimitKind::ProcessCpuTime)],
}

fn limited(cx: &Context, limits: Limits) -> SandboxSpec {
    let mut spec = cx.spec();
    spec.limits = limits;
    spec
}

async fn limits_that_make_no_sense_are_refused(cx: &Context) -> Outcome {
    let none = Limits::default;
    let senseless = [
        (Limits { process_memory: Some(ByteSize::mib(1)), ..none() }, "limits.process_memory"),
        (Limits { memory: Some(ByteSize::bytes(0)), ..none() }, "limits.memory"),
        (Limits { cpus: Some(f64::NAN), ..none() }, "limits.cpus"),
        (Limits { cpus: Some(-1.0), ..none() }, "limits.cpus"),
        (Limits { processes: Some(0), ..none() }, "limits.processes"),
        (Limits { wall_time: Some(Duration::ZERO), ..none() }, "limits.wall_time"),
        (Limits { process_cpu_time: Some(Duration::ZERO), ..none() }, "limits.process_cpu_time"),
        (Limits { process_open_files: Some(0), ..none() }, "limits.process_open_files"),
        (Limits { process_file_size: Some(ByteSize::bytes(0)), ..none() }, "limits.process_file_size"),
    ];
    for (limits, field) in senseless {
        let error = cx.backend().create(limited(cx, limits)).await.expect_code("config.invalid")?;
        ensure_eq("field", error.explain().details.get("field").cloned(), Some(field.into()))?;
    }
    Ok(())
}

async fn memory_of_a_process_is_limited(cx: &Context) -> Outcome {
    let limits = Limits { process_memory: Some(ByteSize::mib(512)), ..Limits::default() };
    let sandbox = cx.new_sandbox(limited(cx, limits)).await?;
    let session = sandbox.session().await?;
    session.run("len(bytearray(2**24))").await?.expect_value("16777216")?;
    session.run("x = 1\nbytearray(2**30)").await?.expect_exception("MemoryError")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn open_files_of_a_process_are_limited(cx: &Context) -> Outcome {
    let limits = Limits { process_open_files: Some(64), ..Limits::default() };
    let sandbox = cx.new_sandbox(limited(cx, limits)).await?;
    let session = sandbox.session().await?;
    let code = python(
        "
        import errno
        files = []
        try:
            for _ in range(5000): files.append(open('/dev/null'))
        except OSError as error:
            reached = error.errno == errno.EMFILE
        (reached, 16 < len(files) <= 64)
        ",
    );
    session.run(code).await?.expect_value("(True, True)")?;
    session.run("files.clear(); open('/dev/null').close()").await?.expect_completed()?;
    let other = sandbox.session().await?;
    other.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn the_size_of_a_file_is_limited(cx: &Context) -> Outcome {
    let limits = Limits { process_file_size: Some(ByteSize::mib(1)), ..Limits::default() };
    let sandbox = cx.new_sandbox(limited(cx, limits)).await?;
    let session = sandbox.session().await?;
    session.run("open('small', 'wb').write(b'x' * 1000)").await?.expect_value("1000")?;
    let result = session.run("import errno\nopen('large', 'wb', 0).write(b'x' * 2**20)\nopen('large', 'ab', 0).write(b'x')").await?;
    let error = result.expect_exception("OSError")?;
    ensure_eq(&error.message, error.message.contains("File too large"), true)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn the_cpu_time_of_a_process_is_limited(cx: &Context) -> Outcome {
    let limits = Limits { process_cpu_time: Some(Duration::from_secs(1)), ..Limits::default() };
    let sandbox = cx.new_sandbox(limited(cx, limits)).await?;
    let session = sandbox.session().await?;
    session.run("1").await?.expect_value("1")?;
    let result = session.run("while True: pass").await?;
    result.expect_crash(&signal(24, "SIGXCPU"))?;
    session.run("2").await?.expect_value("2")?;
    Ok(())
}
