//! The console's shell, and the commands that the kernel's arguments give.
//!
//! `exec="ls; run hello; poweroff"` among the arguments runs these commands first.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;

use guest_kernel_stub::console::{self, Input};
use guest_kernel_stub::process::{self, Process, schedule, status_text};
use guest_kernel_stub::start::Boot;
use guest_kernel_stub::{files, power, print, println, traps, vcpus};

use crate::report;

/// Exit status of a program that Ctrl-C ended: 128 and SIGINT.
const INTERRUPTED: i32 = 130;

/// A command: name, what it does, and how.
type Command = (&'static str, &'static str, fn(&[&str]));

/// The commands.
const COMMANDS: &[Command] = &[
    ("help", "this list", |_| help()),
    ("mem", "memory, and who has it", |_| report::memory()),
    ("cpus", "vCPUs: what they do and have done", |_| {
        report::cpus()
    }),
    (
        "vcpu",
        "up NUMBER or down NUMBER: a vCPU other than 0 comes or goes",
        vcpu,
    ),
    ("ticks", "three sleeps by the timer, and its count", |_| {
        report::ticks()
    }),
    ("time", "the clocks (also: clock)", |_| report::clock()),
    ("events", "event channels", |_| report::event_channels()),
    (
        "ring",
        "the privilege that the CPU gives this kernel",
        |_| report::ring(),
    ),
    (
        "faults",
        "fault in a process and in the kernel, and the counters",
        |_| faults(),
    ),
    ("ls", "files of the initrd", |_| list()),
    ("cat", "FILE: show a file", show),
    (
        "run",
        "PROGRAM ARGUMENTS... [&]: run a program; with & beside the shell",
        run,
    ),
    ("ps", "programs that run", |_| report::processes()),
    ("wait", "until all programs have ended", |_| wait_for_all()),
    ("kill", "NUMBER: end a program", kill),
    ("reboot", "start again", |_| power::reboot()),
    ("crash", "fail as a broken kernel does", |_| {
        panic!("asked to crash")
    }),
    ("poweroff", "the end (also: Ctrl-D)", |_| power_off()),
];

/// Runs the commands of the arguments, then those that are typed. Ends with the machine.
pub fn main(boot: &Boot) -> ! {
    match exec_argument(boot.command_line()) {
        Some(commands) => {
            for line in commands.split(';') {
                execute(line);
            }
        }
        None => println!("\nType help for a list of commands.\n"),
    }
    loop {
        print!("stub> ");
        match next_line() {
            Input::Line(line) => execute(&line),
            Input::Interrupted => {}
            Input::End => {
                println!();
                power_off()
            }
        }
        report_ended();
    }
}

/// The value of `exec=`: up to the closing quote, or the next blank when there is none.
fn exec_argument(arguments: &str) -> Option<&str> {
    let (_, value) = arguments.split_once("exec=")?;
    match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split_whitespace().next(),
    }
}

/// Waits for a line; programs in the background run meanwhile.
fn next_line() -> Input {
    let line = RefCell::new(None);
    schedule::run_until(|| {
        let next = console::poll_line();
        let complete = next.is_some();
        line.replace(next);
        complete
    });
    line.take().unwrap_or(Input::Interrupted)
}

fn execute(line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((name, arguments)) = words.split_first() else {
        return;
    };
    let name = if *name == "clock" { "time" } else { name };
    match COMMANDS.iter().find(|command| command.0 == name) {
        Some((_, _, action)) => action(arguments),
        None if files::find(name).is_some() => run(&words),
        None => println!("{name}: no such command, and no file of the initrd; try help"),
    }
}

fn help() {
    for (name, what, _) in COMMANDS {
        println!("  {name:10} {what}");
    }
}

fn list() {
    for file in files::all().iter().filter(|file| file.is_regular()) {
        let kind = if file.mode & 0o111 != 0 { '*' } else { ' ' };
        println!("{:10} {kind}{}", file.data.len(), file.name);
    }
}

fn show(arguments: &[&str]) {
    for path in arguments {
        match files::find(path) {
            Some(file) => console::write(file.data),
            None => println!("{path}: no such file in the initrd; try ls"),
        }
    }
}

fn run(arguments: &[&str]) {
    let (arguments, in_background) = match arguments {
        [rest @ .., "&"] => (rest, true),
        _ => (arguments, false),
    };
    let Some(path) = arguments.first() else {
        println!("run: which program? try ls");
        return;
    };
    let Some(file) = files::find(path) else {
        println!("{path}: no such file in the initrd; try ls");
        return;
    };
    match process::begin(file, arguments, !in_background) {
        Ok(process) if in_background => println!("[{}] {}", process.id, process.name),
        Ok(process) => wait_for(&process),
        Err(refused) => println!("{path}: cannot be run: {refused}"),
    }
}

/// Waits for a program in the foreground; Ctrl-C ends it.
fn wait_for(process: &Arc<Process>) {
    console::take_interrupt();
    schedule::run_until(|| {
        if console::take_interrupt() {
            console::drop_interrupted();
            process.finish(INTERRUPTED);
        }
        process.status().is_some()
    });
    console::drop_line();
    report_ended();
}

fn wait_for_all() {
    console::take_interrupt();
    schedule::run_until(|| {
        console::take_interrupt()
            || schedule::all()
                .iter()
                .all(|process| process.status().is_some())
    });
    report_ended();
}

/// Tells how programs ended, and forgets them.
fn report_ended() {
    for process in schedule::bury() {
        let status = process.status().unwrap_or_default();
        if status != 0 || !process.foreground {
            println!("{}[{}]: {}", process.name, process.id, status_text(status));
        }
    }
}

fn kill(arguments: &[&str]) {
    const KILLED: i32 = 137;
    let wanted: Option<u32> = arguments.first().and_then(|number| number.parse().ok());
    match schedule::all()
        .iter()
        .find(|process| Some(process.id) == wanted)
    {
        Some(process) => process.finish(KILLED),
        None => println!("kill: which number? try ps"),
    }
}

fn vcpu(arguments: &[&str]) {
    let (action, id) = match arguments {
        [action, id] => (*action, id.parse().unwrap_or(0)),
        _ => ("", 0),
    };
    let done = match (action, id) {
        ("up" | "down", 0) => {
            println!("vcpu: which number? vCPU 0 is this one, and always up; try cpus");
            return;
        }
        ("up", id) => vcpus::up(id),
        ("down", id) => vcpus::down(id),
        _ => {
            println!("vcpu: up NUMBER, or down NUMBER");
            return;
        }
    };
    match done {
        Ok(()) => println!("vCPU {id} is {action}"),
        Err(error) => println!("vCPU {id}: {error}"),
    }
}

fn faults() {
    println!("a process stores to address 0:");
    match process::demonstration() {
        Ok(status) => println!("it ended with status {status}; the kernel goes on"),
        Err(refused) => println!("it cannot be run: {refused}"),
    }
    println!("the kernel reads address 0, with a landing for the fault:");
    let read: Option<u64> = traps::probe_read(0);
    println!(
        "{}",
        if read.is_none() {
            "the read was refused; the kernel goes on"
        } else {
            "there was something"
        }
    );
    report::fault_counters();
}

fn power_off() -> ! {
    println!("poweroff");
    power::off()
}
