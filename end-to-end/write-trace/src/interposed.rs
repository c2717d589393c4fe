//! The C library's functions that change files, each by its system call and then noted.
//!
//! They stand in for the C library's, so their names and signatures are its own, and every one
//! is as unsafe as it is in C: the caller answers for its pointers.
#![allow(unsafe_code, clippy::missing_safety_doc)]

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::{
    AT_FDCWD, O_CREAT, O_TRUNC, c_char, c_int, c_long, c_uint, c_void, iovec, mode_t, off_t, size_t, ssize_t,
    syscall,
};

use crate::event::Change;
use crate::trace::{Watched, now_ns, of_descriptor, of_name};

unsafe fn path<'a>(name: *const c_char) -> &'a Path {
    // SAFETY: the caller's pointer, as in C.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()))
}

unsafe fn wrote(fd: c_int, data: *const c_void, written: c_long, offset: Option<off_t>) -> ssize_t {
    if written > 0
        && let Some(file) = of_descriptor(fd)
    {
        // SAFETY: so many bytes have just been read from there by the kernel.
        let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), written as usize) };
        let offset = offset.unwrap_or_else(|| unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) } - written);
        file.note(Change::Write(offset as u64, data.to_vec()));
    }
    written as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, data: *const c_void, count: size_t) -> ssize_t {
    unsafe { wrote(fd, data, syscall(libc::SYS_write, fd, data, count), None) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: c_int, data: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    unsafe { wrote(fd, data, syscall(libc::SYS_pwrite64, fd, data, count, offset), Some(offset)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: c_int, data: *const c_void, count: size_t, offset: off_t) -> ssize_t {
    unsafe { pwrite(fd, data, count, offset) }
}

/// Piece by piece: short writes are allowed.
#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, pieces: *const iovec, count: c_int) -> ssize_t {
    if of_descriptor(fd).is_none() {
        return unsafe { syscall(libc::SYS_writev, fd, pieces, count) as ssize_t };
    }
    let pieces = unsafe { std::slice::from_raw_parts(pieces, count as usize) };
    pieces
        .iter()
        .find(|piece| piece.iov_len > 0)
        .map_or(0, |piece| unsafe { write(fd, piece.iov_base, piece.iov_len) })
}

unsafe fn resized(fd: c_int, length: off_t) -> c_int {
    let outcome = unsafe { syscall(libc::SYS_ftruncate, fd, length) };
    if outcome == 0
        && let Some(file) = of_descriptor(fd)
    {
        file.note(Change::Resize(length as u64));
    }
    outcome as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    unsafe { resized(fd, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    unsafe { resized(fd, length) }
}

fn synced(number: c_long, fd: c_int) -> c_int {
    let begun_ns = now_ns();
    // SAFETY: only a descriptor.
    let outcome = unsafe { syscall(number, fd) };
    if outcome == 0
        && let Some(file) = of_descriptor(fd)
    {
        file.note(Change::Synced(begun_ns));
    }
    outcome as c_int
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    synced(libc::SYS_fsync, fd)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    synced(libc::SYS_fdatasync, fd)
}

/// A file that is opened with O_TRUNC is empty from then on.
unsafe fn opened(folder: c_int, name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let fd = unsafe { syscall(libc::SYS_openat, folder, name, flags, c_uint::from(mode)) } as c_int;
    if fd >= 0
        && flags & (O_TRUNC | O_CREAT) == O_TRUNC | O_CREAT
        && let Some(file) = of_descriptor(fd)
    {
        file.note(Change::Resize(0));
    }
    fd
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open(name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(AT_FDCWD, name, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(AT_FDCWD, name, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(folder: c_int, name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(folder, name, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(folder: c_int, name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    unsafe { opened(folder, name, flags, mode) }
}

unsafe fn renamed(from_folder: c_int, from: *const c_char, to_folder: c_int, to: *const c_char) -> c_int {
    let file = of_name(from_folder, unsafe { path(from) });
    let new = of_name(to_folder, unsafe { path(to) }).map(Watched::into_path);
    let outcome = unsafe { syscall(libc::SYS_renameat2, from_folder, from, to_folder, to, 0) };
    if outcome == 0
        && let (Some(file), Some(new)) = (file, new)
    {
        file.note(Change::Rename(new));
    }
    outcome as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { renamed(AT_FDCWD, from, AT_FDCWD, to) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(
    from_folder: c_int,
    from: *const c_char,
    to_folder: c_int,
    to: *const c_char,
) -> c_int {
    unsafe { renamed(from_folder, from, to_folder, to) }
}

unsafe fn unlinked(folder: c_int, name: *const c_char, flags: c_int) -> c_int {
    let file = of_name(folder, unsafe { path(name) });
    let outcome = unsafe { syscall(libc::SYS_unlinkat, folder, name, flags) };
    if outcome == 0
        && let Some(file) = file
    {
        file.note(Change::Unlink);
    }
    outcome as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(name: *const c_char) -> c_int {
    unsafe { unlinked(AT_FDCWD, name, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(folder: c_int, name: *const c_char, flags: c_int) -> c_int {
    unsafe { unlinked(folder, name, flags) }
}
