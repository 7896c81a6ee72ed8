//! Output of many at once: whole lines, each led by whose it is.

use hibernaculum::OutputStream;

/// The longest line that is kept until its end comes, in bytes; a longer one is shown in pieces.
const LONGEST: usize = 64 << 10;

/// The lines of one script.
#[derive(Debug)]
pub(super) struct Label {
    lead: String,
    stdout: String,
    stderr: String,
}

impl Label {
    /// Leads lines with a name, which is padded to `width` characters.
    pub(super) fn new(name: &str, width: usize) -> Self {
        let printable = name.replace(char::is_control, "\u{fffd}");
        Self { lead: format!("{printable:<width$} | "), stdout: String::new(), stderr: String::new() }
    }

    /// Takes a piece of output; gives the lines that are complete.
    pub(super) fn push(&mut self, stream: OutputStream, text: &str) -> String {
        let (lead, rest) = (
            &self.lead,
            match stream {
                OutputStream::Stdout => &mut self.stdout,
                OutputStream::Stderr => &mut self.stderr,
            },
        );
        rest.push_str(text);
        let complete = match rest.rfind('\n') {
            Some(end) => rest.drain(..=end).collect(),
            None if rest.len() > LONGEST => std::mem::take(rest) + "\n",
            None => String::new(),
        };
        complete.split_inclusive('\n').flat_map(|line| [lead, line]).collect()
    }

    /// The lines that will have no end any more.
    pub(super) fn flush(&mut self) -> [(OutputStream, String); 2] {
        [OutputStream::Stdout, OutputStream::Stderr].map(|stream| {
            let is_open = match stream {
                OutputStream::Stdout => !self.stdout.is_empty(),
                OutputStream::Stderr => !self.stderr.is_empty(),
            };
            (stream, if is_open { self.push(stream, "\n") } else { String::new() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_and_led_by_their_name() {
        let mut label = Label::new("a.py", 6);
        assert_eq!(label.push(OutputStream::Stdout, "on"), "");
        assert_eq!(label.push(OutputStream::Stderr, "err\n"), "a.py   | err\n");
        assert_eq!(label.push(OutputStream::Stdout, "e\ntwo\nthr"), "a.py   | one\na.py   | two\n");
        let rest = label.flush();
        assert_eq!(rest[0], (OutputStream::Stdout, "a.py   | thr\n".to_owned()));
        assert_eq!(rest[1], (OutputStream::Stderr, String::new()));
    }

    #[test]
    fn a_line_without_end_is_shown_in_pieces() {
        let mut label = Label::new("a", 1);
        let shown = label.push(OutputStream::Stdout, &"x".repeat(LONGEST + 1));
        assert_eq!(shown.len(), "a | ".len() + LONGEST + 2);
        assert_eq!(label.flush()[0].1, "");
    }

    #[test]
    fn a_name_does_not_command_the_terminal() {
        assert_eq!(Label::new("a\u{1b}[2J", 1).push(OutputStream::Stdout, "x\n"), "a\u{fffd}[2J | x\n");
    }
}
