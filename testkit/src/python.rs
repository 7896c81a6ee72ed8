//! Python, written in the middle of Rust.

/// Takes the common indentation of the lines away, and the empty first line, so that code can be indented as its surroundings are.
///
/// ```
/// assert_eq!(hibernaculum_testkit::python("
///     if True:
///         print(1)
/// "), "if True:\n    print(1)\n");
/// ```
pub fn python(code: &str) -> String {
    let lines: Vec<&str> = code.strip_prefix('\n').unwrap_or(code).lines().collect();
    let depth = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let common = lines.iter().filter(|line| !line.trim().is_empty()).map(depth).min().unwrap_or_default();
    let mut text = String::new();
    for line in lines {
        text.push_str(line.get(common..).unwrap_or_default().trim_end());
        text.push('\n');
    }
    let end = text.trim_end().len();
    text.truncate(end);
    text.push('\n');
    text
}
