//! Pictures, drawn by librrd.

mod drawing_thread;
mod files;
mod own_files;
mod picture;
mod renderer;

pub(crate) use drawing_thread::Pictures;
pub(crate) use files::Files;
pub(crate) use own_files::OwnFiles;
pub(crate) use picture::{PictureError, PictureKey};
