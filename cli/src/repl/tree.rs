//! Draws a tree at the terminal.
//!
//! ```text
//! (the beginning)
//! ├─ trained   session 1, after In [2]
//! │  ├─ session 1
//! │  └─ session 2  ← here
//! └─ session 3
//! ```

use std::fmt::Write as _;

/// Something, and what stands below it.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) text: String,
    pub(super) below: Vec<Self>,
}

impl Node {
    /// The lines of it. Depth is bounded by what a person types: a node for each `:checkpoint`.
    pub(super) fn draw(&self) -> String {
        let mut drawn = format!("{}\n", self.text);
        self.draw_below("", &mut drawn);
        drawn
    }

    fn draw_below(&self, before: &str, drawn: &mut String) {
        let last = self.below.len().saturating_sub(1);
        for (index, node) in self.below.iter().enumerate() {
            let (mark, rail) = if index == last { ("└─", "   ") } else { ("├─", "│  ") };
            let _ = writeln!(drawn, "{before}{mark} {}", node.text);
            node.draw_below(&format!("{before}{rail}"), drawn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str, below: Vec<Node>) -> Node {
        Node { text: text.to_owned(), below }
    }

    #[test]
    fn what_came_of_what_stands_below_it() {
        let left = node("left", vec![node("a", vec![]), node("b", vec![node("c", vec![])])]);
        let tree = node("root", vec![left, node("right", vec![node("d", vec![])])]);
        let drawn = ["root", "├─ left", "│  ├─ a", "│  └─ b", "│     └─ c", "└─ right", "   └─ d", ""];
        assert_eq!(tree.draw(), drawn.join("\n"));
        assert_eq!(node("alone", vec![]).draw(), "alone\n");
    }
}
