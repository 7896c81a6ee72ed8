//! Network policies, probed from inside against a listener that could be reached.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as SocketAddress, UnixListener, UnixStream};
use std::time::Duration;

use hibernaculum_core::{NetworkPolicy, SandboxSpec, Session};

use crate::scene::{backend, engine, fresh, refused, sandbox, value};

crate::tests![
    only_full_reaches_the_machine,
    what_listens_for_the_machine_alone_is_reached_by_no_policy,
    sandboxes_with_the_whole_network_reach_each_other,
    the_engines_socket_cannot_be_reached,
    an_allow_list_is_refused_at_creation,
];

/// This machine, as a container on the engine's bridge sees it.
async fn gateway() -> Ipv4Addr {
    let bridge = engine().inspect_network("bridge", None).await.unwrap();
    let config = bridge
        .ipam
        .and_then(|ipam| ipam.config?.into_iter().next())
        .expect("the engine's bridge has addresses");
    // An older engine tells the subnet alone; its first address is this machine's.
    let subnet = config.subnet.unwrap_or_default();
    let first = || Ipv4Addr::from(u32::from(subnet.split('/').next()?.parse::<Ipv4Addr>().ok()?) + 1).into();
    config.gateway.and_then(|gateway| gateway.parse().ok()).or_else(first).expect("the bridge has a gateway")
}

async fn under(network: NetworkPolicy) -> (hibernaculum_core::Sandbox, Session) {
    let spec = SandboxSpec::builder().network(network).build().unwrap();
    let sandbox = sandbox(spec).await;
    let session = sandbox.session().await.unwrap();
    (sandbox, session)
}

fn probe(tcp: SocketAddr, udp: SocketAddr) -> String {
    format!(
        "import socket\n\
         def tried(call):\n    try: return call() and 'reached'\n    except OSError as error: return type(error).__name__\n\
         def own():\n    server = socket.create_server(('127.0.0.1', 0))\n    return socket.create_connection(server.getsockname(), 5)\n\
         [tried(own), tried(lambda: socket.create_connection(({:?}, {}), 5)), tried(lambda: socket.create_connection(('169.254.169.254', 80), 2)), \
         tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ({:?}, {}))), tried(lambda: socket.socketpair())]",
        tcp.ip().to_string(),
        tcp.port(),
        udp.ip().to_string(),
        udp.port(),
    )
}

async fn only_full_reaches_the_machine() {
    let gateway = gateway().await;
    let tcp = TcpListener::bind((gateway, 0)).unwrap();
    let udp = UdpSocket::bind((gateway, 0)).unwrap();
    udp.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let probe = probe(tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    let heard = || udp.recv(&mut [0; 8]).is_ok();

    let (_none, session) = under(NetworkPolicy::None).await;
    assert_eq!(
        value(&session, &probe).await,
        "['PermissionError', 'PermissionError', 'PermissionError', 'PermissionError', 'reached']"
    );
    assert!(!heard());
    let (_loopback, session) = under(NetworkPolicy::Loopback).await;
    assert_eq!(value(&session, &probe).await, "['reached', 'OSError', 'OSError', 'OSError', 'reached']");
    assert!(!heard());
    let (_full, session) = under(NetworkPolicy::Full).await;
    let said = value(&session, &probe).await;
    assert!(said.starts_with("['reached', 'reached', "), "the control: {said}");
    assert!(said.ends_with("'reached', 'reached']") && heard(), "the control: {said}");
}

async fn what_listens_for_the_machine_alone_is_reached_by_no_policy() {
    let loopback = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = loopback.local_addr().unwrap().port();
    let name = fresh("hibernaculum-abstract");
    let address = SocketAddress::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    assert!(
        TcpStream::connect(("127.0.0.1", port)).is_ok() && UnixStream::connect_addr(&address).is_ok(),
        "the control: from here they are reached"
    );
    let code = format!(
        "import socket\n\
         def tried(call):\n    try: return call() or 'reached'\n    except OSError as error: return type(error).__name__\n\
         own = socket.socket(socket.AF_UNIX)\nown.bind('\\0own')\nown.listen()\n\
         [tried(lambda: socket.socket(socket.AF_UNIX).connect('\\0own')), tried(lambda: socket.socket(socket.AF_UNIX).connect('\\0{name}')), \
         tried(lambda: socket.create_connection(('127.0.0.1', {port}), 5))]"
    );
    for (network, by_ip) in [
        (NetworkPolicy::None, "PermissionError"),
        (NetworkPolicy::Loopback, "ConnectionRefusedError"),
        (NetworkPolicy::Full, "ConnectionRefusedError"),
    ] {
        let (_sandbox, session) = under(network.clone()).await;
        let said = value(&session, &code).await;
        assert_eq!(said, format!("['reached', 'ConnectionRefusedError', '{by_ip}']"), "{network:?}");
    }
}

/// They share the engine's default bridge: docs/docker.md says so.
async fn sandboxes_with_the_whole_network_reach_each_other() {
    let (_one, listening) = under(NetworkPolicy::Full).await;
    let listen = "import socket\nserver = socket.create_server(('', 4141))\nsocket.gethostbyname(socket.gethostname())";
    let address = value(&listening, listen).await;
    let reach = format!(
        "import socket\ntry: said = socket.create_connection(({address}, 4141), 5) and 'reached'\nexcept OSError as error: said = type(error).__name__\nsaid"
    );
    let (_two, session) = under(NetworkPolicy::Full).await;
    assert_eq!(value(&session, &reach).await, "'reached'");
    let (_three, session) = under(NetworkPolicy::Loopback).await;
    assert_eq!(value(&session, &reach).await, "'OSError'");
}

async fn the_engines_socket_cannot_be_reached() {
    let (_sandbox, session) = under(NetworkPolicy::Full).await;
    let code = "import os\n[os.path.exists(path) for path in ('/run/hibernaculum/s', '/var/run/docker.sock', '/run/docker.sock')]";
    assert_eq!(value(&session, code).await, "[True, False, False]");
}

async fn an_allow_list_is_refused_at_creation() {
    let hosts = vec!["pypi.org".to_owned()];
    let spec = SandboxSpec::builder().network(NetworkPolicy::AllowList { hosts }).build().unwrap();
    let error = refused(hibernaculum_core::Sandbox::create(&backend().await, spec).await.map(drop));
    assert_eq!(error.code(), "unsupported");
    assert!(error.to_string().contains("allow_list"), "{error}");
}
