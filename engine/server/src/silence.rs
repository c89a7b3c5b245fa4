//! A word to people who wait, should something take long.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Says it after so long, unless what is given back has been dropped by then.
#[must_use]
pub(crate) fn break_after(silence: Duration, say: impl FnOnce() + Send + 'static) -> Sender<()> {
    let (done, over) = channel();
    std::thread::spawn(move || {
        if over.recv_timeout(silence) == Err(RecvTimeoutError::Timeout) {
            say();
        }
    });
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_takes_long_is_spoken_of() {
        let (said, heard) = channel();
        let (at_once, late) = (said.clone(), said);
        drop(break_after(Duration::from_millis(200), move || {
            at_once.send("at once").ok();
        }));
        let waiting = break_after(Duration::from_millis(10), move || {
            late.send("late").ok();
        });
        assert_eq!(heard.iter().collect::<Vec<_>>(), ["late"]);
        drop(waiting);
    }
}
