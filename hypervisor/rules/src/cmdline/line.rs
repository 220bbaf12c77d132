//! What boot loaders and people put around the options proper: the file's own
//! name in front, and domain 0's arguments behind ` -- `.

/// A hypervisor line cut at ` -- `.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// The hypervisor's own options.
    pub options: &'a str,
    /// What is to be put behind domain 0's own arguments; empty when there is none.
    pub dom0: &'a str,
}

/// Takes domain 0's extra arguments off the line: everything behind a word `--`.
pub fn split_dom0_arguments(line: &str) -> Split<'_> {
    let mut from = 0;
    while let Some(at) = line.get(from..).and_then(|rest| rest.find("--")) {
        let at = from + at;
        let blank = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let (before, behind) = (
            line.get(..at).unwrap_or(""),
            line.get(at + 2..).unwrap_or(""),
        );
        if blank(before.chars().next_back()) && blank(behind.chars().next()) {
            return Split {
                options: before.trim(),
                dom0: behind.trim(),
            };
        }
        from = at + 2;
    }
    Split {
        options: line.trim(),
        dom0: "",
    }
}

/// Takes the file's own name off the front of a multiboot string.
///
/// QEMU puts the file's name in front of the image's and of each module's
/// string, GRUB 2 does not, and neither says so: it goes by the boot loader's
/// name from the multiboot information, as in Xen. With no name to go by the
/// first word counts as a file name when it contains a `/` and no `=`.
pub fn strip_image_name<'a>(line: &'a str, loader: Option<&str>) -> &'a str {
    let line = line.trim();
    let (first, rest) = match line.find(char::is_whitespace) {
        Some(at) => line.split_at(at),
        None => (line, ""),
    };
    let named = match loader {
        Some(name) => !name.starts_with("GRUB"),
        None => first.contains('/') && !first.contains('='),
    };
    if named { rest.trim_start() } else { line }
}
