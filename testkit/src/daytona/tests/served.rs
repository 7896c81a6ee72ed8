//! Which operations there are.

use std::collections::BTreeSet;

use super::super::faults::Part;
use super::super::spec::Contract;
use super::super::{SERVED, StandInConfig};
use super::Client;

/// Each operation of the specs is asked for; the router says of those that it does not have that it does not.
#[tokio::test]
async fn the_list_of_what_is_served_is_true() {
    let client = Client::start(StandInConfig::default()).await;
    let id = client.sandbox().await;
    let mut answered = BTreeSet::new();
    for (part, base) in [(Part::Api, "/api".to_owned()), (Part::Toolbox, format!("/toolbox/{id}"))] {
        for name in Contract::published().names(part) {
            let (method, path) = name.split_once(' ').unwrap();
            // A number, which is a name too.
            let path: Vec<&str> =
                path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
            let answer = client.ask(method, &format!("{base}{}", path.join("/")), None).await;
            let message = answer.json()["message"].as_str().unwrap_or_default().to_owned();
            if !message.starts_with("Cannot ") && !SERVED.iter().any(|served| is_taken_for(name, served)) {
                answered.insert(name.to_owned());
            }
        }
    }
    let served: BTreeSet<String> = SERVED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(answered, served);
    client.stand_in.close().await;
}

/// Whether a request of this operation is one of the other, in which a name stands for anything: `/sandbox/paginated` is a sandbox of that name.
fn is_taken_for(operation: &str, other: &str) -> bool {
    let (parts, others) = (operation.split('/'), other.split('/'));
    let fits =
        |(part, other): (&str, &str)| part == other || (other.starts_with('{') && !part.starts_with('{'));
    operation != other && parts.clone().count() == others.clone().count() && parts.zip(others).all(fits)
}
