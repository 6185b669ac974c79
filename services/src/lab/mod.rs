//! A world on loopback: operators with their CAs, revocation servers and DNS, all speaking the real protocols.
