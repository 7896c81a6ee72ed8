//! The volume with the runner: filled by the first sandbox of an image, and again where somebody did not come to an end of it.

use bollard::models::{ContainerConfig, VolumeCreateRequest};
use bollard::query_parameters::RemoveVolumeOptionsBuilder;
use hibernaculum_core::{Sandbox, SandboxSpec};

use crate::images::{altered, discard};
use crate::scene::{builder, engine, value, within};

crate::tests![a_volume_that_was_not_filled_is_made_whole];

async fn a_volume_that_was_not_filled_is_made_whole() {
    let name = altered("true", ContainerConfig::default()).await;
    let id = engine().inspect_image(&name).await.unwrap().id.unwrap();
    let id = id.trim_start_matches("sha256:");
    let volume = format!("hibernaculum-runner-{}-{}", &hibernaculum_runner::digest()[..16], &id[..16]);
    let empty = VolumeCreateRequest { name: Some(volume.clone()), ..VolumeCreateRequest::default() };
    engine().create_volume(empty).await.unwrap();
    let backend = builder().image(&name).build().await.unwrap();
    let sandbox = within(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap();
    assert_eq!(value(&sandbox.session().await.unwrap(), "6 * 7").await, "42");
    sandbox.close().await.unwrap();
    discard(&name).await;
    let force = RemoveVolumeOptionsBuilder::default().force(true).build();
    engine().remove_volume(&volume, Some(force)).await.unwrap();
}
