//! A C program that compares numbers with the headers and prints what differs.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// What every C source of this test starts with.
pub fn prelude() -> String {
    let mut text = String::from(
        "#include <stdint.h>\n#include <stddef.h>\n#include <string.h>\n#include <stdio.h>\n\
         #include <errno.h>\n#include <sys/ioctl.h>\n",
    );
    for header in super::coverage::COVERED_HEADERS {
        let _ = writeln!(text, "#include <xen/{header}>");
    }
    // Home of the E820 record, which the hypercall headers only describe.
    text.push_str("#include <xenctrl.h>\n");
    text
}

/// Flags for the preprocessor and the compiler.
pub const FLAGS: &[&str] = &["-std=gnu11", "-D__XEN_TOOLS__", "-w"];

/// The comparisons to make.
pub struct Program {
    body: String,
}

impl Program {
    pub fn new() -> Program {
        Program {
            body: String::new(),
        }
    }

    /// A constant or expression with a value.
    pub fn number(&mut self, name: &str, c: &str, expected: &str) {
        let _ = writeln!(self.body, "    NUMBER({name:?}, {c}, {expected:?});");
    }

    /// A constant or expression with a text.
    pub fn string(&mut self, name: &str, c: &str, expected: &str) {
        let _ = writeln!(self.body, "    TEXT({name:?}, {c}, {expected:?});");
    }

    /// Size and alignment of a type.
    pub fn structure(&mut self, name: &str, c_type: &str, size: usize, align: usize) {
        let _ = writeln!(
            self.body,
            "    SAME({name:?}, \"size\", sizeof({c_type}), {size});"
        );
        let _ = writeln!(
            self.body,
            "    SAME({name:?}, \"alignment\", _Alignof({c_type}), {align});"
        );
    }

    /// Offset of a member.
    pub fn offset(&mut self, name: &str, c_type: &str, member: &str, offset: usize) {
        let c = format!("OFFSET({c_type}, {member})");
        let _ = writeln!(self.body, "    SAME({name:?}, \"offset\", {c}, {offset});");
    }

    /// Offset and size of a member.
    pub fn field(&mut self, name: &str, c_type: &str, member: &str, offset: usize, size: usize) {
        self.offset(name, c_type, member, offset);
        let c = format!("sizeof((({c_type} *)0)->{member})");
        let _ = writeln!(self.body, "    SAME({name:?}, \"size\", {c}, {size});");
    }

    /// Compiles and runs it; gives what differs.
    pub fn run(&self) -> Vec<String> {
        let source = format!(
            "{}{}int main(void) {{\n{}    return 0;\n}}\n",
            prelude(),
            MACROS,
            self.body
        );
        let folder = scratch();
        let (file, binary) = (folder.join("compare.c"), folder.join("compare"));
        std::fs::write(&file, source).expect("writable scratch folder");
        let output = Command::new(compiler())
            .args(FLAGS)
            .args(["-O0", "-o"])
            .arg(&binary)
            .arg(&file)
            .output()
            .expect("a C compiler (cc); on Debian: apt-get install gcc");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{} does not compile:\n{errors}",
            file.display()
        );
        let output = Command::new(&binary).output().expect("compiled program");
        assert!(output.status.success(), "{} failed", binary.display());
        let _ = std::fs::remove_dir_all(&folder);
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

/// The C compiler: `$CC` or `cc`.
pub fn compiler() -> String {
    std::env::var("CC").unwrap_or_else(|_| "cc".to_owned())
}

/// A fresh folder for one use.
pub fn scratch() -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!("layout-{}-{number}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("writable target folder");
    folder
}

const MACROS: &str = r#"
#define OFFSET(type, member) ((size_t)((char *)&((type *)8)->member - (char *)8))
#define SAME(name, what, c, rust) do { \
    if ((unsigned long long)(c) != (unsigned long long)(rust)) \
        printf("%s: %s is %llu in C, %llu in Rust\n", name, what, \
               (unsigned long long)(c), (unsigned long long)(rust)); \
} while (0)
#define NUMBER(name, c, rust) do { \
    char text[32]; \
    if ((c) < 0) snprintf(text, sizeof(text), "%lld", (long long)(c)); \
    else snprintf(text, sizeof(text), "%llu", (unsigned long long)(c)); \
    if (strcmp(text, rust)) printf("%s: value is %s in C, %s in Rust\n", name, text, rust); \
} while (0)
#define TEXT(name, c, rust) do { \
    if (strcmp((c), (rust))) printf("%s: text is %s in C, %s in Rust\n", name, (c), rust); \
} while (0)
"#;
