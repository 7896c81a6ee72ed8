//! However a sandbox or its host ends, nothing of it is left at the engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptionsBuilder;
use hibernaculum_backend_docker::{Transport, reap};
use hibernaculum_core::{Backend, Sandbox, Session, SessionState};

use crate::scene::{
    backend, builder, containers, engine, fresh, image, marked, run, until, until_gone, within,
};

crate::tests![
    twenty_sandboxes_at_once_live_and_leave_nothing,
    a_creation_that_is_given_up_leaves_nothing,
    a_backend_that_is_dropped_ends_its_sandboxes,
    nothing_survives_kill_minus_9_of_the_host,
    what_may_outlive_its_host_is_continued_after_kill_minus_9_of_it,
    what_nobody_adopts_ends_when_its_time_is_over,
    what_a_dead_host_left_is_reaped_and_what_a_living_one_has_is_not,
    what_a_dead_host_left_is_removed_by_the_next_backend_unasked,
    a_sandbox_says_whose_it_is,
];

async fn twenty_sandboxes_at_once_live_and_leave_nothing() {
    let (spec, label) = marked(&fresh("twenty"));
    let backend = backend().await;
    let making = (0..20).map(|number| {
        let (backend, spec) = (Arc::clone(&backend), spec.clone());
        tokio::spawn(async move {
            let sandbox = Sandbox::create(&backend, spec).await.unwrap();
            let session = sandbox.session().await.unwrap();
            let result = run(&session, &format!("{number} * 2")).await;
            (sandbox, session, result.value().unwrap().repr.clone())
        })
    });
    let mut made = Vec::new();
    for (number, making) in making.collect::<Vec<_>>().into_iter().enumerate() {
        let one = within(making).await.unwrap();
        assert_eq!(one.2, (number * 2).to_string());
        made.push(one);
    }
    assert_eq!(containers(&label).await.len(), 20, "the control: they are found");
    drop(made);
    until_gone(&label).await;
}

async fn a_creation_that_is_given_up_leaves_nothing() {
    let (spec, label) = marked(&fresh("given-up"));
    let backend = backend().await;
    let mut seen = 0;
    for ms in [1, 5, 15, 30, 60, 100, 150, 200, 250, 300, 400] {
        let making = Sandbox::create(&backend, spec.clone());
        drop(tokio::time::timeout(Duration::from_millis(ms), making).await);
        seen += containers(&label).await.len();
    }
    assert!(seen > 0, "the control: some were given up after the container was made");
    until_gone(&label).await;
}

async fn a_backend_that_is_dropped_ends_its_sandboxes() {
    let (spec, label) = marked(&fresh("dropped"));
    let backend: Arc<dyn Backend> = builder().build().await.unwrap();
    let id = Sandbox::create(&backend, spec).await.unwrap().keep();
    assert_eq!(containers(&label).await, [format!("/hibernaculum-{id}")]);
    drop(backend);
    until_gone(&label).await;
}

