//! One step on the file system.

use std::io;

use crate::disk::error::{FileError, Step};

/// Runs one step on the file system. Its error says which step it was.
pub(super) fn step<T>(step: Step, run: impl FnOnce() -> io::Result<T>) -> Result<T, FileError> {
    #[cfg(all(test, unix))]
    let run = || faults::faulty(step, run);
    run().map_err(|e| FileError::io(&e, step))
}

/// Faults of the file system, for tests.
#[cfg(test)]
#[cfg(unix)]
pub(super) mod faults {
    use std::cell::{Cell, RefCell};
    use std::io;

    use crate::disk::error::Step;

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(in crate::disk) enum Fault {
        /// The step fails without any effect.
        Before,
        /// The step reports failure though it is done.
        After,
        /// The process dies in front of the step.
        Kill,
    }

    /// The step to break, how, and after how many that went well.
    pub(in crate::disk) type Plan = (Step, Fault, u32);
    /// What else happens just before a step, once.
    type Meanwhile = (Step, Box<dyn FnOnce()>);

    thread_local! {
        pub(in crate::disk) static FAULT: Cell<Option<Plan>> = const { Cell::new(None) };
        static MEANWHILE: RefCell<Option<Meanwhile>> = const { RefCell::new(None) };
    }

    pub(in crate::disk) fn meanwhile(step: Step, what: impl FnOnce() + 'static) {
        MEANWHILE.set(Some((step, Box::new(what))));
    }

    /// What [`step`](super::step) runs in tests.
    pub(super) fn faulty<T>(step: Step, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if let Some((_, what)) = MEANWHILE.with_borrow_mut(|m| m.take_if(|(at, _)| *at == step)) {
            what();
        }
        match FAULT.get() {
            Some((at, fault, 0)) if at == step => {
                if fault == Fault::Kill {
                    std::process::abort();
                }
                FAULT.set(None);
                let full = || io::Error::from(io::ErrorKind::StorageFull);
                if fault == Fault::After { run().and_then(|_| Err(full())) } else { Err(full()) }
            }
            Some((at, fault, skip)) if at == step => {
                FAULT.set(Some((at, fault, skip - 1)));
                run()
            }
            _ => run(),
        }
    }
}
