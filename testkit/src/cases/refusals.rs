//! What a backend does not offer, it refuses: by name, and with what to do instead. Nothing is dropped in silence.

use std::time::Duration;

use hibernaculum_core::{
    CheckpointId, CheckpointKind, CheckpointRequest, Error, HostLoss, Isolation, NamespaceFilter, NetworkPolicy,
    TransactionPolicy, TransactionScope,
};

use crate::prelude::*;

cases! { "refusals":
    smoke what_a_backend_lacks_is_refused_by_name,
    a_limit_that_is_not_enforced_is_refused,
    a_network_policy_that_is_not_enforced_is_refused,
    an_isolation_level_that_cannot_be_had_is_refused,
    a_refusal_leaves_the_session_as_it_was,
}

/// Every feature that the suite knows a call for.
const FEATURES: [Feature; 13] = [
    Feature::Interrupt,
    Feature::Input,
    Feature::Attach,
    Feature::Preload,
    Feature::Namespace,
    Feature::Files,
    Feature::BindingTransactions,
    Feature::MemoryTransactions,
    Feature::Guard,
    Feature::LiveCheckpoints,
    Feature::Branches,
    Feature::PortableCheckpoints,
    Feature::Linger,
];

/// Asks for a feature.
async fn ask(cx: &Context, session: &Session, feature: Feature) -> Result<Result<(), Error>, Failure> {
    let (backend, sandbox) = (cx.backend(), cx.sandbox().await?.id());
    let id = session.id();
    let in_transaction = |scope| ExecutionRequest::new("x = 2").transaction(TransactionPolicy::CommitOnSuccess { scope });
    let run = async |request: ExecutionRequest| session.execute(request).await.map(drop);
    let mut spec = cx.spec();
    Ok(match feature {
        Feature::Interrupt => session.interrupt(&ExecutionId::new()).await.map(drop),
        Feature::Input => run(asking("x")).await,
        Feature::Attach => session.attach(&ExecutionId::new(), 0).await.map(drop),
        Feature::Preload => {
            spec.preload.push("json".to_owned());
            Sandbox::create(backend, spec).await.map(drop)
        }
        Feature::Namespace => backend.namespace_list(&id, NamespaceFilter::default()).await.map(drop),
        Feature::Files => backend.list_files(&sandbox, ".").await.map(drop),
        Feature::BindingTransactions => run(in_transaction(TransactionScope::Bindings)).await,
        Feature::MemoryTransactions => run(in_transaction(TransactionScope::Memory)).await,
        Feature::Guard => {
            let spec = SessionSpec::default().recovery(RecoveryPolicy::Guard);
            cx.sandbox().await?.session_with(spec).await.map(drop)
        }
        Feature::LiveCheckpoints => {
            backend.checkpoint(&id, CheckpointRequest::new(CheckpointKind::Live)).await.map(drop)
        }
        Feature::Branches => backend.branch(&CheckpointId::new(), SessionSpec::default()).await.map(drop),
        Feature::PortableCheckpoints => {
            backend.checkpoint(&id, CheckpointRequest::new(CheckpointKind::Portable)).await.map(drop)
        }
        Feature::Linger => {
            spec.on_host_loss = Some(HostLoss::Linger(Duration::from_mins(1)));
            Sandbox::create(backend, spec).await.map(drop)
        }
        other => return Err(Failure::new(format!("the suite knows no call for {other}"))),
    })
}

/// A refusal names the backend and what was asked for, and says what to do instead.
#[track_caller]
fn refused(cx: &Context, asked: Result<(), Error>, what: &str) -> Outcome {
    let error = asked.expect_code("unsupported")?;
    let told = error.explain();
    ensure_eq(&format!("whether {:?} names `{what}`", told.what), told.what.contains(&format!("`{what}`")), true)?;
    let backend = &cx.features().backend;
    ensure_eq(&format!("whether {:?} names {backend}", told.what), told.what.contains(backend), true)
}

