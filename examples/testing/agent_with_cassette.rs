//! The same agent loop, tested with a cassette: recorded once with a real Python, played ever after without one.
//! `HIBERNACULUM_RECORD=all cargo test -p hibernaculum-tests --test agent_with_cassette` records it anew.

mod agent;

use hibernaculum::LocalBackend;
use hibernaculum::mock::cassette::{Record, Taped};

const CASSETTE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/testing/cassettes/agent.yaml");

#[tokio::test]
async fn the_agent_tells_the_model_what_went_wrong() -> Result<(), hibernaculum::Error> {
    // The backend in the last argument is made only to record.
    let taped = Taped::open(CASSETTE, Record::from_env()?, async || LocalBackend::builder().build()).await?;
    assert_eq!(agent::solve(&taped.backend(), agent::model).await?.as_deref(), Some("3.5"));
    // Writes what was recorded; or fails where a call was made that is not on the cassette, or one was not, and shows the difference.
    taped.finish()
}
