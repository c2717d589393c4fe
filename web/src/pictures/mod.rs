//! Pictures, drawn by librrd.

mod drawing_thread;
mod picture;
mod renderer;

pub(crate) use drawing_thread::Pictures;
pub(crate) use picture::{PictureError, PictureKey};