async fn what_a_backend_lacks_is_refused_by_name(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for feature in FEATURES.into_iter().filter(|feature| !cx.offers(*feature)) {
        refused(cx, ask(cx, &session, feature).await?, feature.name())?;
    }
    if !cx.offers(Feature::Profile) {
        let mut request = ExecutionRequest::new("1");
        request.profile = true;
        refused(cx, session.execute(request).await.map(drop), Feature::Profile.name())?;
    }
    if !cx.offers(Feature::PortableCheckpoints) {
        let spec = SessionSpec::default().recovery(RecoveryPolicy::FromCheckpoint);
        let asked = cx.sandbox().await?.session_with(spec).await.map(drop);
        refused(cx, asked, Feature::PortableCheckpoints.name())?;
    }
    Ok(())
}

async fn a_limit_that_is_not_enforced_is_refused(cx: &Context) -> Outcome {
    use hibernaculum_core::ByteSize;
    let none = Limits::default;
    let asked = [
        Limits { memory: Some(ByteSize::gib(1)), ..none() },
        Limits { cpus: Some(1.0), ..none() },
        Limits { processes: Some(100), ..none() },
        Limits { disk: Some(ByteSize::gib(1)), ..none() },
        Limits { wall_time: Some(Duration::from_mins(1)), ..none() },
        Limits { process_memory: Some(ByteSize::gib(1)), ..none() },
        Limits { process_cpu_time: Some(Duration::from_mins(1)), ..none() },
        Limits { process_open_files: Some(1024), ..none() },
        Limits { process_file_size: Some(ByteSize::gib(1)), ..none() },
    ];
    for limits in asked {
        let Some(kind) = limits.set().next() else { continue };
        let mut spec = cx.spec();
        spec.limits = limits;
        let made = Sandbox::create(cx.backend(), spec).await;
        if cx.features().limits.contains(&kind) {
            made?.close().await?;
        } else {
            refused(cx, made.map(drop), kind.name())?;
        }
    }
    Ok(())
}

async fn a_network_policy_that_is_not_enforced_is_refused(cx: &Context) -> Outcome {
    let hosts = vec!["192.0.2.0/24".to_owned()];
    let policies =
        [NetworkPolicy::None, NetworkPolicy::Loopback, NetworkPolicy::AllowList { hosts }, NetworkPolicy::Full];
    for policy in policies {
        let (name, enforced) = (policy.name(), cx.features().networks.contains(policy.name()));
        let mut spec = cx.spec();
        spec.network = Some(policy.clone());
        let made = Sandbox::create(cx.backend(), spec).await;
        if enforced {
            let sandbox = made?;
            ensure_eq("the policy that holds", sandbox.info().await?.network, policy)?;
            sandbox.close().await?;
        } else {
            refused(cx, made.map(drop), name)?;
        }
    }
    Ok(())
}

async fn an_isolation_level_that_cannot_be_had_is_refused(cx: &Context) -> Outcome {
    for level in [Isolation::Trusted, Isolation::Confined, Isolation::Container, Isolation::Machine] {
        let mut spec = cx.spec();
        spec.isolation = Some(level);
        let made = Sandbox::create(cx.backend(), spec).await;
        if cx.features().isolation.contains(&level) {
            let sandbox = made?;
            ensure_eq("the level that holds", sandbox.info().await?.isolation, level)?;
            sandbox.close().await?;
        } else {
            refused(cx, made.map(drop), level.name())?;
        }
    }
    Ok(())
}

async fn a_refusal_leaves_the_session_as_it_was(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?.expect_completed()?;
    let before = session.info().await?.executions;
    for feature in [Feature::BindingTransactions, Feature::MemoryTransactions] {
        if !cx.offers(feature) {
            refused(cx, ask(cx, &session, feature).await?, feature.name())?;
        }
    }
    session.start(within(Duration::ZERO, "x = 3")).await.expect_code("config.invalid")?;
    session.run("x").await?.expect_value("1")?;
    ensure_eq("executions", session.info().await?.executions, before + 1)
}
