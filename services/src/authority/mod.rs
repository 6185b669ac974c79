//! The Vouching Authority: looks at the network itself and signs what it saw.
