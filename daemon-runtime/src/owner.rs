//! One way to own what blocks: a thread of its own, supervised.
//!
//! An [`Owner`] has a state and carries out requests on it; an [`OwnerThread`] has a loop of its
//! own. In a program that runs as a [`Daemon`](crate::Daemon), a panic of either ends the process
//! at once, and an end by error within [`failure::DRAIN_WITHIN`], with exit code 1 and one line
//! that says which owner and why: whoever supervises the program starts it anew. Systemd's watchdog
//! is fed only while every owner goes on ([`Alive`]). Elsewhere (tests, subcommands) a failure is
//! what [`OwnerThread::join`] says.

mod alive;
pub(crate) mod failure;
#[cfg(debug_assertions)]
mod fault;

use std::io;
use std::thread::JoinHandle;

use anyhow::anyhow;
use tokio::sync::{mpsc, oneshot};

pub use self::alive::Alive;
pub(crate) use self::alive::hanging;

/// Requests that may wait for an owner; who has more waits with them.
const REQUESTS_WAITING: usize = 64;

type Request<S> = Box<dyn FnOnce(&mut S) + Send>;

/// Asks the thread that owns a state `S`. The thread ends when the last of these is gone.
#[derive(Debug)]
pub struct Owner<S> {
    requests: mpsc::Sender<Request<S>>,
}

/// There is no answer: the owner has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its thread has ended")]
pub struct OwnerEnded;

impl<S> Clone for Owner<S> {
    fn clone(&self) -> Self {
        Self { requests: self.requests.clone() }
    }
}

impl<S: Send + 'static> Owner<S> {
    /// Starts a thread that owns `state`. `name` says in logs what it owns, like `ledger`.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn spawn(name: impl Into<String>, mut state: S) -> io::Result<(Self, OwnerThread)> {
        let (requests, mut incoming) = mpsc::channel::<Request<S>>(REQUESTS_WAITING);
        let thread = OwnerThread::spawn(name, move |alive| {
            while let Some(request) = alive.wait(|| incoming.blocking_recv()) {
                request(&mut state);
            }
            Ok(())
        })?;
        Ok((Self { requests }, thread))
    }

    /// Asks, and waits for the answer. The request is carried out even if nobody waits any more.
    ///
    /// # Errors
    /// If the owner has ended.
    pub async fn ask<A: Send + 'static>(
        &self,
        request: impl FnOnce(&mut S) -> A + Send + 'static,
    ) -> Result<A, OwnerEnded> {
        let (request, answer) = answered(request);
        self.requests.send(request).await.map_err(|_| OwnerEnded)?;
        answer.await.map_err(|_| OwnerEnded)
    }

    /// Has it do something that nobody waits for, unless so much waits already that it does not matter.
    pub fn tell(&self, request: impl FnOnce(&mut S) + Send + 'static) {
        let _ = self.requests.try_send(Box::new(request));
    }

    /// Asks from a thread that may block.
    ///
    /// # Errors
    /// If the owner has ended.
    pub fn ask_blocking<A: Send + 'static>(
        &self,
        request: impl FnOnce(&mut S) -> A + Send + 'static,
    ) -> Result<A, OwnerEnded> {
        let (request, answer) = answered(request);
        self.requests.blocking_send(request).map_err(|_| OwnerEnded)?;
        answer.blocking_recv().map_err(|_| OwnerEnded)
    }
}

/// A request that sends its answer back; who asked may have gone.
fn answered<S, A: Send + 'static>(
    request: impl FnOnce(&mut S) -> A + Send + 'static,
) -> (Request<S>, oneshot::Receiver<A>) {
    let (sender, answer) = oneshot::channel();
    let request = Box::new(move |state: &mut S| {
        let _ = sender.send(request(state));
    });
    (request, answer)
}

/// An owner's thread.
#[derive(Debug)]
pub struct OwnerThread {
    name: String,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl OwnerThread {
    /// Starts an owner with a loop of its own. `body` says through [`Alive`] that it goes on: with
    /// [`Alive::wait`] where it waits for as long as it takes (for requests), with [`Alive::step`]
    /// in everything else that may last.
    ///
    /// # Errors
    /// If the system has no thread for it.
    pub fn spawn(
        name: impl Into<String>,
        body: impl FnOnce(&Alive) -> anyhow::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let name = name.into();
        let alive = Alive::new(&name);
        let thread = std::thread::Builder::new().name(name.clone()).spawn(move || {
            failure::watched(alive.name());
            let outcome = body(&alive);
            if let Err(error) = &outcome {
                failure::ended_by_error(alive.name(), error);
            }
            outcome
        })?;
        Ok(Self { name, thread })
    }

    /// Waits until it has ended; how it ended.
    ///
    /// # Errors
    /// What its loop ended with, or that it panicked.
    pub async fn join(self) -> anyhow::Result<()> {
        tokio::task::spawn_blocking(|| self.join_blocking()).await?
    }

    /// The same from a thread that may block.
    ///
    /// # Errors
    /// What its loop ended with, or that it panicked.
    pub fn join_blocking(self) -> anyhow::Result<()> {
        self.thread.join().unwrap_or_else(|_| Err(anyhow!("the thread {:?} panicked", self.name)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_answers_in_order_and_ends_with_its_last_handle() {
        let (owner, thread) = Owner::spawn("numbers", Vec::new()).unwrap();
        let other = owner.clone();
        let push = |number: u32| {
            move |numbers: &mut Vec<u32>| {
                numbers.push(number);
                numbers.clone()
            }
        };
        assert_eq!(owner.ask(push(1)).await.unwrap(), [1]);
        let blocking = std::thread::spawn(move || other.ask_blocking(push(2)).unwrap());
        assert_eq!(blocking.join().unwrap(), [1, 2]);
        drop(owner);
        thread.join().await.unwrap();
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_carried_out() {
        let (owner, _thread) = Owner::spawn("number", 0).unwrap();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        // What it is busy with is asked for first: a task of its own might not have come to that yet.
        let mut busy = std::pin::pin!(owner.ask(move |_| wait.recv()));
        tokio::select! { biased;
            _ = &mut busy => panic!("nobody let it go on"),
            () = std::future::ready(()) => {}
        }
        let left = owner.ask(|number| *number += 1);
        tokio::select! { biased;
            _ = left => panic!("it is busy"),
            () = std::future::ready(()) => {}
        }
        go_on.send(()).unwrap();
        busy.await.unwrap().unwrap();
        assert_eq!(owner.ask(|number| *number).await.unwrap(), 1);
    }

    /// Outside a daemon the process goes on, and whoever asks or joins is told.
    #[tokio::test]
    async fn after_a_panic_nobody_is_kept_waiting() {
        let (owner, thread) = Owner::spawn("fragile", ()).unwrap();
        let waiting: Vec<_> = (0..200)
            .map(|number| {
                let owner = owner.clone();
                tokio::spawn(async move { owner.ask(move |()| assert!(number < 3, "too many")).await })
            })
            .collect();
        let mut answered = 0;
        for asked in waiting {
            answered += u32::from(asked.await.unwrap().is_ok());
        }
        assert_eq!(answered, 3);
        assert_eq!(owner.ask(|()| ()).await, Err(OwnerEnded));
        assert_eq!(thread.join().await.unwrap_err().to_string(), "the thread \"fragile\" panicked");
    }

    #[test]
    fn a_loop_that_ends_by_error_says_why() {
        let thread = OwnerThread::spawn("line", |_| Err(anyhow!("unplugged"))).unwrap();
        assert_eq!(thread.join_blocking().unwrap_err().to_string(), "unplugged");
    }
}
