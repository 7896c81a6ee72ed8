//! What code finds around itself.

use hibernaculum_core::Script;

use crate::prelude::*;

cases! { "environment":
    variables_of_the_spec_are_there,
    variables_of_the_host_are_not,
    the_working_directory_is_its_own_and_empty,
    a_working_directory_can_be_named,
    modules_in_the_working_directory_can_be_imported,
    python_runs_isolated_from_its_surroundings,
    text_is_utf_8_everywhere,
    a_script_sees_its_name_and_arguments,
    the_runner_leaves_no_traces_in_sight,
}

async fn variables_of_the_spec_are_there(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.env.insert("GREETING".to_owned(), "grüß Gott\n$HOME 'quoted'".to_owned());
    let sandbox = cx.new_sandbox(spec).await?;
    let session = sandbox.session().await?;
    session.run("import os; os.environ['GREETING']").await?.expect_value("\"grüß Gott\\n$HOME 'quoted'\"")?;
    let child = "import subprocess; subprocess.check_output('printf %s \"$GREETING\"', shell=True).decode()";
    session.run(child).await?.expect_value("\"grüß Gott\\n$HOME 'quoted'\"")?;
    Ok(())
}

async fn variables_of_the_host_are_not(cx: &Context) -> Outcome {
    // What cargo sets for its tests stands for the secrets of a host.
    let Some((name, value)) = std::env::vars().find(|(name, value)| name.starts_with("CARGO") && value.len() > 8) else {
        return Err(Failure::lacks("cargo", "there is no variable in the host's environment to look for"));
    };
    let session = cx.session().await?;
    let told = session.run("import os\n[[*os.environ], [*os.environ.values()]]").await?;
    let json = told.expect_completed()?.json().cloned().unwrap_or_default();
    let [names, values]: [Vec<String>; 2] = serde_json::from_value(json).map_err(|error| Failure::new(error.to_string()))?;
    ensure("the control: PATH is there", names.iter().any(|there| there == "PATH"))?;
    ensure(&format!("{name} is not there"), !names.contains(&name))?;
    ensure(&format!("nothing has the value of {name}"), values.iter().all(|there| !there.contains(&value)))
}

async fn the_working_directory_is_its_own_and_empty(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os; os.listdir('.'), os.access('.', os.W_OK)").await?.expect_value("([], True)")?;
    session.run("oct(os.stat('.').st_mode & 0o077)").await?.expect_value("'0o0'")?;
    Ok(())
}

async fn a_working_directory_can_be_named(cx: &Context) -> Outcome {
    let (maker, mut spec) = (cx.session().await?, cx.spec());
    let made = maker.run("import os, tempfile\nnamed = os.path.realpath(tempfile.mkdtemp())\nopen(named + '/there', 'w').close()\nnamed").await?;
    let path = made.json().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default();
    spec.workdir = Some(path.clone());
    let sandbox = match Sandbox::create(cx.backend(), spec).await {
        Ok(sandbox) => sandbox,
        // Where sandboxes have a file system of their own, the directory is not there; the error must say so.
        Err(error) => return error.expect_code("sandbox.start").map(drop),
    };
    let session = sandbox.session().await?;
    session.run("import os; os.getcwd(), os.listdir('.')").await?.expect_value(&format!("('{path}', ['there'])"))?;
    drop(session);
    sandbox.close().await?;
    maker.run("os.listdir(named)").await?.expect_value("['there']")?;
    maker.run("import shutil; shutil.rmtree(named)").await?.expect_completed()?;
    Ok(())
}

async fn modules_in_the_working_directory_can_be_imported(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("with open('mine.py', 'w') as f: f.write('def answer(): return 42')").await?.expect_completed()?;
    session.run("import mine; mine.answer()").await?.expect_value("42")?;
    session.run("import sys, os; sys.path[0] == os.getcwd()").await?.expect_value("True")?;
    Ok(())
}

async fn python_runs_isolated_from_its_surroundings(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.env.insert("PYTHONPATH".to_owned(), "/nonexistent/planted".to_owned());
    spec.env.insert("PYTHONSTARTUP".to_owned(), "/nonexistent/planted.py".to_owned());
    let sandbox = cx.new_sandbox(spec).await?;
    let session = sandbox.session().await?;
    session.run("import sys; sys.flags.isolated, '/nonexistent/planted' in sys.path").await?.expect_value("(1, False)")?;
    Ok(())
}

async fn text_is_utf_8_everywhere(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import locale, sys\nsys.stdout.encoding, sys.stderr.encoding, sys.getfilesystemencoding(), locale.getpreferredencoding(False).lower()";
    session.run(code).await?.expect_value("('utf-8', 'utf-8', 'utf-8', 'utf-8')")?;
    session.run("with open('ü', 'w') as f: _ = f.write('€')\nopen('ü').read()").await?.expect_value("'€'")?;
    Ok(())
}

async fn a_script_sees_its_name_and_arguments(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os\nos.mkdir('scripts')\nwith open('scripts/beside.py', 'w') as f: _ = f.write('x = 42')").await?.expect_completed()?;
    let argv = ["scripts/run.py", "--fast", "ü"].map(str::to_owned).to_vec();
    let script = Script { filename: "scripts/run.py".to_owned(), first_line: 1, argv: Some(argv) };
    let code = "import sys, beside\n__file__, sys.argv, __name__, beside.x";
    let result = session.run(ExecutionRequest::new(code).script(script)).await?;
    result.expect_value("('scripts/run.py', ['scripts/run.py', '--fast', 'ü'], '__main__', 42)")?;
    Ok(())
}

async fn the_runner_leaves_no_traces_in_sight(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "import os, sys\n[(k, v) for k, v in os.environ.items() if 'secret' in k.lower()], [a for a in sys.argv if len(a) > 40]";
    session.run(code).await?.expect_value("([], [])")?;
    session.run("len(open('/proc/self/cmdline').read()) < 4096").await?.expect_value("True")?;
    Ok(())
}
