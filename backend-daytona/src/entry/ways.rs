//! The ways to the tunnel of a sandbox: the ports at which it may listen, and what leads to a port.

use hibernaculum_core::{Error, SandboxId};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::api::{Api, Toolbox};
use crate::transport::Transport;
use crate::trouble::trouble;
use crate::tunnel::Door;

/// How often another port is tried.
pub(super) const PORTS: u32 = 5;
/// Where ports are chosen from: below those that systems give to outgoing connections.
const FIRST_PORT: u16 = 20_000;
const PORT_COUNT: u16 = 10_000;
const PREVIEW_TOKEN: &str = "x-daytona-preview-token";

/// The ports of a sandbox's tunnel, in the order in which they are tried: the same for every host, so that the next one finds it.
pub(crate) fn ports(sandbox: SandboxId) -> impl Iterator<Item = u16> {
    // FNV-1a, of 32 bits.
    let hash = sandbox
        .to_string()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (0..PORTS).map(move |turn| {
        let nth = hash.wrapping_add(turn.wrapping_mul(7919)) % u32::from(PORT_COUNT);
        FIRST_PORT + u16::try_from(nth).unwrap_or_default()
    })
}

/// The way to a port.
pub(super) async fn door(
    api: &Api,
    sandbox: &str,
    toolbox: &Toolbox,
    transport: Transport,
    port: u16,
) -> Result<Door, Error> {
    let (http, headers) = api.parts();
    if transport != Transport::Preview {
        return Ok(Door::new(http, &toolbox.port(port), headers.clone()));
    }
    let preview = api.preview_url(sandbox, port).await;
    let preview = preview.map_err(|error| trouble("asking for the port's preview URL", error))?;
    // The account's key is none of the preview's business: it may be served from elsewhere.
    let mut headers = HeaderMap::new();
    if let Ok(mut token) = HeaderValue::from_str(&preview.token) {
        token.set_sensitive(true);
        headers.insert(HeaderName::from_static(PREVIEW_TOKEN), token);
    }
    Ok(Door::new(http, &preview.url, headers))
}

/// All ways to a port that may be taken.
pub(crate) async fn doors(
    api: &Api,
    sandbox: &str,
    toolbox: &Toolbox,
    allowed: Transport,
    port: u16,
) -> Vec<Door> {
    let ways = match allowed {
        Transport::Auto => vec![Transport::Proxy, Transport::Preview],
        forced => vec![forced],
    };
    let mut found = Vec::new();
    for way in ways {
        found.extend(door(api, sandbox, toolbox, way, port).await);
    }
    found
}
