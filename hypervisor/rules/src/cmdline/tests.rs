//! Lines that people write, and lines that nobody should.

use super::*;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;

fn parse(line: &str) -> (Options, Vec<String>) {
    let mut complaints = Vec::new();
    let options = Options::parse(line, |complaint| complaints.push(complaint.to_string()));
    (options, complaints)
}

/// A line of options that are understood. (Some have no effect yet, which is said.)
fn good(line: &str) -> Options {
    let (options, mut complaints) = parse(line);
    complaints.retain(|complaint| !complaint.contains("has no effect here"));
    assert!(complaints.is_empty(), "{line}: {complaints:?}");
    options
}

#[test]
fn an_empty_line_is_the_default() {
    assert_eq!(good(""), Options::default());
    assert_eq!(good("   \t "), Options::default());
}

#[test]
fn serial_ports() {
    assert_eq!(good("com1=115200,8n1").com1, Some(Serial::COM1));
    assert_eq!(good("com1=115200").com1, Some(Serial::COM1));
    let port = good("com1=9600,7e2,0x2f8,0").com1.unwrap();
    assert_eq!((port.io_base, port.irq, port.data_bits), (0x2f8, 0, 7));
    assert_eq!(port.divisor(), Some(12));
    assert_eq!(port.line_control(), 0b0001_1110);
    assert_eq!(Serial::COM1.line_control(), 3);
    assert_eq!(Serial::COM1.divisor(), Some(1));
    assert_eq!(good("com1=auto,,0x3e8").com1.unwrap().divisor(), None);
    assert_eq!(good("com2=115200").com2.unwrap().io_base, 0x2f8);
    assert_eq!(
        good("com1=115200/1843200,8n1").com1.unwrap().clock_hz,
        115_200
    );
    for bad in [
        "com1",
        "com1=fast",
        "com1=115200,9n1",
        "com1=1,8n1,0x3f8,4,5",
        "com1=1,8n1,0x13f80",
    ] {
        let (options, complaints) = parse(bad);
        assert_eq!(options.com1, None, "{bad}");
        assert!(
            complaints[0].contains("115200,8n1,0x3f8,4"),
            "{complaints:?}"
        );
    }
}

#[test]
fn consoles_and_levels() {
    let options = good("console=com1,vga loglvl=all guest_loglvl=error/warning sync_console");
    assert_eq!(
        options.console,
        Consoles {
            com1: true,
            com2: false,
            vga: true
        }
    );
    assert_eq!(options.loglvl.always, LogLevel::All);
    assert_eq!(
        options.guest_loglvl,
        Threshold {
            always: LogLevel::Error,
            limited: LogLevel::Warning
        }
    );
    assert!(options.sync_console);
    assert_eq!(good("loglvl=info/error").loglvl.limited, LogLevel::Info);
    assert!(!good("console=none").console.vga);
    assert!(parse("console=xhci").1[0].contains("com1"));
    assert!(parse("loglvl=loud").1[0].contains("warning"));
}

#[test]
fn sizes() {
    use super::value::{number, size};
    assert_eq!(size("512M"), Some(512 << 20));
    assert_eq!(size("1g"), Some(1 << 30));
    assert_eq!(size("64"), Some(64 << 10));
    assert_eq!(size("64B"), Some(64));
    assert_eq!(size("0x10M"), Some(16 << 20));
    assert_eq!(size("0x1B"), Some(0x1b << 10));
    assert_eq!(size("99999999999T"), None);
    assert_eq!(size(""), None);
    assert_eq!(size("M"), None);
    assert_eq!(number("017"), Some(15));
    assert_eq!(number("0"), Some(0));
    assert_eq!(number("+1"), None);
    assert_eq!(number("0x"), None);
}

#[test]
fn dom0_memory() {
    let mib = |n: u64| n << 8;
    let start = |line: &str, available| good(line).dom0_mem.start_pages(available);
    assert_eq!(start("dom0_mem=256M", mib(512)), mib(256));
    assert_eq!(start("dom0_mem=1G", mib(512)), mib(512));
    assert_eq!(start("dom0_mem=1G,max:300M", mib(512)), mib(300));
    assert_eq!(start("dom0_mem=min:400M,100M", mib(512)), mib(400));
    assert_eq!(start("dom0_mem=-64M", mib(512)), mib(448));
    assert_eq!(start("dom0_mem=25%", mib(512)), mib(128));
    assert_eq!(start("dom0_mem=16M+50%", mib(512)), mib(272));
    assert_eq!(start("", mib(512)), mib(480));
    assert_eq!(start("", mib(16384)), mib(16384 - 128));
    assert_eq!(
        good("dom0_mem=1G,max:2G").dom0_mem.max_pages(mib(4096)),
        Some(mib(2048))
    );
    assert_eq!(good("dom0_mem=1G").dom0_mem.max_pages(mib(4096)), None);
    let (options, complaints) = parse("dom0_mem=max:1G,lots");
    assert_eq!(
        options.dom0_mem,
        Dom0Memory::default(),
        "half a value must change nothing"
    );
    assert!(complaints[0].contains("min:<size>"), "{complaints:?}");
}

#[test]
fn cpus() {
    assert_eq!(good("dom0_max_vcpus=2").dom0_max_vcpus.count(8), 2);
    assert_eq!(good("dom0_max_vcpus=4-").dom0_max_vcpus.count(2), 4);
    assert_eq!(good("dom0_max_vcpus=-4").dom0_max_vcpus.count(8), 4);
    assert_eq!(good("dom0_max_vcpus=2-4").dom0_max_vcpus.count(3), 3);
    assert_eq!(good("").dom0_max_vcpus.count(3), 3);
    assert_eq!(good("maxcpus=3").maxcpus, Some(3));
    assert_eq!(good("maxcpus=0").maxcpus, Some(1));
    assert_eq!(good("nosmp").maxcpus, Some(1));
    assert_eq!(parse("dom0_max_vcpus=0").1.len(), 1);
    assert_eq!(parse("dom0_max_vcpus=4-2").1.len(), 1);
}

