//! The loyalty service: programs, members, the points ledger.
