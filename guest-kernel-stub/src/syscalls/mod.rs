//! The part of Linux's system-call ABI that static programs use.
//!
//! A program executes `syscall` with a number in rax and arguments in rdi, rsi, rdx,
//! r10, r8, r9; the result goes to rax, an error as its negative number. What is not in
//! the table below is answered with `ENOSYS`; C libraries then do without.

mod error;
mod files;
mod memory;
mod number;
mod open_file;
mod task;
mod time;
mod wire;

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

pub use open_file::OpenFiles;

use crate::process::{Process, schedule};
use crate::traps::Frame;
use error::Error;

/// System calls so far.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// System calls so far.
pub fn count() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

/// What a system call gives back.
type Result<T = u64> = core::result::Result<T, Error>;

/// A system call of the current process.
pub fn system_call(frame: &mut Frame) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    let process = schedule::current().expect("system calls come from processes");
    let result = serve(&process, frame);
    frame.rax = match result {
        Ok(value) => value,
        Err(error) => error.to_return(),
    };
}

fn serve(process: &Arc<Process>, frame: &Frame) -> Result {
    let [a, b, c, d] = [frame.rdi, frame.rsi, frame.rdx, frame.r10];
    match frame.rax {
        number::READ => files::read(process, a, b, c),
        number::WRITE => files::write(process, a, b, c),
        number::READV => files::vectored(process, a, b, c, files::read),
        number::WRITEV => files::vectored(process, a, b, c, files::write),
        number::PREAD64 => files::read_at(process, a, b, c, d),
        number::OPEN => files::open(process, a, b),
        number::OPENAT => files::open(process, b, c),
        number::CLOSE => files::close(process, a),
        number::LSEEK => files::seek(process, a, b, c),
        number::FSTAT => files::stat_descriptor(process, a, b),
        number::STAT | number::LSTAT => files::stat_path(a, b),
        number::NEWFSTATAT => files::stat_at(process, a, b, c, d),
        number::STATX => files::statx(process, a, b, c, frame.r8),
        number::GETDENTS64 => files::list(process, a, b, c),
        number::ACCESS => files::access(a),
        number::FACCESSAT | number::FACCESSAT2 => files::access(b),
        number::READLINK => files::read_link(process, a, b, c),
        number::READLINKAT => files::read_link(process, b, c, d),
        number::GETCWD => files::working_directory(a, b),
        number::DUP => files::duplicate(process, a),
        number::FCNTL => files::control(process, a, b),
        number::IOCTL => files::device_control(process, a, b, c),
        number::POLL => files::poll(process, a, b),

        number::BRK => memory::set_break(process, a),
        number::MMAP => memory::map(process, [a, b, c, d, frame.r8, frame.r9]),
        number::MUNMAP => memory::unmap(process, a, b),
        number::MPROTECT => memory::protect(process, a, b, c),
        number::MADVISE => memory::advise(process, a, b, c),

        number::CLOCK_GETTIME => time::clock(a, b),
        number::CLOCK_GETRES => time::resolution(b),
        number::GETTIMEOFDAY => time::time_of_day(a),
        number::TIME => time::seconds(a),
        number::NANOSLEEP => time::sleep(process, a, b),
        number::CLOCK_NANOSLEEP => time::clock_sleep(process, a, b, c, d),

        number::EXIT | number::EXIT_GROUP => task::exit(process, a),
        number::KILL | number::TKILL => task::signal_self(process, a, b),
        number::TGKILL => task::signal_self(process, b, c),
        number::GETPID | number::GETTID | number::SET_TID_ADDRESS => Ok(process.id.into()),
        number::GETPPID | number::GETUID | number::GETEUID | number::GETGID | number::GETEGID => {
            Ok(0)
        }
        number::ARCH_PRCTL => task::segment_base(process, a, b),
        number::UNAME => task::names(a),
        number::PRLIMIT64 => task::limits(b, d),
        number::GETRANDOM => task::random(a, b),
        number::SCHED_YIELD => task::give_way(),
        number::SCHED_GETAFFINITY => task::processors(b, c),
        number::FUTEX => task::futex(process, a, b, c, d),
        // One thread, no signals: asking for them changes nothing.
        number::SET_ROBUST_LIST | number::RT_SIGACTION | number::SIGALTSTACK => Ok(0),
        number::RT_SIGPROCMASK => task::signal_mask(c, d),
        _ => Err(Error::ENOSYS),
    }
}
