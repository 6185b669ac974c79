//! What programs have attached: equal settings are one installation, which is never taken away again.

use once_cell::race::OnceBox;

use crate::installation::Installation;
use crate::installation::config::Section;

/// The installations of different settings, in the order in which they came. Neither looking nor adding waits for another
/// thread (see `library`).
#[derive(Default)]
pub(crate) struct Shared {
    first: OnceBox<Node>,
}

struct Node {
    settings: Section,
    installation: Installation,
    next: OnceBox<Node>,
}

impl Shared {
    /// The installation by these settings, which is made if there is none yet. Of two threads that make it, one's counts.
    pub(crate) fn get_or_make<E>(
        &self,
        settings: &Section,
        make: impl Fn() -> Result<Installation, E>,
    ) -> Result<&Installation, E> {
        let mut place = &self.first;
        let mut new = None;
        loop {
            match place.get() {
                Some(node) if node.settings == *settings => return Ok(&node.installation),
                Some(node) => place = &node.next,
                None => {
                    let node = match new {
                        Some(node) => node,
                        None => {
                            let settings = settings.clone();
                            Box::new(Node { settings, installation: make()?, next: OnceBox::new() })
                        }
                    };
                    new = place.set(node).err();
                }
            }
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Installation> {
        std::iter::successors(self.first.get(), |node| node.next.get()).map(|node| &node.installation)
    }
}
