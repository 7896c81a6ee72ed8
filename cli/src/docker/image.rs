//! `hib image build`: an image to make sandboxes of.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use hibernaculum::docker::ImageBuild;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::run::{no_runtime, runtime};
use crate::terminal::{Progress, is_quiet, say};

const EXAMPLES: &str = "\
Examples:
  hib image build                                  python:3.13-slim, as it is
  hib image build -r requirements.txt              with what the list names
  hib image build --from my/base -r requirements.txt
  echo 'numpy' | hib image build -r -
  hib run --backend docker -c 'import numpy'       uses the one that was built last

The same content is built once. docs/docker.md tells more.";

/// Make images that sandboxes of the backend `docker` can be made of
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, Subcommand)]
enum Deed {
    Build(BuildArgs),
}

/// Make an image, unless it is there, and use it from now on
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
struct BuildArgs {
    /// The image to begin with: it needs CPython 3.8 or newer, and pip where there are requirements [default: python:3.13-slim]
    #[arg(long, value_name = "IMAGE")]
    from: Option<String>,

    /// A list of what to install, as pip reads it; `-` is stdin
    #[arg(long, short, value_name = "FILE")]
    requirements: Option<PathBuf>,

    /// Fail where the engine does not have the image to begin with, instead of pulling it
    #[arg(long)]
    no_pull: bool,

    /// Print one JSON object instead of a line
    #[arg(long)]
    json: bool,
}

/// The whole of `hib image`.
pub(crate) fn image(args: ImageArgs) -> Result<Exit, Failure> {
    let Deed::Build(args) = args.deed;
    let mut build = ImageBuild::new().pull(!args.no_pull);
    if let Some(base) = args.from {
        build = build.from(base);
    }
    if let Some(path) = &args.requirements {
        build = build.requirements(read(path)?);
    }
    let runtime = runtime().map_err(|error| no_runtime(&error))?;
    let waiting = Arc::new(Progress::waiting("building an image"));
    let lines = Arc::clone(&waiting);
    let build = build.on_progress(move |text| lines.aside(|| line(text)));
    let made = runtime.block_on(build.run());
    drop(waiting);
    let made = made?;
    if args.json {
        let object = json!({"name": made.name, "id": made.id, "was_there": made.was_there});
        say(&format!("{object}\n"))?;
    } else {
        say(&format!("{}{}\n", made.name, if made.was_there { " (it was there)" } else { "" }))?;
    }
    Ok(Exit::OK)
}

/// On stderr, for who waits.
fn line(text: &str) {
    if !is_quiet() {
        #[expect(clippy::print_stderr, reason = "it is for the person who waits")]
        {
            eprintln!("{text}");
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let read = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|error| {
        Failure::new(
            Exit::USAGE,
            "input.missing",
            format!("the requirements `{}` cannot be read", path.display()),
            error.to_string(),
            "name a file with one requirement a line, as pip reads it",
        )
    })
}
