//! Console, and the files of the initrd.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use zerocopy::FromZeros;

use super::Result;
use super::error::Error;
use super::open_file::{Kind, OpenFile};
use super::wire::{IoVector, PollFile, Stat, Statx};
use crate::memory::{PAGE_SIZE, user};
use crate::process::{Process, State, schedule};
use crate::{console, cpio, files};

/// Access mode in the flags of `open`: anything but reading only.
const OPEN_FOR_WRITING: u64 = 3;
/// Most bytes that one call moves.
const MOST: u64 = 1 << 20;
/// "The working directory" in place of a directory's descriptor, or a path that must not be empty.
const AT_EMPTY_PATH: u64 = 0x1000;

/// Reads from where the descriptor stands.
pub fn read(process: &Arc<Process>, descriptor: u64, address: u64, count: u64) -> Result {
    let file = process.files.lock().get(descriptor)?;
    match &file.kind {
        Kind::Console => read_console(process, address, count),
        Kind::Null => Ok(0),
        Kind::Directory(_) => Err(Error::EISDIR),
        Kind::File(content) => {
            let position = file.position.load(Ordering::Relaxed);
            let copied = copy_out(content.data, position, address, count)?;
            file.position.store(position + copied, Ordering::Relaxed);
            Ok(copied)
        }
    }
}

/// Reads from a position of its own.
pub fn read_at(
    process: &Arc<Process>,
    descriptor: u64,
    address: u64,
    count: u64,
    position: u64,
) -> Result {
    match &process.files.lock().get(descriptor)?.kind {
        Kind::File(content) => copy_out(content.data, position, address, count),
        Kind::Directory(_) => Err(Error::EISDIR),
        Kind::Console | Kind::Null => Err(Error::ESPIPE),
    }
}

fn copy_out(data: &[u8], position: u64, address: u64, count: u64) -> Result {
    let rest = data.get(position as usize..).unwrap_or_default();
    let part = &rest[..rest.len().min(count.min(MOST) as usize)];
    user::write_bytes(address, part)?;
    Ok(part.len() as u64)
}

/// Waits for a line of the console, and gives it with its end; 0 bytes are the end of input.
fn read_console(process: &Arc<Process>, address: u64, count: u64) -> Result {
    if !process.foreground {
        return Ok(0);
    }
    loop {
        if let Some(bytes) = console::take_line(count.min(MOST) as usize) {
            user::write_bytes(address, &bytes)?;
            return Ok(bytes.len() as u64);
        }
        schedule::wait_in(State::Reading);
        if process.ending().is_some() {
            return Err(Error::EINTR);
        }
    }
}

/// Writes to the console.
pub fn write(process: &Arc<Process>, descriptor: u64, address: u64, count: u64) -> Result {
    match &process.files.lock().get(descriptor)?.kind {
        Kind::Null => return Ok(count),
        Kind::File(_) | Kind::Directory(_) => return Err(Error::EBADF),
        Kind::Console => {}
    }
    let mut piece = [0; 512];
    let mut done = 0;
    while done < count.min(MOST) {
        let part = &mut piece[..(count - done).min(512) as usize];
        user::read_bytes(address + done, part)?;
        console::write(part);
        done += part.len() as u64;
    }
    Ok(done)
}

