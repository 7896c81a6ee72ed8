//! Processes and threads of the code: forks, children, what they leave.

use crate::prelude::*;

cases! { "processes":
    smoke a_forked_child_is_no_session,
    a_forked_child_that_returns_from_its_code_says_nothing,
    a_forked_child_that_raises_shows_its_traceback,
    fork_in_c_code_does_no_harm,
    a_forked_child_may_outlive_its_execution,
    children_end_with_their_session,
    threads_run_and_print,
    zombies_do_not_pile_up,
    a_daemon_does_not_hold_the_execution,
}

async fn a_forked_child_is_no_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import os
        x = 'parent'
        pid = os.fork()
        if pid == 0:
            x = 'child'
            print('from the child', flush=True)
            os._exit(7)
        status = os.waitpid(pid, 0)[1]
        x, status >> 8
        ",
    );
    session.run(code).await?.expect_value("('parent', 7)")?.expect_stdout("from the child\n")?;
    session.run("x").await?.expect_value("'parent'")?;
    Ok(())
}

async fn a_forked_child_that_returns_from_its_code_says_nothing(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os; me = os.getpid()").await?.expect_completed()?;
    for _ in 0..5 {
        // Both processes come to the end of this code. Only the session may answer.
        session.run("pid = os.fork()\nos.getpid() == me").await?.expect_value("True")?;
        session.run("os.waitpid(pid, 0)[0] == pid, os.getpid() == me").await?.expect_value("(True, True)")?;
    }
    Ok(())
}

async fn a_forked_child_that_raises_shows_its_traceback(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import os
        pid = os.fork()
        if pid == 0:
            raise ValueError('in the child')
        os.waitpid(pid, 0)[1] != 0
        ",
    );
    let result = session.run(code).await?;
    result.expect_value("True")?;
    let told = result.stderr.as_str().contains("ValueError: in the child");
    ensure_eq(&format!("whether {:?} tells of the exception", result.stderr.text), told, true)
}

async fn fork_in_c_code_does_no_harm(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import ctypes, os\nlibc = ctypes.PyDLL(None)\nme = os.getpid()").await?.expect_completed()?;
    // No hook of Python's runs in this child; it returns from the code all the same.
    session.run("pid = libc.fork()\nos.getpid() == me").await?.expect_value("True")?;
    session.run("os.waitpid(pid, 0)[0] == pid").await?.expect_value("True")?;
    session.run("os.getpid() == me").await?.expect_value("True")?;
    Ok(())
}

async fn a_forked_child_may_outlive_its_execution(cx: &Context) -> Outcome {
    let (session, other) = (cx.session().await?, cx.session().await?);
    let code = python(
        "
        import os, time
        pid = os.fork()
        if pid == 0:
            while not os.path.exists('go'): time.sleep(0.002)
            open('lived', 'w').close()
            os._exit(0)
        ",
    );
    session.run(code).await?.expect_completed()?;
    session.run("1 + 1").await?.expect_value("2")?;
    other.run(make("go")).await?.expect_completed()?;
    other.run(wait_for("lived")).await?.expect_completed()?;
    session.run("os.waitpid(pid, 0)[1]").await?.expect_value("0")?;
    Ok(())
}

async fn children_end_with_their_session(cx: &Context) -> Outcome {
    let (session, witness) = (cx.session().await?, cx.session().await?);
    // An ordinary child, one in a session of its own, and one whose parent is gone as well: a daemon.
    let code = python(
        "
        import os, subprocess, time
        pids = [subprocess.Popen(['sleep', '600'], start_new_session=own).pid for own in (False, True)]
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            daemon = os.fork()
            if daemon == 0:
                os.close(write)
                time.sleep(600)
            os.write(write, str(daemon).encode())
            os._exit(0)
        os.wait()
        pids.append(int(os.read(read, 20)))
        pids
        ",
    );
    let pids = session.run(code).await?.expect_completed()?.json().cloned().unwrap_or_default();
    let look = python(
        "
        import os
        def alive(pid):
            try: os.kill(pid, 0)
            except ProcessLookupError: return False
            return True
        ",
    );
    witness.run(look).await?.expect_completed()?;
    let alive = format!("[alive(pid) for pid in {pids}]");
    witness.run(alive.as_str()).await?.expect_value("[True, True, True]")?;
    session.close().await?;
    witness.run(alive).await?.expect_value("[False, False, False]")?;
    Ok(())
}

async fn threads_run_and_print(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        import threading
        def count(name):
            for i in range(200): print(name, i)
        threads = [threading.Thread(target=count, args=(name,)) for name in 'abcd']
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        ",
    );
    let result = session.run(code).await?;
    result.expect_completed()?;
    for name in ["a", "b", "c", "d"] {
        let lines: Vec<_> = result.stdout.as_str().lines().filter(|line| line.starts_with(name)).collect();
        let expected: Vec<_> = (0..200).map(|i| format!("{name} {i}")).collect();
        ensure_eq(&format!("lines of {name}"), lines, expected)?;
    }
    Ok(())
}

async fn zombies_do_not_pile_up(cx: &Context) -> Outcome {
    let (session, witness) = (cx.session().await?, cx.session().await?);
    let code = python(
        "
        import os
        for _ in range(20):
            if os.fork() == 0:
                if os.fork() == 0: os._exit(0)
                os._exit(0)
            os.wait()
        ",
    );
    session.run(code).await?.expect_completed()?;
    let zombies = python(
        "
        import os, time
        def zombies():
            found = 0
            for pid in filter(str.isdigit, os.listdir('/proc')):
                try: state = open('/proc/%s/stat' % pid).read().rsplit(')', 1)[1].split()
                except OSError: continue
                # Only the sandbox's own: those whose parent is in the tree of this process' parent.
                found += state[0] == 'Z' and int(state[1]) in (os.getppid(), os.getpid())
            return found
        def left():
            until = time.monotonic() + 10
            while zombies() and time.monotonic() < until: time.sleep(0.002)
            return zombies()
        ",
    );
    witness.run(zombies).await?.expect_completed()?;
    // Grandchildren are reaped when it comes to that.
    witness.run("left()").await?.expect_value("0")?;
    Ok(())
}

async fn a_daemon_does_not_hold_the_execution(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    // It keeps both of the session's pipes open; the execution ends all the same.
    let code = python(
        "
        import os, subprocess, time
        child = subprocess.Popen('echo started; touch started; exec sleep 600', shell=True, start_new_session=True)
        while not os.path.exists('started'): time.sleep(0.002)
        'ended'
        ",
    );
    session.run(code).await?.expect_value("'ended'")?.expect_stdout("started\n")?;
    session.run("child.poll()").await?.expect_no_value()?;
    Ok(())
}