async fn nothing_survives_kill_minus_9_of_the_host() {
    let mark = fresh("killed");
    let (_, label) = marked(&mark);
    for delay in [0, 40, 90] {
        let (starting, marked) = (mark.clone(), label.clone());
        let mut host = tokio::task::spawn_blocking(move || crate::host::start(&starting)).await.unwrap();
        assert!(containers(&marked).await.len() >= 2, "the control: its sandboxes are there");
        tokio::time::sleep(Duration::from_millis(delay)).await;
        host.kill().unwrap();
        host.wait().unwrap();
        // Those that ran end by themselves; one that was made and not started is found by whoever looks next.
        until("what runs has ended", || async {
            let left = containers(&label).await;
            if left.len() <= 1 { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
        reap(None, false).await.unwrap();
        until_gone(&label).await;
    }
}

async fn what_may_outlive_its_host_is_continued_after_kill_minus_9_of_it() {
    for transport in [Transport::Socket, Transport::Exec] {
        let (mark, scene) = (fresh("left"), tempfile::tempdir().unwrap());
        let (_, label) = marked(&mark);
        let left = crate::host::Left { mark, transport, state: scene.path().to_owned(), seconds: 120 };
        let (mut host, session, execution) =
            tokio::task::spawn_blocking(move || crate::host::leave(&left)).await.unwrap();
        host.kill().unwrap();
        host.wait().unwrap();
        // Its reaper leaves them alone: they run.
        reap(None, false).await.unwrap();
        let next = || builder().transport(transport).state_dir(scene.path());
        let backend: Arc<dyn Backend> = next().build().await.unwrap();
        let sandboxes = adopted(&backend, 1).await;
        let session = Session::of(&backend, session);
        let info = session.info().await.unwrap();
        assert_eq!((info.last_execution, info.state), (Some(execution), SessionState::Running));
        let execution = session.attach(&execution, 0).await.unwrap();
        sandboxes[0].files().write("go", "").await.unwrap();
        let told = within(execution).await.unwrap();
        assert_eq!((told.stdout.as_str(), told.value().unwrap().repr.as_str()), ("before\nafter\n", "42"));
        assert_eq!(run(&session, "x").await.value().unwrap().repr, "[1, 2]");

        // And the next: let go of in order, by a program that is still there.
        for sandbox in sandboxes {
            sandbox.release().await.unwrap();
        }
        let session = session.keep();
        drop(backend);
        assert_eq!(containers(&label).await.len(), 1);
        let backend: Arc<dyn Backend> = next().build().await.unwrap();
        let sandboxes = adopted(&backend, 1).await;
        assert_eq!(run(&Session::of(&backend, session), "x").await.value().unwrap().repr, "[1, 2]");
        for sandbox in sandboxes {
            within(sandbox.close()).await.unwrap();
        }
        until_gone(&label).await;
        drop(backend);
        until("nothing is left but the key", || async {
            let left: Vec<_> =
                std::fs::read_dir(scene.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            if left == ["key"] { Ok(()) } else { Err(format!("{left:?}")) }
        })
        .await;
    }
}

/// Adopts until so many sandboxes are there: it takes a moment until a host is missed that was killed.
async fn adopted(backend: &Arc<dyn Backend>, count: usize) -> Vec<Sandbox> {
    let found = std::sync::Mutex::new(Vec::new());
    until("what was left is adopted", || async {
        let more = Sandbox::adopt(backend).await.unwrap();
        let mut found = found.lock().unwrap();
        found.extend(more);
        if found.len() == count { Ok(()) } else { Err(format!("{} of {count}", found.len())) }
    })
    .await;
    found.into_inner().unwrap()
}

async fn what_nobody_adopts_ends_when_its_time_is_over() {
    let (mark, scene) = (fresh("late"), tempfile::tempdir().unwrap());
    let (_, label) = marked(&mark);
    let left =
        crate::host::Left { mark, transport: Transport::Socket, state: scene.path().to_owned(), seconds: 1 };
    let (mut host, ..) = tokio::task::spawn_blocking(move || crate::host::leave(&left)).await.unwrap();
    assert_eq!(containers(&label).await.len(), 1);
    host.kill().unwrap();
    host.wait().unwrap();
    until_gone(&label).await;
}

/// A container that is made and not started, with labels of somebody's making.
async fn planted(name: &str, host: &str, created: &str) {
    let labels = [
        ("hibernaculum.owner", rustix::process::getuid().as_raw().to_string()),
        ("hibernaculum.host", host.to_owned()),
        ("hibernaculum.created", created.to_owned()),
        ("hibernaculum.ttl", "3600".to_owned()),
        ("hibernaculum.planted", name.to_owned()),
    ];
    let labels: HashMap<_, _> = labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let body =
        ContainerCreateBody { image: Some(image()), labels: Some(labels), ..ContainerCreateBody::default() };
    let options = CreateContainerOptionsBuilder::default().name(name).build();
    engine().create_container(Some(options), body).await.unwrap();
}

/// The label of a process of this machine that is there no more: none has that number.
fn ended_host() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap();
    format!("{} {} 4194304 1", boot.trim(), namespace.display())
}

async fn what_a_dead_host_left_is_reaped_and_what_a_living_one_has_is_not() {
    // Its own host lives: the control, with a label of the same kind.
    let (spec, label) = marked(&fresh("living"));
    let backend = backend().await;
    let living = Sandbox::create(&backend, spec).await.unwrap();
    let (dead, old, young) = (fresh("dead"), fresh("old"), fresh("young"));
    planted(&dead, &ended_host(), "2026-01-01T00:00:00Z").await;
    // Of another machine's processes nobody here knows.
    planted(&old, "elsewhere pid:[1] 1 1", "2020-01-01T00:00:00Z").await;
    planted(&young, "elsewhere pid:[1] 1 1", &jiff::Timestamp::now().to_string()).await;
    let found = |reaped: &[hibernaculum_backend_docker::Reaped], name: &str| {
        reaped.iter().any(|left| left.name == name)
    };

    let dry = reap(None, true).await.unwrap();
    // A living backend's own round may have come first: what is gone need not be found.
    assert!(!found(&dry, &young), "{dry:?}");
    let reaped = reap(None, false).await.unwrap();
    assert!(
        !found(&reaped, &young) && !reaped.iter().any(|left| left.sandbox == Some(living.id().to_string())),
        "{reaped:?}"
    );
    for name in [&dead, &old] {
        until_gone(&format!("hibernaculum.planted={name}")).await;
    }
    assert_eq!(containers(&format!("hibernaculum.planted={young}")).await, [format!("/{young}")]);
    assert_eq!(containers(&label).await.len(), 1);
    let force = bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build();
    engine().remove_container(&young, Some(force)).await.unwrap();
}

async fn what_a_dead_host_left_is_removed_by_the_next_backend_unasked() {
    let (dead, kept) = (fresh("unasked"), fresh("kept"));
    planted(&dead, &ended_host(), "2026-01-01T00:00:00Z").await;
    planted(&kept, "elsewhere pid:[1] 1 1", &jiff::Timestamp::now().to_string()).await;
    let backend = backend().await;
    until_gone(&format!("hibernaculum.planted={dead}")).await;
    assert_eq!(
        containers(&format!("hibernaculum.planted={kept}")).await,
        [format!("/{kept}")],
        "the control"
    );
    let force = bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build();
    engine().remove_container(&kept, Some(force)).await.unwrap();
    drop(backend);
}

async fn a_sandbox_says_whose_it_is() {
    let (spec, label) = marked(&fresh("whose"));
    let backend = backend().await;
    let sandbox = Sandbox::create(&backend, spec).await.unwrap();
    let found = engine().inspect_container(&crate::scene::container(&sandbox), None).await.unwrap();
    let labels = found.config.unwrap().labels.unwrap();
    assert_eq!(labels["hibernaculum.sandbox"], sandbox.id().to_string());
    assert_eq!(labels["hibernaculum.owner"], rustix::process::getuid().as_raw().to_string());
    assert!(labels["hibernaculum.host"].contains(&format!(" {} ", std::process::id())), "{labels:?}");
    assert!(labels["hibernaculum.created"].parse::<jiff::Timestamp>().is_ok(), "{labels:?}");
    assert_eq!(containers(&label).await.len(), 1);
}
