//! Session secrets that a capture brings (pcapng Decryption Secrets Block) or that were given with it, and the records
//! they open. Nothing in here has a `Debug` that shows a secret, and no secret goes into a report.

mod derive;
mod keylog;
mod opener;
mod session;
mod suite;

pub use keylog::{KeyCounts, KeyLog, Source};
pub use opener::Sealed;
pub use session::{Opened, Session};