#[test]
fn the_rest() {
    let options =
        good("noreboot dom0=verbose,force-user-bit debug_exit=0xf4 watchdog conswitch=bx mem=1G");
    assert!(options.noreboot && options.dom0_force_user_bit && options.dom0_verbose);
    assert_eq!(options.debug_exit, Some(0xf4));
    assert_eq!(options.watchdog, Watchdog::On);
    assert_eq!(
        options.conswitch,
        Conswitch {
            letter: Some(b'b'),
            to_dom0: false
        }
    );
    assert_eq!(options.mem_bytes, Some(1 << 30));
    assert_eq!(good("no-watchdog").watchdog, Watchdog::Off);
    assert_eq!(good("watchdog=force").watchdog, Watchdog::Force);
    assert!(!good("noreboot=no").noreboot);
    assert!(good("reboot=no").noreboot);
    assert_eq!(good("reboot=k,w").reboot, RebootMethod::Keyboard);
    assert!(!good("dom0=force-user-bit dom0=no-force-user-bit").dom0_force_user_bit);
    assert!(parse("dom0=pvh").1[0].contains("always PV"));
    // Hyphens and underscores are one letter.
    assert_eq!(good("dom0-max-vcpus=2"), good("dom0_max_vcpus=2"));
}

#[test]
fn what_is_not_understood_is_named() {
    let (options, complaints) =
        parse("placeholder frobnicate=yes iommu=off =5 no-real-mode edd=off");
    assert_eq!(options, Options::default());
    assert_eq!(
        complaints,
        [
            "unknown option `frobnicate=yes` ignored",
            "option `iommu=off` has no effect here",
            "unknown option `=5` ignored",
        ]
    );
}

#[test]
fn options_that_nothing_goes_by_yet_are_reported() {
    for line in ["watchdog", "conswitch=b", "reboot=k", "watchdog_timeout=9"] {
        assert_eq!(parse(line).1.len(), 1, "{line}");
    }
    for line in [
        "reboot=no",
        "noreboot",
        "loglvl=all",
        "guest_loglvl=all",
        "sync_console",
        "console=com1",
    ] {
        assert_eq!(parse(line).1, [""; 0], "{line}");
    }
}

#[test]
fn the_book_has_every_option_and_no_other() {
    let book = include_str!("../../../../docs/options.md");
    let rows: Vec<_> = book
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let name = |row: &str| row[3..].split(['`', '=']).next().unwrap_or("").to_string();
    for (option, in_effect) in options::names() {
        let row = rows.iter().find(|row| name(row) == option);
        let row = row.unwrap_or_else(|| panic!("docs/options.md lacks {option}"));
        assert_eq!(row.contains("no effect yet"), !in_effect, "{row}");
    }
    assert_eq!(
        rows.len(),
        options::names().count(),
        "docs/options.md has options that do not exist"
    );
}

#[test]
fn quotes_keep_words_together() {
    let all: Vec<_> = words::words(r#"a="b c" "d=e f" g"h i"#).collect();
    assert_eq!(all.len(), 3);
    assert_eq!((all[0].name, all[0].value), ("a", Some("b c")));
    assert_eq!((all[1].name, all[1].value), ("d", Some("e f")));
    assert_eq!(all[2].text, r#"g"h i"#);
    assert_eq!(good(r#"com1="115200,8n1""#).com1, Some(Serial::COM1));
}

#[test]
fn loaders() {
    assert_eq!(
        strip_image_name("build/xenolith com1=115200", Some("qemu")),
        "com1=115200"
    );
    assert_eq!(strip_image_name("xenolith", Some("qemu")), "");
    assert_eq!(
        strip_image_name(" com1=115200 a", Some("GRUB 2.06-13")),
        "com1=115200 a"
    );
    assert_eq!(strip_image_name("/boot/x a", None), "a");
    assert_eq!(strip_image_name("com1=1 a", None), "com1=1 a");
    assert_eq!(
        split_dom0_arguments("a=b -- root=/dev/x -- y"),
        Split {
            options: "a=b",
            dom0: "root=/dev/x -- y"
        }
    );
    assert_eq!(
        split_dom0_arguments("a--b --c"),
        Split {
            options: "a--b --c",
            dom0: ""
        }
    );
    assert_eq!(
        split_dom0_arguments("--"),
        Split {
            options: "",
            dom0: ""
        }
    );
}

proptest! {
    #[test]
    fn no_line_panics(line in "\\PC{0,200}") {
        let _ = parse(&line);
        let _ = split_dom0_arguments(&line);
        let _ = strip_image_name(&line, None);
    }

    #[test]
    fn no_value_panics(
        name in prop::sample::select(&["com1", "console", "loglvl", "dom0_mem", "dom0_max_vcpus", "dom0",
            "maxcpus", "reboot", "watchdog", "debug_exit", "conswitch", "mem"][..]),
        value in "[-+0-9a-zBKMG%:,/=\"x ]{0,40}",
        available in any::<u64>(),
    ) {
        let line = std::format!("{name}={value}");
        let (options, _) = parse(&line);
        prop_assert!(options.dom0_mem.start_pages(available) <= available);
        if let Some(port) = options.com1 {
            let _ = (port.divisor(), port.line_control());
        }
    }
}
