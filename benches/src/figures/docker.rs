//! What the Docker backend is held to: the names of the local backend's figures, and `create`; each beside a bare container's way of doing the same.

use std::cell::RefCell;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use hibernaculum::SandboxSpec;
use hibernaculum::docker::Transport;
use hibernaculum::docker::floor::{Bare, Floor as Containers};

use super::{Bound, Figure, PANDAS, Taken, Unit, contest, need_pandas};
use crate::bench::Bench;
use crate::floor::Floor;
use crate::trouble::Trouble;

/// The figures of the backend `docker`, by the way that its streams take: with a mounted socket, and with execs.
pub fn docker_figures(transport: Transport) -> &'static [Figure] {
    if transport == Transport::Exec { &EXEC } else { &SOCKET }
}

const SOCKET: [Figure; 3] = [Figure { take: roundtrip_socket, ..ROUNDTRIP }, CREATE, SESSION];

const EXEC: [Figure; 3] = [
    ROUNDTRIP,
    CREATE,
    Figure {
        about: "one more session of a running container, to its first answer; the floor: an exec of Python",
        bound: Bound::TimesFloor(1.5),
        take: |bench| sessions(bench, true),
        ..SESSION
    },
];

const ROUNDTRIP: Figure = Figure {
    name: "roundtrip",
    about: "`1+1` and back through the `Session` API",
    is_quick: true,
    unit: Unit::Microseconds,
    bound: Bound::TimesFloor(2.0),
    take: roundtrip_exec,
};

const CREATE: Figure = Figure {
    name: "create",
    about: "a sandbox, from nothing to its first answer",
    is_quick: true,
    unit: Unit::Milliseconds,
    bound: Bound::TimesFloor(1.4),
    take: create,
};

const SESSION: Figure = Figure {
    name: "session_pandas",
    about: "one more session of a running container with numpy and pandas, to its first answer",
    is_quick: true,
    unit: Unit::Milliseconds,
    bound: Bound::AtMost(10.0),
    take: |bench| sessions(bench, false),
};

/// How often things are done that take a tenth of a second.
const FEW: u64 = 20;

fn containers(bench: &Bench) -> Result<Containers, Trouble> {
    let builder =
        bench.docker().ok_or_else(|| Trouble::Skipped("the backend is none of docker's".to_owned()))?;
    Ok(bench.product().block_on(Containers::new(builder))?)
}

fn bare(bench: &Bench) -> Result<Bare, Trouble> {
    let containers = containers(bench)?;
    Ok(bench.product().block_on(containers.bare())?)
}

fn create(bench: &Bench) -> Result<Taken, Trouble> {
    let containers = containers(bench)?;
    let product = || {
        let start = Instant::now();
        let product = bench.another(SandboxSpec::default())?;
        product.roundtrip("1+1", "2")?;
        let took = start.elapsed();
        product.close()?;
        Ok(took)
    };
    contest(FEW, product, || Ok(bench.product().block_on(containers.create())?))
}

fn roundtrip_socket(bench: &Bench) -> Result<Taken, Trouble> {
    let product = bench.product();
    let bare = bare(bench)?;
    let (here, there) = bare.shared().ok_or_else(|| Trouble::Skipped("no directory is shared".to_owned()))?;
    let listener = UnixListener::bind(here.join("floor"))?;
    // Whoever runs in the container is another user.
    std::fs::set_permissions(here.join("floor"), std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    let socket = format!("{there}/floor");
    let process =
        product.block_on(bare.start(&["python3", "-c", crate::floor::SCRIPT, "roundtrip", &socket]))?;
    let mut floor = Floor::accepted(&listener)?;
    let taken = contest(
        5000,
        || Ok(product.roundtrip("1+1", "2")?),
        || {
            let start = Instant::now();
            floor.ask("1+1")?;
            Ok(start.elapsed())
        },
    );
    drop((floor, process));
    product.block_on(bare.close());
    taken
}

fn roundtrip_exec(bench: &Bench) -> Result<Taken, Trouble> {
    /// As long as a request is.
    const BYTES: [u8; 256] = [b'x'; 256];
    let product = bench.product();
    let bare = bare(bench)?;
    let echo = RefCell::new(product.block_on(bare.start(&["cat"]))?);
    let taken = contest(
        2000,
        || Ok(product.roundtrip("1+1", "2")?),
        || Ok(product.block_on(echo.borrow_mut().roundtrip(&BYTES))?),
    );
    drop(echo);
    product.block_on(bare.close());
    taken
}

fn sessions(bench: &Bench, is_beside_an_exec: bool) -> Result<Taken, Trouble> {
    need_pandas(bench)?;
    let spec = SandboxSpec::builder().preload(PANDAS).build().map_err(hibernaculum::Error::from)?;
    let product = bench.another(spec)?;
    let bare = if is_beside_an_exec { Some(bare(bench)?) } else { None };
    let taken = match &bare {
        None => super::alone(60, || Ok(product.session()?)),
        Some(bare) => contest(
            FEW,
            || Ok(product.session()?),
            || {
                Ok::<Duration, _>(
                    bench.product().block_on(bare.exec(["python3", "-I", "-S", "-c", "print()"]))?,
                )
            },
        ),
    };
    if let Some(bare) = bare {
        bench.product().block_on(bare.close());
    }
    product.close()?;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_both_ways_have_the_same_names() {
        let [socket, exec] = [SOCKET, EXEC].map(|figures| figures.map(|figure| figure.name));
        assert_eq!(socket, exec);
    }
}
