//! A sidecar of a case, and the name that its clients and its transactional id bear.
//!
//! Two that live at once need two names, or they fence each other. One that comes after another has gone takes its name:
//! it settles at once what the other one left open.
//!
//! Comes in: a sidecar and the number of a name. Goes out: the sidecar. Must never: give a name twice.

use crate::services::sidecar::Sidecar;
use std::ops::{Deref, DerefMut};

/// A sidecar and the number of its name.
pub(crate) struct Member {
    sidecar: Sidecar,
    name: usize,
}

impl Deref for Member {
    type Target = Sidecar;

    fn deref(&self) -> &Sidecar {
        &self.sidecar
    }
}

impl DerefMut for Member {
    fn deref_mut(&mut self) -> &mut Sidecar {
        &mut self.sidecar
    }
}

impl Member {
    /// As its config and its requests have it.
    pub(crate) fn name(&self) -> String {
        name(self.name)
    }
}

/// Which names nobody has.
#[derive(Default)]
pub(crate) struct Names {
    free: Vec<usize>,
    given: usize,
}

impl Names {
    /// A name that was given back, or a new one, and whoever bears it.
    pub(crate) fn bear(&mut self, start: impl FnOnce(String) -> Sidecar) -> Member {
        let number = self.free.pop().unwrap_or_else(|| {
            self.given += 1;
            self.given
        });
        Member { sidecar: start(name(number)), name: number }
    }

    /// Its bearer is no more.
    pub(crate) fn give_back(&mut self, gone: &Member) {
        self.free.push(gone.name);
    }
}

fn name(number: usize) -> String {
    format!("member-{number}")
}
