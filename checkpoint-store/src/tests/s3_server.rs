//! The same promises over the S3 protocol, against a server that others wrote: moto's, from `PyPI`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use object_store::{ObjectStoreExt as _, PutPayload};

use super::promises;
use crate::{S3, Store};

/// Serves on a port of its own until its stdin ends. What moto itself prints goes to stderr.
const SERVER: &str = "
import sys
stdout, sys.stdout = sys.stdout, sys.stderr
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer('127.0.0.1', 0)
server.start()
import boto3
endpoint = 'http://%s:%d' % server.get_host_and_port()
boto3.client('s3', region_name='us-east-1', endpoint_url=endpoint, aws_access_key_id='id', aws_secret_access_key='secret').create_bucket(Bucket='dens')
print(endpoint, file=stdout, flush=True)
sys.stdin.read()
server.stop()
";

/// A server that ends with the test.
struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    fn start() -> Self {
        let python = std::env::var_os("HIBERNACULUM_S3_PYTHON").unwrap_or_else(|| "python3".into());
        let mut child = Command::new(python)
            .args(["-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python that HIBERNACULUM_S3_PYTHON names can be run");
        let mut endpoint = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut endpoint).unwrap();
        assert!(endpoint.starts_with("http://"), "moto's server did not start: {endpoint:?}");
        Self { child, endpoint: endpoint.trim().to_owned() }
    }

    fn place(&self) -> S3 {
        S3::new("dens").endpoint(&self.endpoint).region("us-east-1").credentials("id", "secret")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs moto's server: .ci/s3.sh installs and names it"]
async fn an_s3_bucket_keeps_the_promises() {
    let server = Server::start();
    let bucket = Store::s3(&server.place()).unwrap();
    bucket.objects.put(&"other/object".into(), PutPayload::from_static(b"untouched")).await.unwrap();
    for place in [server.place(), server.place().prefix("team/a")] {
        promises::keep(&Store::s3(&place).unwrap()).await;
    }
    // Collections remove what is the store's own, and nothing else.
    assert!(bucket.objects.head(&"other/object".into()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs moto's server: .ci/s3.sh installs and names it"]
async fn a_bucket_that_is_not_there_is_told() {
    let server = Server::start();
    let place = S3::new("nowhere").endpoint(&server.endpoint).region("us-east-1").credentials("id", "secret");
    let store = Store::s3(&place).unwrap();
    let error = hibernaculum_core::CheckpointStore::checkpoints(&store).await.unwrap_err();
    assert_eq!(error.code(), "checkpoint.store");
    assert!(error.to_string().contains("`s3://nowhere`"), "{error}");
    assert!(!format!("{error:?} {}", error.explain().what).contains("secret"));
}
