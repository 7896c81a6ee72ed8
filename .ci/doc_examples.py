"""Checks that the libraries show how each of their public methods is called; `house.py` calls it.

The rule: an example calls each method and function by its name: one in its own docs, or one of its type, which
stands in the docs of the type or the trait, or in those of one of its `impl` blocks. A method of a trait may be
shown by who implements it. An async one says besides what becomes of things when its future is dropped.

Whatever is `pub` in the text is public: the compiler sees to that (`unreachable_pub`). What a macro makes is
judged by the text of the macro.
"""

import re
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Tuple

# Packages that are published and whose functions nobody calls: a program, and what it measures with.
NO_LIBRARIES = {"cli", "benches"}

OPAQUE = re.compile(r'//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|"(?:\\.|[^"\\])*"|\'(?:\\[^\']+|[^\\\'\n])\'', re.S)
SPACE = re.compile(r"\s+|//[^\n]*")
DOC = re.compile(r"///(.*)\n")
ITEM = re.compile(
    r"(?P<pub>pub )?(?:const |async |unsafe )*"
    r"(?P<kind>impl\b|trait\b|struct\b|enum\b|mod\b|fn\b|macro_rules!) ?(?P<name>\$?\w+)?"
)
SETTER = re.compile(r"^(\w+): (.*) => \|.*")  # an entry in a macro's list of setters
TESTS = re.compile(r"(^|/)tests?(/|\.rs$)|_tests?\.rs$")
CLOSES = {"(": ")", "[": "]", "{": "}"}


class Method(NamedTuple):
    """What somebody can call: `owner` is its type or trait, `head` its signature on one line."""

    path: str
    line: int
    owner: str
    name: str
    doc: List[str]
    head: str
    of_trait: bool


class Crate:
    """What the sources of a crate show: its methods, and by type what is told of the type."""

    def __init__(self, files: Dict[str, str]) -> None:
        """Read the texts of the files, by path."""
        self.methods: List[Method] = []
        self.docs: Dict[str, List[str]] = {}
        for path, text in files.items():
            if not TESTS.search(path):
                masked = OPAQUE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)
                Reader(self, path, text, masked).read(0, len(text), "", False)

    def lacking(self) -> Iterator[Tuple[Method, str]]:
        """Give the methods that leave something unsaid, and what."""
        for method in self.methods:
            name = f"{method.owner}::{method.name}" if method.owner else method.name
            before = r"\.|::" + (r"|\bfn " if method.of_trait else "") + ("" if method.owner else r"|\b")
            called = re.compile(rf"(?:{before}){method.name}(?:::<.*?>)?\(")
            if not any(called.search(line) for line in code([*method.doc, *self.docs.get(method.owner, [])])):
                yield method, f"no example calls `{name}`, in its docs or its type's"
            waits = re.search(r"\basync fn\b|\) -> impl Future\b", method.head)
            if waits and " # Cancel safety" not in method.doc:
                yield method, f"`{name}` does not say `# Cancel safety`"


def libraries(root: Path) -> Iterator[Dict[str, str]]:
    """Give for each published library the texts of its sources, by path."""
    for manifest in sorted([root / "Cargo.toml", *root.glob("*/Cargo.toml")]):
        text, folder = manifest.read_text(encoding="utf-8"), manifest.parent
        published = "[package]" in text and not re.search(r"^publish\s*=\s*false", text, re.M)
        if published and folder.name not in NO_LIBRARIES:
            files = sorted((folder / "src").rglob("*.rs"))
            yield {str(file.relative_to(root)): file.read_text(encoding="utf-8") for file in files}


def code(doc: List[str]) -> Iterator[str]:
    """Give the lines of Rust in a doc comment."""
    tags = None
    for line in doc:
        fence = re.match(r"\s*```(.*)", line)
        if fence:
            tags = fence.group(1).strip() if tags is None else None
        elif tags is not None and set(re.split(r"[,\s]+", tags)) <= {"", "rust", "no_run", "should_panic"}:
            yield line


