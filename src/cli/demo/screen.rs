//! Standard output: lines that stay and, at a terminal, a block below them that is redrawn in place.
//!
//! Comes in: text. Goes out: text with ANSI sequences, or without any where nobody could show them. Must never: flicker
//! (each change is one write), colour where `NO_COLOR` is set (no-color.org), fail when nobody reads any more.

use std::io::Write as _;

/// Standard output of the demo.
#[derive(Debug)]
pub(super) struct Screen {
    live: bool,
    coloured: bool,
    /// The block that stands below everything.
    block: Vec<String>,
    gone: bool,
}

impl Screen {
    /// `terminal`: standard output is one.
    pub(super) fn new(terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let live = terminal && set("TERM").is_some_and(|term| term != "dumb");
        Self { live, coloured: live && set("NO_COLOR").is_none(), block: Vec::new(), gone: false }
    }

    /// Whether blocks are redrawn in place; if not, a block would be a line too many each time.
    pub(super) fn live(&self) -> bool {
        self.live
    }

    /// Nobody reads any more.
    pub(super) fn gone(&self) -> bool {
        self.gone
    }

    /// A line that stays, above the block.
    pub(super) fn say(&mut self, line: &str) {
        let block = std::mem::take(&mut self.block);
        self.show(block.len(), Some(line), block);
    }

    /// Replaces the block. Its lines must fit the terminal's width: one that wraps is not replaced as a whole.
    pub(super) fn redraw(&mut self, block: Vec<String>) {
        self.show(self.block.len(), None, block);
    }

    /// The block stays where it is, as any line; what comes next is below it.
    pub(super) fn settle(&mut self) {
        self.block.clear();
    }

    pub(super) fn bold(&self, text: &str) -> String {
        self.style("1", text)
    }

    pub(super) fn green(&self, text: &str) -> String {
        self.style("1;32", text)
    }

    pub(super) fn red(&self, text: &str) -> String {
        self.style("1;31", text)
    }

    pub(super) fn dim(&self, text: &str) -> String {
        self.style("2", text)
    }

    fn style(&self, code: &str, text: &str) -> String {
        if self.coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Goes up over the old block and writes over it, line by line: erasing it first would be seen.
    fn show(&mut self, up: usize, line: Option<&str>, block: Vec<String>) {
        let (up, end_of_line, below) = match up {
            0 => (String::new(), "", ""),
            lines => (format!("\x1b[{lines}A"), "\x1b[K", "\x1b[J"),
        };
        let mut text = up;
        for line in line.into_iter().chain(block.iter().map(String::as_str)) {
            text += &format!("{line}{end_of_line}\n");
        }
        text += below;
        self.block = block;
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        self.gone |= out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err();
    }
}

/// 1234567 as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in MB of a million bytes.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", grouped(bytes / 1_000_000), bytes / 100_000 % 10)
}
