//! `namespace.…`: the names of a session.

use std::time::Duration;

use hibernaculum::{ByteSize, NamespaceFilter, ReprLimits, SessionId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::message::Refusal;
use super::methods::{OfSession, done, read, read_both, told};
use super::server::{Answer, Server};

#[derive(Deserialize)]
struct Named {
    session: SessionId,
    name: String,
}

#[derive(Deserialize)]
struct Repr {
    session: SessionId,
    name: String,
    #[serde(default = "four_kib")]
    bytes: ByteSize,
    #[serde(default = "a_second")]
    timeout_us: u64,
}

#[derive(Deserialize)]
struct Set {
    session: SessionId,
    name: String,
    value: Value,
}

fn four_kib() -> ByteSize {
    ByteSize::kib(4)
}

fn a_second() -> u64 {
    1_000_000
}

impl Server {
    pub(super) async fn names(&self, method: &str, params: Value) -> Answer {
        match method {
            "namespace.list" => {
                let (OfSession { session }, filter): (_, NamespaceFilter) = read_both(method, params)?;
                told(&self.of_session(session)?.namespace_list(&session, filter).await?)
            }
            "namespace.get" => {
                let Named { session, name } = read(method, params)?;
                told(&self.of_session(session)?.namespace_get(&session, &name).await?)
            }
            "namespace.repr" => {
                let Repr { session, name, bytes, timeout_us } = read(method, params)?;
                let limits = ReprLimits::new(bytes, Duration::from_micros(timeout_us));
                told(&self.of_session(session)?.namespace_repr(&session, &name, limits).await?)
            }
            "namespace.set" => {
                let Set { session, name, value } = read(method, params)?;
                let was_bound = self.of_session(session)?.namespace_set(&session, &name, value).await?;
                told(&json!({ "was_bound": was_bound }))
            }
            "namespace.delete" => {
                let Named { session, name } = read(method, params)?;
                let was_bound = self.of_session(session)?.namespace_delete(&session, &name).await?;
                told(&json!({ "was_bound": was_bound }))
            }
            "namespace.clear" => {
                let OfSession { session } = read(method, params)?;
                self.of_session(session)?.namespace_clear(&session).await?;
                done()
            }
            _ => Err(Refusal::method(method)),
        }
    }
}
