//! What a shell and a reader want of `hib`: completions, and the manual page.

use clap::{Args as ClapArgs, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Args;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal::say;

/// Print completions for a shell
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    hib completions bash > ~/.local/share/bash-completion/completions/hib\n  \
    hib completions zsh > ~/.zfunc/_hib\n  \
    hib completions fish > ~/.config/fish/completions/hib.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Print a manual page, in roff
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  \
    hib man > ~/.local/share/man/man1/hib.1\n  \
    hib man run > ~/.local/share/man/man1/hib-run.1\n  \
    hib man run | man -l -")]
pub(crate) struct ManArgs {
    /// The subcommand [default: the page about all of them]
    command: Option<String>,
}

/// The whole of `hib completions`.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "hib", &mut text);
    say(&String::from_utf8_lossy(&text))?;
    Ok(Exit::OK)
}

/// The whole of `hib man`.
pub(crate) fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let mut hib = Args::command();
    hib.build();
    let command = match &args.command {
        None => &hib,
        Some(name) => hib.find_subcommand(name).ok_or_else(|| {
            let names: Vec<_> = hib.get_subcommands().map(clap::Command::get_name).collect();
            let how = format!("name one of: {}", names.join(", "));
            Failure::new(
                Exit::USAGE,
                "man.unknown",
                format!("there is no page about `{name}`"),
                "no subcommand has that name",
                how,
            )
        })?,
    };
    let name = command.get_display_name().unwrap_or("hib").to_owned();
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = clap_mangen::Man::new(command.clone()).title(name).render(&mut page);
    say(&String::from_utf8_lossy(&page))?;
    Ok(Exit::OK)
}
