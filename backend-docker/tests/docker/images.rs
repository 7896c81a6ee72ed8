//! Which image is taken, and what is said of one that will not do.

use bollard::models::{ContainerConfig, ContainerCreateBody};
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveImageOptionsBuilder, StartContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt as _;
use hibernaculum_core::{Error, Sandbox, SandboxSpec};

use crate::scene::{builder, engine, fresh, image, refused, value};

crate::tests![
    an_image_that_is_not_there_names_the_command_that_makes_one,
    an_image_without_a_usable_python_says_what_was_found,
    a_python_without_parts_of_its_library_says_which,
    what_an_image_would_do_by_itself_does_not_happen,
];

async fn an_image_that_is_not_there_names_the_command_that_makes_one() {
    for name in ["hibernaculum-nothing:never", "../../containers/json?x=", "", "UPPER CASE"] {
        let error = refused(builder().image(name).build().await.map(drop));
        assert_eq!(error.code(), "sandbox.no_image", "{name}");
        let told = error.explain();
        assert!(told.how.contains("hib image build") && told.why.contains("`image` setting"), "{told}");
    }
}

/// An image like that of the tests, but for what a shell script has done to it.
pub(crate) async fn altered(script: &str, config: ContainerConfig) -> String {
    let (engine, name) = (engine(), fresh("hibernaculum-altered").to_lowercase().replace("sbx_", ""));
    let body = ContainerCreateBody {
        image: Some(image()),
        entrypoint: Some(["sh", "-ec", script].map(str::to_owned).to_vec()),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    engine.create_container(Some(options), body).await.unwrap();
    engine.start_container(&name, None::<StartContainerOptions>).await.unwrap();
    let ended = engine.wait_container(&name, None::<WaitContainerOptions>).next().await.unwrap();
    assert_eq!(ended.unwrap().status_code, 0, "{script}");
    let options = CommitContainerOptionsBuilder::default().container(&name).repo(&name).tag("test").build();
    engine.commit_container(options, config).await.unwrap();
    let force = RemoveContainerOptionsBuilder::default().force(true).build();
    engine.remove_container(&name, Some(force)).await.unwrap();
    format!("{name}:test")
}

pub(crate) async fn discard(image: &str) {
    let force = RemoveImageOptionsBuilder::default().force(true).build();
    engine().remove_image(image, Some(force), None).await.unwrap();
}

/// What comes of a sandbox in such an image.
async fn attempt(script: &str) -> Error {
    let name = altered(script, ContainerConfig::default()).await;
    let backend = builder().image(&name).build().await.unwrap();
    let error = refused(Sandbox::create(&backend, SandboxSpec::default()).await.map(drop));
    let told = error.explain();
    assert!(told.what.contains(&name) || told.why.contains(&name), "{told}");
    discard(&name).await;
    error
}

async fn an_image_without_a_usable_python_says_what_was_found() {
    let none = attempt("rm -f /usr/bin/python3*").await;
    assert_eq!(none.code(), "sandbox.image_unfit");
    assert!(none.explain().why.contains("no `python3` along its PATH"), "{}", none.explain());

    let impostor = "printf '#!/bin/sh\\necho I am a teapot\\n' > /usr/bin/teapot; chmod +x /usr/bin/teapot; ln -sf teapot /usr/bin/python3";
    let teapot = attempt(impostor).await;
    assert_eq!(teapot.code(), "sandbox.image_unfit");
    assert!(teapot.explain().why.contains("I am a teapot"), "{}", teapot.explain());

    let old = "printf '#!/bin/sh\\necho hibernaculum-python cpython 3.7.17; exit 3\\n' > /usr/bin/old; chmod +x /usr/bin/old; ln -sf old /usr/bin/python3";
    let old = attempt(old).await;
    assert_eq!(old.code(), "sandbox.image_unfit");
    assert!(old.explain().why.contains("CPython 3.7.17"), "{}", old.explain());
}

async fn a_python_without_parts_of_its_library_says_which() {
    // What Debian's package `python3-minimal` is: the package with the rest of the library was never there.
    let minimal = attempt("dpkg --purge --force-depends libpython3.11-stdlib python3.11 libpython3-stdlib python3 2>&1; command -v python3 || ln -s python3.11 /usr/bin/python3").await;
    assert_eq!(minimal.code(), "sandbox.image_unfit", "{}", minimal.explain());
    let told = minimal.explain();
    assert!(
        told.why.contains("found CPython 3.11.") && told.why.contains(" without the modules `"),
        "{told}"
    );
    assert!(told.why.contains("`json`") && told.how.contains("python3-minimal"), "{told}");

    // What is imported only when it is needed: it would be missed in the middle of somebody's work.
    let without_asyncio = attempt("rm -r /usr/lib/python3.11/asyncio").await;
    assert_eq!(without_asyncio.code(), "sandbox.image_unfit", "{}", without_asyncio.explain());
    assert!(
        without_asyncio.explain().why.contains("without the module `asyncio`;"),
        "{}",
        without_asyncio.explain()
    );

    let speechless = attempt("rm -r /usr/lib/python3.11/encodings").await;
    assert_eq!(speechless.code(), "sandbox.image_unfit", "{}", speechless.explain());
    assert!(speechless.explain().why.contains("without the module `encodings`;"), "{}", speechless.explain());
}

async fn what_an_image_would_do_by_itself_does_not_happen() {
    let config = ContainerConfig {
        entrypoint: Some(vec!["false".to_owned()]),
        cmd: Some(vec!["nonsense".to_owned()]),
        user: Some("0:0".to_owned()),
        working_dir: Some("/data".to_owned()),
        volumes: Some(vec!["/data".to_owned()]),
        env: Some(vec!["FROM_IMAGE=yes".to_owned(), "PATH=/usr/local/bin:/usr/bin:/bin".to_owned()]),
        ..ContainerConfig::default()
    };
    let name = altered("mkdir /data; chmod 777 /data", config).await;
    let backend = builder().image(&name).build().await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let code = "import os\ndef write():\n    try: return open('/data/x', 'w').close()\n    except OSError as error: return os.strerror(error.errno)\n\
                [os.environ['FROM_IMAGE'], os.getcwd(), os.getuid() != 0, write()]";
    assert_eq!(value(&session, code).await, "['yes', '/hibernaculum/work', True, 'Read-only file system']");
    drop(session);
    sandbox.close().await.unwrap();
    discard(&name).await;
}