/// `readv` and `writev`: the call for each part, until one does not do all of its part.
pub fn vectored(
    process: &Arc<Process>,
    descriptor: u64,
    list: u64,
    count: u64,
    call: fn(&Arc<Process>, u64, u64, u64) -> Result,
) -> Result {
    if count > 1024 {
        return Err(Error::EINVAL);
    }
    let mut done = 0;
    for index in 0..count {
        let part: IoVector = user::read(list.wrapping_add(index * 16))?;
        if part.count == 0 {
            continue;
        }
        match call(process, descriptor, part.address, part.count) {
            Ok(moved) => {
                done += moved;
                if moved < part.count {
                    break;
                }
            }
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

/// Opens a path for reading.
pub fn open(process: &Arc<Process>, path: u64, flags: u64) -> Result {
    let path = user::read_text(path)?;
    let kind = find(&path)?;
    if flags & OPEN_FOR_WRITING != 0 && matches!(kind, Kind::File(_) | Kind::Directory(_)) {
        return Err(Error::EROFS);
    }
    process.files.lock().add(OpenFile::new(kind))
}

fn find(path: &str) -> Result<Kind> {
    match cpio::plain(path) {
        "dev/null" => Ok(Kind::Null),
        "dev/tty" | "dev/console" => Ok(Kind::Console),
        _ => match files::find(path) {
            Some(file) => Ok(Kind::File(file)),
            None if files::is_directory(path) => Ok(Kind::Directory(files::list(path))),
            None => Err(Error::ENOENT),
        },
    }
}

/// Closes a descriptor.
pub fn close(process: &Arc<Process>, descriptor: u64) -> Result {
    process.files.lock().close(descriptor)
}

/// Moves where the next read begins.
pub fn seek(process: &Arc<Process>, descriptor: u64, offset: u64, from: u64) -> Result {
    let file = process.files.lock().get(descriptor)?;
    let end = match &file.kind {
        Kind::File(content) => content.data.len(),
        Kind::Directory(names) => names.len(),
        Kind::Console | Kind::Null => return Err(Error::ESPIPE),
    };
    let base = match from {
        0 => 0,
        1 => file.position.load(Ordering::Relaxed),
        2 => end as u64,
        _ => return Err(Error::EINVAL),
    };
    let position = base
        .checked_add_signed(offset as i64)
        .ok_or(Error::EINVAL)?;
    file.position.store(position, Ordering::Relaxed);
    Ok(position)
}

/// What `stat` tells: mode and size.
struct About {
    mode: u32,
    size: u64,
    inode: u64,
}

fn about(kind: &Kind) -> About {
    match kind {
        Kind::Console => About {
            mode: 0o020_620,
            size: 0,
            inode: 1,
        },
        Kind::Null => About {
            mode: 0o020_666,
            size: 0,
            inode: 2,
        },
        Kind::Directory(_) => About {
            mode: 0o040_555,
            size: 0,
            inode: 3,
        },
        // Where the content lies is a number that no other file has.
        Kind::File(file) => About {
            mode: file.mode & !0o222,
            size: file.data.len() as u64,
            inode: file.data.as_ptr() as u64 / 4,
        },
    }
}

fn write_stat(kind: &Kind, address: u64) -> Result {
    let about = about(kind);
    let stat = Stat {
        inode: about.inode,
        links: 1,
        mode: about.mode,
        size: about.size as i64,
        block_size: PAGE_SIZE as i64,
        blocks: about.size.div_ceil(512) as i64,
        ..Stat::new_zeroed()
    };
    user::write(address, &stat)?;
    Ok(0)
}

/// `fstat`.
pub fn stat_descriptor(process: &Arc<Process>, descriptor: u64, address: u64) -> Result {
    let file = process.files.lock().get(descriptor)?;
    write_stat(&file.kind, address)
}

/// `stat`.
pub fn stat_path(path: u64, address: u64) -> Result {
    write_stat(&find(&user::read_text(path)?)?, address)
}

/// `newfstatat`: a path, or the descriptor itself.
pub fn stat_at(
    process: &Arc<Process>,
    descriptor: u64,
    path: u64,
    address: u64,
    flags: u64,
) -> Result {
    if flags & AT_EMPTY_PATH != 0 && user::read_text(path)?.is_empty() {
        return stat_descriptor(process, descriptor, address);
    }
    stat_path(path, address)
}

/// `statx`.
pub fn statx(
    process: &Arc<Process>,
    descriptor: u64,
    path: u64,
    flags: u64,
    address: u64,
) -> Result {
    /// The basic fields are filled.
    const BASIC: u32 = 0x7ff;
    let path = user::read_text(path)?;
    let about = if flags & AT_EMPTY_PATH != 0 && path.is_empty() {
        about(&process.files.lock().get(descriptor)?.kind)
    } else {
        about(&find(&path)?)
    };
    let statx = Statx {
        mask: BASIC,
        block_size: PAGE_SIZE as u32,
        links: 1,
        mode: about.mode as u16,
        inode: about.inode,
        size: about.size,
        blocks: about.size.div_ceil(512),
        ..Statx::new_zeroed()
    };
    user::write(address, &statx)?;
    Ok(0)
}

/// `getdents64`: as many entries as fit.
pub fn list(process: &Arc<Process>, descriptor: u64, address: u64, count: u64) -> Result {
    /// Kinds of entries.
    const DIRECTORY: u8 = 4;
    const REGULAR: u8 = 8;
    let file = process.files.lock().get(descriptor)?;
    let Kind::Directory(names) = &file.kind else {
        return Err(Error::ENOTDIR);
    };
    let first = file.position.load(Ordering::Relaxed);
    let mut bytes: Vec<u8> = Vec::new();
    let mut next = first;
    for (name, is_directory) in names.iter().skip(first as usize) {
        // Inode, offset of the next entry, length, kind, name with its NUL; a multiple of 8.
        let length = (8 + 8 + 2 + 1 + name.len() + 1).next_multiple_of(8);
        if bytes.len() + length > count.min(MOST) as usize {
            break;
        }
        let end = bytes.len() + length;
        next += 1;
        bytes.extend((next + 16).to_le_bytes());
        bytes.extend(next.to_le_bytes());
        bytes.extend((length as u16).to_le_bytes());
        bytes.push(if *is_directory { DIRECTORY } else { REGULAR });
        bytes.extend(name.bytes());
        bytes.resize(end, 0);
    }
    if bytes.is_empty() && next < names.len() as u64 {
        return Err(Error::EINVAL);
    }
    user::write_bytes(address, &bytes)?;
    file.position.store(next, Ordering::Relaxed);
    Ok(bytes.len() as u64)
}

/// Whether a path is there.
pub fn access(path: u64) -> Result {
    find(&user::read_text(path)?).map(|_| 0)
}

/// The one link that there is: the program's own file.
pub fn read_link(process: &Arc<Process>, path: u64, address: u64, count: u64) -> Result {
    if user::read_text(path)? != "/proc/self/exe" {
        return Err(Error::EINVAL);
    }
    let mut target = vec![b'/'];
    target.extend(process.name.bytes());
    target.truncate(count as usize);
    user::write_bytes(address, &target)?;
    Ok(target.len() as u64)
}

/// The working directory is always the root.
pub fn working_directory(address: u64, count: u64) -> Result {
    if count < 2 {
        return Err(Error::ERANGE);
    }
    user::write_bytes(address, b"/\0")?;
    Ok(2)
}

/// Another descriptor for the same.
pub fn duplicate(process: &Arc<Process>, descriptor: u64) -> Result {
    let mut files = process.files.lock();
    let file = files.get(descriptor)?;
    files.add(file)
}

/// `fcntl`.
pub fn control(process: &Arc<Process>, descriptor: u64, command: u64) -> Result {
    const DUPLICATE: u64 = 0;
    const DUPLICATE_CLOSE_ON_EXEC: u64 = 1030;
    const GET_FLAGS: u64 = 3;
    const READ_AND_WRITE: u64 = 2;
    let file = process.files.lock().get(descriptor)?;
    match command {
        DUPLICATE | DUPLICATE_CLOSE_ON_EXEC => process.files.lock().add(file),
        GET_FLAGS if matches!(file.kind, Kind::Console | Kind::Null) => Ok(READ_AND_WRITE),
        // Reading only; close-on-exec and the rest mean nothing here.
        _ => Ok(0),
    }
}

/// `ioctl`: enough for a C library to see that the console is a terminal.
pub fn device_control(
    process: &Arc<Process>,
    descriptor: u64,
    request: u64,
    address: u64,
) -> Result {
    const GET_ATTRIBUTES: u64 = 0x5401;
    const GET_WINDOW_SIZE: u64 = 0x5413;
    let file = process.files.lock().get(descriptor)?;
    match (&file.kind, request) {
        (Kind::Console, GET_ATTRIBUTES) => user::write_bytes(address, &[0; 36])?,
        (Kind::Console, GET_WINDOW_SIZE) => {
            let [rows, columns] = [24_u16, 80_u16];
            user::write(address, &[rows, columns, 0, 0])?;
        }
        _ => return Err(Error::ENOTTY),
    }
    Ok(0)
}

/// `poll`: files are always ready; nobody has to wait here.
pub fn poll(process: &Arc<Process>, list: u64, count: u64) -> Result {
    const INVALID: u16 = 0x20;
    if count > 256 {
        return Err(Error::EINVAL);
    }
    let mut ready = 0;
    for index in 0..count {
        let place = list.wrapping_add(index * 8);
        let mut one: PollFile = user::read(place)?;
        let known = one.descriptor < 0 || process.files.lock().get(one.descriptor as u64).is_ok();
        one.found = match (one.descriptor, known) {
            (..0, _) => 0,
            (_, true) => one.wanted & 0x5,
            (_, false) => INVALID,
        };
        ready += u64::from(one.found != 0);
        user::write(place, &one)?;
    }
    Ok(ready)
}
