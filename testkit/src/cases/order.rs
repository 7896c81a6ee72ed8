//! The order of what is written: two roads, one order.

use crate::prelude::*;

cases! { "order":
    prints_and_awaited_children_keep_their_order,
    the_two_streams_keep_their_order,
    a_hundred_thousand_lines_keep_their_order,
    children_of_every_sort_come_after_earlier_prints,
    output_of_asyncio_children_keeps_its_place,
}

async fn prints_and_awaited_children_keep_their_order(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import subprocess
        for i in range(20):
            print('parent', i)
            subprocess.run(['echo', 'child', str(i)])
        print('end')
        ",
    );
    let mut expected = lines(0..20, |i| format!("parent {i}\nchild {i}\n"));
    expected.push_str("end\n");
    session.run(code).await?.expect_completed()?.expect_stdout(&expected)?;
    Ok(())
}

async fn the_two_streams_keep_their_order(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import sys\nfor i in range(200):\n    print('o', i)\n    print('e', i, file=sys.stderr)";
    let mut run = session.watch(code).await?;
    run.finish().await?.expect_completed()?;
    let expected = lines(0..200, |i| format!("o {i}\ne {i}\n"));
    ensure_eq("both streams as they came", run.output(), expected)
}

async fn a_hundred_thousand_lines_keep_their_order(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("for i in range(100_000): print(i)").await?;
    run.finish().await?.expect_completed()?;
    let expected = lines(0..100_000, |i| format!("{i}\n"));
    ensure_eq("whether every line came in its place", run.output() == expected, true)
}

async fn children_of_every_sort_come_after_earlier_prints(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import os, subprocess, sys
        print('1')
        os.system('echo 2')
        print('3')
        os.waitpid(os.posix_spawn('/bin/sh', ['sh', '-c', 'echo 4'], os.environ), 0)
        print('5')
        pid = os.fork()
        if pid == 0:
            os.write(1, b'6\\n')
            os._exit(0)
        os.waitpid(pid, 0)
        print('7')
        print(subprocess.check_output(['echo', '8']).decode(), end='')
        subprocess.Popen(['echo', '9']).wait()
        print('10')
        ",
    );
    let expected = lines(1..=10, |i| format!("{i}\n"));
    session.run(code).await?.expect_completed()?.expect_stdout(&expected)?;
    Ok(())
}

async fn output_of_asyncio_children_keeps_its_place(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import asyncio
        print('before')
        child = await asyncio.create_subprocess_exec('echo', 'child')
        code = await child.wait()
        print('after', code)
        ",
    );
    session.run(code).await?.expect_completed()?.expect_stdout("before\nchild\nafter 0\n")?;
    Ok(())
}