class Reader:
    """Reads one file; `masked` is its text with blanks for comments and literals."""

    def __init__(self, crate: Crate, path: str, text: str, masked: str) -> None:
        """Read into a crate."""
        self.crate, self.path, self.text, self.masked = crate, path, text, masked

    def read(self, at: int, end: int, owner: str, of_trait: bool) -> None:
        """Read the items between two places, which belong to a type, a trait or nobody."""
        doc: List[str] = []
        attributes = ""
        while at < end:
            found = DOC.match(self.text, at) or SPACE.match(self.text, at)
            if found:
                doc += found.groups()
                at = found.end()
            elif self.masked.startswith("#", at):
                start, at = at, self.closing(self.masked.find("[", at), end)
                attributes += self.text[start:at]
            else:
                start, body, at = self.item(at, end)
                if "cfg(test)" not in attributes and "doc(hidden)" not in attributes:
                    self.take(start, body, at, doc, owner, of_trait)
                doc, attributes = [], ""

    def take(self, start: int, body: int, end: int, doc: List[str], owner: str, of_trait: bool) -> None:
        """Take one item for what it is, and read what is in it."""
        head = SETTER.sub(r"pub fn \1(mut self, _: \2) -> Self", " ".join(self.masked[start:body].split()))
        found = ITEM.match(head)
        kind = found.group("kind") if found else ""
        name = (found and found.group("name")) or ""
        if kind == "fn" and (of_trait or found.group("pub")) and "$" not in name:  # a macro's use names it
            line = self.text.count("\n", 0, start) + 1
            self.crate.methods.append(Method(self.path, line, owner, name, doc, head, of_trait))
        elif kind in {"struct", "enum"}:
            self.crate.docs.setdefault(name, []).extend(doc)
        elif kind == "mod":
            self.read(body + 1, end - 1, "", False)
        elif kind == "trait" and found.group("pub"):
            self.crate.docs.setdefault(name, []).extend(doc)
            self.read(body + 1, end - 1, name, True)
        elif kind == "impl" and implemented(head):
            self.crate.docs.setdefault(implemented(head), []).extend(doc)
            self.read(body + 1, end - 1, implemented(head), False)
        elif kind == "macro_rules!":
            self.arms(body + 1, end - 1)
        elif owner and re.fullmatch(r"\w+!", head):
            self.read(body + 1, end - 1, owner, False)

    def arms(self, at: int, end: int) -> None:
        """Read what the arms of a macro make, without the signs for what is repeated."""
        text, masked = list(self.text), list(self.masked)
        for sign in re.finditer(r"\$\(", self.masked[at:end]):
            opens = at + sign.start()
            closes = self.closing(opens + 1, end) - 1
            past = re.compile(r"[^\s*+?]?[*+?]").match(self.masked, closes + 1)
            for start, stop in (opens, opens + 2), (closes, past.end() if past else closes + 1):
                text[start:stop] = masked[start:stop] = " " * (stop - start)
        plain = Reader(self.crate, self.path, "".join(text), "".join(masked))
        for arm in re.finditer(r"=>\s*\{", self.masked[at:end]):
            plain.read(at + arm.end(), self.closing(at + arm.end() - 1, end) - 1, "", False)

    def item(self, at: int, end: int) -> Tuple[int, int, int]:
        """Give where an item begins, where its body does (or its `;`), and where it ends."""
        start = at
        while at < end:
            sign = self.masked[at]
            if sign == "{":
                return start, at, self.closing(at, end)
            if sign == ";":
                return start, at, at + 1
            at = self.closing(at, end) if sign in CLOSES else at + 1
        return start, end, end

    def closing(self, at: int, end: int) -> int:
        """Give the place after the bracket that closes the one at `at`."""
        deep = 0
        for place in range(at, end):
            deep += (self.masked[place] in "([{") - (self.masked[place] in ")]}")
            if not deep:
                return place + 1
        return end


def implemented(head: str) -> str:
    """Give the type of an inherent impl; empty for the impl of a trait, whose methods are told of in the trait."""
    deep, plain = 0, ""
    for before, sign in zip(f" {head}", head):
        deep += sign == "<"
        plain += sign if not deep else ""
        deep -= sign == ">" and before not in "-="
    found = re.match(r"(?:unsafe )?impl (?:\w+::)*(\$?\w+)", plain)
    return found.group(1) if found and " for " not in plain.split(" where ")[0] else ""


SAMPLE = """
/// ```
/// Den::new().warm(3);
/// ```
pub struct Den<T>(T);
impl<T: Fn() -> u8> Den<T> {
    pub fn new() -> Self { Den("{") }
    #[must_use = "it is winter"]
    pub fn warm(mut self, by: u8) -> Self { self }
    pub const fn depth(&self) -> u8 { 3 } // BAD
    /// ```
    /// let den = Den::new();
    /// ```
    pub fn width(&self) -> u8 { 3 } // BAD: it shows another method
    /// ```text
    /// den.dig()
    /// ```
    pub async fn dig(&self) {} // BAD: a picture is no example
    /// ```
    /// den.sleep().await;
    /// ```
    pub async fn sleep(&self) {} // BAD: what if it is dropped?
    /// ```
    /// den.wake().await;
    /// ```
    ///
    /// # Cancel safety
    ///
    /// It wakes all the same.
    pub async fn wake(&self) {}
    pub(crate) fn hidden(&self, by: u8) {}
    setters! {
        /// ```
        /// Den::new().moss(1);
        /// ```
        moss: u8 => |moss| moss;
        /// Den::new().snow(1);
        snow: Option<u8> => |snow| snow; // BAD
    }
}
impl<T> Clone for Den<T> { fn clone(&self) -> Self { Den(1) } }
pub trait Sleeps {
    /// ```no_run
    /// bear.sleep();
    /// ```
    fn sleep(&self);
    fn snores(&self) -> u8; // BAD
}
trait Private { fn nobody(&self); }
pub enum Bear { Brown }
impl Bear {
    pub fn parse() -> Result<u8, ()> { Ok(1) } // BAD
}
macro_rules! bears {
    ($(#[$meta:meta])* $($name:ident,)+) => {
        $(
            pub struct $name;
            impl $name {
                pub(crate) fn fur(&self) -> u8 { let _ = ($($name,)*); self.told($name::X)?, }
                /// ```
                /// Polar::swim();
                /// ```
                pub fn swim() {}
                pub fn dive() {} // BAD
            }
        )+
    };
}
pub fn free(bear: Bear) {} // BAD
/// ```
/// feed(3);
/// ```
pub fn feed(by: u8) {}
#[cfg(test)]
mod tests { pub fn not_public(bear: u8) {} }
"""


def cannot_fail() -> bool:
    """Tell whether the check is blind: what it says of the sample is not what the sample says of itself."""
    marked = {number for number, line in enumerate(SAMPLE.splitlines(), 1) if "// BAD" in line}
    return {method.line for method, _ in Crate({"sample.rs": SAMPLE}).lacking()} != marked
