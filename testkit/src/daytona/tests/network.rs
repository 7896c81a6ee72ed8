//! A network that goes away and comes back.

use std::time::Duration;

use super::super::{Cut, StandInConfig};
use super::{Client, eventually};

#[tokio::test]
async fn a_network_that_is_down_answers_nobody_until_it_is_back() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let path = format!("/api/sandbox/{id}");
    client.stand_in.cut(Cut::Reset);
    assert!(client.send("GET", &path, "", Vec::new()).await.is_err());
    client.stand_in.restore();
    assert_eq!(client.get(&path).await.status, 200);
    client.close().await;
}

#[tokio::test]
async fn a_silent_network_holds_what_is_asked_and_answers_it_later() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    client.stand_in.cut(Cut::Silent);
    let path = format!("/api/sandbox/{id}");
    let mut asked = Box::pin(client.get(&path));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut asked).await.is_err());
    client.stand_in.restore();
    assert_eq!(asked.await.status, 200);
    client.close().await;
}

/// What runs in a sandbox does not notice.
#[tokio::test]
async fn processes_live_on_while_nobody_can_reach_them() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let session = serde_json::json!({ "sessionId": "s" });
    client.post(&format!("/toolbox/{id}/process/session"), session).await;
    let before = client.stand_in.processes(&id);
    assert_eq!(before.len(), 1);
    client.stand_in.sever();
    assert_eq!(client.stand_in.processes(&id), before);
    client.close().await;
}

#[tokio::test]
async fn a_stand_in_that_is_dropped_leaves_no_process_and_no_file() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let session = serde_json::json!({ "sessionId": "s" });
    client.post(&format!("/toolbox/{id}/process/session"), session).await;
    let processes = client.stand_in.processes(&id);
    let work = client.get(&format!("/toolbox/{id}/work-dir")).await.json();
    let home = std::path::PathBuf::from(work["dir"].as_str().unwrap());
    assert!(processes.len() == 1 && home.is_dir());
    drop(client);
    let gone = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    assert!(processes.iter().all(gone));
    eventually("its files are gone", || async { !home.exists() }).await;
}
