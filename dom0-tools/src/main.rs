//! The `dom0` command.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand, ValueEnum};
use dom0_tools::check_kernel::Report;
use std::path::PathBuf;
use std::process::ExitCode;
use xenolith_rules::elf::Role;

/// The toolstack of the Xenolith hypervisor.
///
/// This version looks at kernel files only: it does not yet create, list or control domains.
#[derive(Parser)]
#[command(name = "dom0", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says whether a file would start as a PV kernel, and why not
    ///
    /// Shows the Xen ELF notes that the file has, those that it lacks with what that means,
    /// and where it would be loaded. Exit status: 0 it starts, 1 it does not, 2 the file
    /// cannot be read.
    CheckKernel {
        /// The kernel: an ELF64 file, not compressed
        file: PathBuf,
        /// Write JSON; addresses are texts, as JSON's numbers do not hold 64 bits
        #[arg(long)]
        json: bool,
        /// What the kernel is to be
        #[arg(long = "as", value_enum, default_value_t = As::Dom0)]
        role: As,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum As {
    /// The control domain
    Dom0,
    /// Any other domain
    #[value(name = "domu")]
    DomU,
}

fn main() -> ExitCode {
    let Command::CheckKernel { file, json, role } = Arguments::parse().command;
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("dom0: {}: {error}", file.display());
            return ExitCode::from(2);
        }
    };
    let role = match role {
        As::Dom0 => Role::Dom0,
        As::DomU => Role::DomU,
    };
    let report = Report::new(&file.to_string_lossy(), &bytes, role);
    if json {
        println!("{}", report.to_json());
    } else {
        print!("{report}");
    }
    ExitCode::from(u8::from(!report.boots))
}
