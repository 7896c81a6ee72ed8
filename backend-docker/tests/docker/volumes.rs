//! Volumes: the one with the runner, filled by the first sandbox of an image, and again where somebody did not come to an end of it; and those that the engine
//! makes by itself, of which none is nobody's.

use std::collections::{BTreeSet, HashMap};
use std::process::Child;

use bollard::models::{ContainerConfig, Volume, VolumeCreateRequest};
use bollard::query_parameters::{
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use hibernaculum_backend_docker::reap;
use hibernaculum_core::{Sandbox, SandboxSpec};

use crate::host::{Deed, begin};
use crate::images::{altered, discard};
use crate::proxy::{Mode, Proxy};
use crate::scene::{builder, containers, engine, fresh, marked, until, until_gone, value, within};

crate::tests![
    a_volume_that_was_not_filled_is_made_whole,
    a_volume_that_an_image_declares_is_nobodys_place,
    what_the_engine_made_for_a_host_that_was_killed_is_found,
    what_the_engine_made_for_a_build_that_was_killed_is_found,
];

async fn a_volume_that_was_not_filled_is_made_whole() {
    let name = altered("true", ContainerConfig::default()).await;
    let volume = runners(&name).await;
    let empty = VolumeCreateRequest { name: Some(volume.clone()), ..VolumeCreateRequest::default() };
    engine().create_volume(empty).await.unwrap();
    let backend = builder().image(&name).build().await.unwrap();
    let sandbox = within(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap();
    assert_eq!(value(&sandbox.session().await.unwrap(), "6 * 7").await, "42");
    sandbox.close().await.unwrap();
    // One that nobody had labelled could never be found.
    assert!(engine().inspect_volume(&volume).await.unwrap().labels.contains_key("hibernaculum.owner"));
    discard(&name).await;
    remove(&volume).await;
}

/// What the volume with the runner for an image is called.
async fn runners(image: &str) -> String {
    let id = engine().inspect_image(image).await.unwrap().id.unwrap();
    let id = id.trim_start_matches("sha256:");
    format!("hibernaculum-runner-{}-{}", &hibernaculum_runner::digest()[..16], &id[..16])
}

async fn remove(volume: &str) {
    let force = RemoveVolumeOptionsBuilder::default().force(true).build();
    engine().remove_volume(volume, Some(force)).await.unwrap();
}

/// An image that declares volumes, one of them where a sandbox has a place of its own.
async fn declaring() -> String {
    let volumes = Some(["/data", "/tmp/"].map(str::to_owned).to_vec());
    altered("mkdir /data; touch /data/there", ContainerConfig { volumes, ..ContainerConfig::default() }).await
}

async fn volumes(label: Option<&str>) -> Vec<Volume> {
    let filters = label.map(|label| HashMap::from([("label".to_owned(), vec![label.to_owned()])]));
    let options = ListVolumesOptionsBuilder::default().filters(&filters.unwrap_or_default()).build();
    engine().list_volumes(Some(options)).await.unwrap().volumes.unwrap_or_default()
}

/// The volumes that the engine has given a name, and nobody a label.
async fn nobodys() -> BTreeSet<String> {
    let all = volumes(None).await.into_iter();
    let nobodys = all.filter(|volume| volume.labels.is_empty() && volume.name.len() == 64);
    nobodys.map(|volume| volume.name).collect()
}

async fn names(label: &str) -> Vec<String> {
    volumes(Some(label)).await.into_iter().map(|volume| volume.name).collect()
}

async fn a_volume_that_an_image_declares_is_nobodys_place() {
    let (name, before) = (declaring().await, nobodys().await);
    let backend = builder().image(&name).build().await.unwrap();
    let (spec, label) = marked(&fresh("declared"));
    let sandbox = Sandbox::create(&backend, spec).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let code = "import os\nopen('/tmp/x', 'w').close()\nof = os.statvfs('/tmp')\n\
                [os.listdir('/data'), os.access('/data', os.W_OK), of.f_blocks * of.f_frsize >> 20]";
    assert_eq!(value(&session, code).await, "[[], False, 256]");
    assert_eq!(nobodys().await.difference(&before).count(), 0, "a volume is nobody's");
    let below = format!("hibernaculum.sandbox={}", sandbox.id());
    assert_eq!(names(&below).await.len(), 1, "what lies unseen below `/tmp` has an owner");
    drop(session);
    sandbox.close().await.unwrap();
    until_gone(&label).await;
    assert!(names(&below).await.is_empty(), "and goes with its container");
    found_without(&name).await;
}

/// Removes the image. What was prepared for it is found, and by nobody before.
async fn found_without(image: &str) {
    let volume = runners(image).await;
    reap(None, false).await.unwrap();
    assert!(engine().inspect_volume(&volume).await.is_ok(), "the control: it is of use");
    discard(image).await;
    // The last container that used it may be going still.
    until("what nobody needs is found", || async {
        reap(None, false).await.unwrap();
        match engine().inspect_volume(&volume).await {
            Ok(_) => Err(format!("{volume} is there")),
            Err(_) => Ok(()),
        }
    })
    .await;
}

/// Kills it, without a word.
fn kill(mut host: Child) {
    host.kill().unwrap();
    host.wait().unwrap();
}

async fn what_the_engine_made_for_a_host_that_was_killed_is_found() {
    let (image, mark, before) = (declaring().await, fresh("window"), nobodys().await);
    let (spec, label) = marked(&mark);
    let backend = builder().image(&image).build().await.unwrap();
    Sandbox::create(&backend, spec).await.unwrap().close().await.unwrap();
    let proxy = Proxy::start();
    proxy.set(Mode::StallAt("/containers/create"));
    let host = begin(Deed::Sandboxes, &mark, &proxy.host(), &image);
    within(proxy.stalled()).await;
    // It has seen the runner's volume, and somebody removes that: the engine makes another for the container.
    let volume = runners(&image).await;
    until("nothing uses it", || async {
        let options = RemoveVolumeOptionsBuilder::default().build();
        engine().remove_volume(&volume, Some(options)).await.map_err(|error| error.to_string())
    })
    .await;
    proxy.set(Mode::StallAt("/start"));
    within(proxy.stalled()).await;
    assert_eq!(containers(&label).await.len(), 1, "the control: it is made, and not started");
    kill(host);
    let made = engine().inspect_volume(&volume).await.unwrap();
    assert!(made.labels.contains_key("hibernaculum.owner"), "{:?}", made.labels);
    reap(None, false).await.unwrap();
    until_gone(&label).await;
    assert_eq!(nobodys().await.difference(&before).count(), 0, "a volume is nobody's");
    found_without(&image).await;
}

async fn what_the_engine_made_for_a_build_that_was_killed_is_found() {
    let (base, before) = (declaring().await, nobodys().await);
    let backend = builder().image(&base).build().await.unwrap();
    Sandbox::create(&backend, SandboxSpec::default()).await.unwrap().close().await.unwrap();
    let proxy = Proxy::start();
    proxy.set(Mode::StallAt("/start"));
    let host = begin(Deed::Image, "", &proxy.host(), &base);
    within(proxy.stalled()).await;
    assert_eq!(nobodys().await.difference(&before).count(), 0, "a volume is nobody's");
    let its = format!(" {} ", host.id());
    let left = volumes(Some("hibernaculum.host")).await.into_iter();
    let left: Vec<_> = left.filter(|volume| volume.labels["hibernaculum.host"].contains(&its)).collect();
    assert_eq!(left.len(), 2, "the control: those of `/data` and `/tmp`");
    // Even where somebody removes the container alone.
    let whose = format!("hibernaculum.host={}", left[0].labels["hibernaculum.host"]);
    kill(host);
    for container in containers(&whose).await {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(false).build();
        let container = container.trim_start_matches('/');
        // A backend of another test may have found it, and its volumes with it.
        let _ = engine().remove_container(container, Some(options)).await;
    }
    reap(None, false).await.unwrap();
    until("nothing is left of it", || async {
        let left = names(&whose).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    found_without(&base).await;
}
